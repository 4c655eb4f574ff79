import type { Desired } from "./desired.ts";
import type { PostgresChange } from "./diff.ts";
import { type Drift, granteeName, granteeSql, repairIf } from "./drift.ts";
import type { Observed } from "./observe.ts";
import { namesOf } from "./observe-cluster.ts";
import { ident } from "./sql.ts";

/** Databases that every server has and nobody claims. */
export const MAINTENANCE_DATABASES = ["postgres", "template1"] as const;

/**
 * What differs at the server itself: maintenance databases that PUBLIC may enter, where the environment is to close them. Holders
 * of a claim that must enter `postgres` get CONNECT there through their owner role, also where somebody else closed it. Pure.
 *
 * @returns one item, or none when nothing differs
 */
export function diffServer(desired: Desired, observed: Observed, server: string): PostgresChange[] {
  const { facts, databases } = observed.cluster;
  const drifts: Drift[] = [];
  for (const name of MAINTENANCE_DATABASES) {
    const found = databases.get(name);
    if (found === undefined) continue;
    const on = `ON DATABASE ${ident(name)}`;
    const act = (grantee: string | null, privilege: string, wanted: boolean) => {
      const sql = wanted
        ? `GRANT ${privilege} ${on} TO ${granteeSql(grantee)}`
        : `REVOKE ${privilege} ${on} FROM ${granteeSql(grantee)} CASCADE`;
      const [expected, actual] = wanted ? ["granted", "not granted"] : ["not granted", "granted"];
      const aspect = `grant:${name}:${granteeName(grantee)}:${privilege}`;
      drifts.push(
        repairIf(
          facts.superuser,
          aspect,
          expected ?? "",
          actual ?? "",
          { phase: "database", as: "admin", sql },
          `database "${name}" belongs to "${found.owner}"`,
        ),
      );
    };
    const connects = (grantee: string | null) =>
      found.acl.some((one) => one.grantee === grantee && one.privilege === "CONNECT");
    const guests =
      name === "postgres" ? desired.databases.filter((one) => one.spec.connectsToPostgres).map((one) => one.owner) : [];
    if (desired.closeMaintenance) {
      // The other admins first: they would be locked out together with PUBLIC.
      for (const admin of observed.cluster.ledger?.admins ?? [])
        if (admin !== facts.bootstrap && !(facts.superuser && admin === facts.user) && !connects(admin))
          act(admin, "CONNECT", true);
      const ours = new Set(namesOf(desired).roles);
      for (const one of found.acl)
        if (
          one.grantee !== null &&
          ours.has(one.grantee) &&
          !(guests.includes(one.grantee) && one.privilege === "CONNECT")
        )
          act(one.grantee, one.privilege, false);
      for (const one of found.acl) if (one.grantee === null) act(null, one.privilege, false);
    }
    for (const guest of guests)
      if (!connects(guest) && (desired.closeMaintenance || !connects(null))) act(guest, "CONNECT", true);
  }
  if (drifts.length === 0) return [];
  // Before the environment's first apply nobody has meddled: closing is a part of making it.
  const entries = [...(observed.cluster.ledger?.entries.values() ?? [])];
  const first = !entries.some((entry) => entry.environment === desired.environment.id && entry.state === "ready");
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
