import type { Desired } from "./desired.ts";
import type { PostgresChange } from "./diff.ts";
import { type Drift, needsSuperuser, repairable } from "./drift.ts";
import type { Observed } from "./observe.ts";
import { namesOf } from "./observe-cluster.ts";
import { ident } from "./sql.ts";

/** Databases that every server has and nobody claims. */
export const MAINTENANCE_DATABASES = ["postgres", "template1"] as const;

/**
 * What differs at the server itself: maintenance databases that PUBLIC may enter, where the environment is to close them. Holders
 * of a claim that must enter `postgres` get CONNECT there through their owner role. Pure.
 *
 * @returns one item, or none when nothing differs
 */
export function diffServer(desired: Desired, observed: Observed, server: string): PostgresChange[] {
  if (!desired.closeMaintenance) return [];
  const { facts, databases } = observed.cluster;
  const drifts: Drift[] = [];
  for (const name of MAINTENANCE_DATABASES) {
    const found = databases.get(name);
    if (found === undefined) continue;
    const act = (aspect: string, expected: string, actual: string, sql: string) =>
      drifts.push(
        facts.superuser
          ? repairable(aspect, expected, actual, { phase: "database", as: "admin", sql })
          : needsSuperuser(aspect, expected, actual, `database "${name}" belongs to "${found.owner}"`),
      );
    const connects = (grantee: string) => found.acl.some((one) => one.grantee === grantee && one.privilege === "CONNECT");
    // The other admins first: they would be locked out together with PUBLIC.
    for (const admin of observed.cluster.ledger?.admins ?? [])
      if (admin !== facts.bootstrap && !(facts.superuser && admin === facts.user) && !connects(admin))
        act(`grant:${name}:${admin}:CONNECT`, "granted", "not granted", `GRANT CONNECT ON DATABASE ${ident(name)} TO ${ident(admin)}`);
    const allowed = new Set(name === "postgres" ? desired.databases.filter((one) => one.spec.connectsToPostgres).map((one) => one.owner) : []);
    const ours = new Set(namesOf(desired).roles);
    for (const one of found.acl)
      if (one.grantee !== null && ours.has(one.grantee) && !(allowed.has(one.grantee) && one.privilege === "CONNECT"))
        act(`grant:${name}:${one.grantee}:${one.privilege}`, "not granted", "granted", `REVOKE ${one.privilege} ON DATABASE ${ident(name)} FROM ${ident(one.grantee)}`);
    for (const one of found.acl)
      if (one.grantee === null)
        act(`grant:${name}:PUBLIC:${one.privilege}`, "not granted", "granted", `REVOKE ${one.privilege} ON DATABASE ${ident(name)} FROM PUBLIC`);
    if (name !== "postgres") continue;
    for (const one of desired.databases)
      if (one.spec.connectsToPostgres && !connects(one.owner))
        act(`grant:${name}:${one.owner}:CONNECT`, "granted", "not granted", `GRANT CONNECT ON DATABASE ${ident(name)} TO ${ident(one.owner)}`);
  }
  if (drifts.length === 0) return [];
  const first = observed.cluster.ledger?.environments.has(desired.environment.id) !== true;
  return [
    {
      item: {
        id: `${server}/server`,
        service: "postgresql",
        kind: "server",
        sandbox: "",
        instance: "",
        claim: "",
        server,
        name: "maintenance databases",
        action: first ? "create" : "update",
        findings: drifts.map(({ fix: _, ...finding }) => finding),
      },
      drifts,
      intend: false,
      dropBroken: false,
      createDatabase: false,
      lookInside: false,
    },
  ];
}
