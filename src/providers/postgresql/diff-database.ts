import type { DesiredDatabase } from "./desired.ts";
import { type Drift, granteeName, granteeSql, mayAdminister, mayOwnDatabase, repairIf } from "./drift.ts";
import type { Grant, ObservedCluster, ObservedDatabase } from "./observe-cluster.ts";
import { ident } from "./sql.ts";

/** What `CREATE DATABASE … ALLOW_CONNECTIONS false` leaves: closed, and PUBLIC's default rights still in its ACL. */
export function freshDatabase(name: string, owner: string): ObservedDatabase {
  const grant = (grantee: string | null, privilege: string): Grant => ({
    grantee,
    grantor: owner,
    privilege,
    grantable: false,
  });
  return {
    name,
    owner,
    connectionLimit: -1,
    allowsConnections: false,
    isTemplate: false,
    acl: [
      grant(null, "CONNECT"),
      grant(null, "TEMPORARY"),
      ...["CREATE", "CONNECT", "TEMPORARY"].map((word) => grant(owner, word)),
    ],
  };
}

/**
 * Everything in which a database, seen from the cluster-wide catalogues, differs: owner, whole ACL, limits. The order matters:
 * the owner comes first, because grants made before it are folded into the new owner; opening comes last. Pure.
 *
 * @param admins roles that administer this environment; each one that is no superuser keeps CONNECT to look inside
 */
export function diffDatabase(
  wanted: DesiredDatabase,
  found: ObservedDatabase,
  observed: ObservedCluster,
  admins: readonly string[],
): Drift[] {
  const { facts } = observed;
  const database = ident(wanted.database);
  const drifts: Drift[] = [];
  const mayOwn = mayOwnDatabase(observed, wanted.database, wanted.owner);
  const asOwner = (aspect: string, expected: string, actual: string, sql: string) => {
    const note = mayOwn
      ? `"${facts.user}" has no ADMIN OPTION on ${wanted.owner}`
      : `the database belongs to "${found.owner}"`;
    drifts.push(
      repairIf(
        mayOwn && mayAdminister(observed, wanted.owner),
        aspect,
        expected,
        actual,
        { phase: "database", as: "owner", sql },
        note,
      ),
    );
  };

  if (found.owner !== wanted.owner)
    drifts.push(
      repairIf(
        mayOwn,
        "database-owner",
        wanted.owner,
        found.owner,
        {
          phase: "database",
          as: "admin",
          sql: `ALTER DATABASE ${database} OWNER TO ${ident(wanted.owner)}`,
          lend: [wanted.owner, ...(found.owner === facts.user ? [] : [found.owner])],
        },
        `"${facts.user}" may not take it from "${found.owner}"`,
      ),
    );

  const connectors = [
    ...(wanted.reader === undefined ? [] : [wanted.reader]),
    ...(facts.superuser ? [] : [facts.user]),
  ];
  const tolerated = new Set([...connectors, ...admins]);
  const has = (grantee: string | null, privilege: string) =>
    found.acl.some(
      (one) => one.grantee === (grantee === wanted.owner ? found.owner : grantee) && one.privilege === privilege,
    );

  for (const one of found.acl) {
    if (one.grantee === found.owner || one.grantee === wanted.owner) continue;
    const may = one.grantee !== null && tolerated.has(one.grantee) && one.privilege === "CONNECT";
    if (may && !one.grantable) continue;
    asOwner(
      `grant:database:${granteeName(one.grantee)}:${one.privilege}`,
      may ? "without grant option" : "not granted",
      `granted by ${one.grantor}${one.grantable ? " with grant option" : ""}`,
      `REVOKE ${may ? "GRANT OPTION FOR " : ""}${one.privilege} ON DATABASE ${database} FROM ${granteeSql(one.grantee)} CASCADE`,
    );
  }
  for (const privilege of ["CREATE", "CONNECT", "TEMPORARY"])
    if (!has(wanted.owner, privilege))
      asOwner(
        `grant:database:${wanted.owner}:${privilege}`,
        "granted",
        "not granted",
        `GRANT ${privilege} ON DATABASE ${database} TO ${ident(wanted.owner)}`,
      );
  // What the present owner holds goes to the new owner with the database.
  const loses = (role: string) => role === found.owner && found.owner !== wanted.owner;
  for (const role of connectors)
    if (loses(role) || !found.acl.some((one) => one.grantee === role && one.privilege === "CONNECT"))
      asOwner(
        `grant:database:${role}:CONNECT`,
        "granted",
        "not granted",
        `GRANT CONNECT ON DATABASE ${database} TO ${ident(role)}`,
      );

  if (found.connectionLimit !== -1)
    asOwner(
      "database-connection-limit",
      "no limit",
      String(found.connectionLimit),
      `ALTER DATABASE ${database} CONNECTION LIMIT -1`,
    );
  if (found.isTemplate)
    asOwner("database-template", "not a template", "template", `ALTER DATABASE ${database} IS_TEMPLATE false`);
  if (!found.allowsConnections)
    asOwner("database-open", "open", "closed", `ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
  return drifts;
}
