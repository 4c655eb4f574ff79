import type { DesiredAccess, DesiredDatabase } from "./desired.ts";
import { type Drift, mayAdminister, mayRevoke, needsSuperuser, repairable, repairIf, revokeMembership } from "./drift.ts";
import { formatMark, type Mark } from "./mark.ts";
import { type Membership, type ObservedCluster, settingsKey } from "./observe-cluster.ts";
import { ident, literal } from "./sql.ts";

/** A role as it should be. */
export interface WantedRole {
  readonly name: string;
  readonly canLogin: boolean;
  /** True for logins of modules; an owner that must be visible is LOGIN without a password. */
  readonly hasPassword: boolean;
  readonly connectionLimit: number;
  readonly mark: Mark;
  /** The one role it is a member of. */
  readonly memberOf: string | undefined;
  /** The one of our roles that may be a member of it. */
  readonly members: readonly string[];
  /** Whoever else may be a member of it and is judged elsewhere (the accesses of a reader role). */
  readonly settings: readonly { readonly database: string; readonly name: string; readonly value: string }[];
}

/** The roles of a database claim. `readers` are the logins of its accesses. */
export function rolesOfDatabase(wanted: DesiredDatabase, environmentId: string, environmentName: string, readers: readonly string[]): WantedRole[] {
  const { spec } = wanted;
  const mark = markOf(wanted, environmentId, environmentName);
  const plain = { mark, memberOf: undefined, members: [], settings: [], hasPassword: false, canLogin: false, connectionLimit: -1 };
  return [
    {
      ...plain,
      name: wanted.owner,
      members: [wanted.login],
      ...(spec.ownerVisible ? { canLogin: true, connectionLimit: 0 } : {}),
    },
    {
      ...plain,
      name: wanted.login,
      canLogin: true,
      hasPassword: true,
      connectionLimit: spec.connectionLimit,
      memberOf: wanted.owner,
      settings: [
        { database: spec.ownerVisible ? "" : wanted.database, name: "role", value: wanted.owner },
        ...Object.entries(spec.settings).map(([name, value]) => ({ database: wanted.database, name, value })),
      ],
    },
    ...(wanted.reader === undefined ? [] : [{ ...plain, name: wanted.reader, members: readers }]),
  ];
}

/** The one role of an access. */
export function rolesOfAccess(wanted: DesiredAccess, environmentId: string, environmentName: string): WantedRole[] {
  return [
    {
      name: wanted.login,
      canLogin: true,
      hasPassword: true,
      connectionLimit: wanted.connectionLimit,
      mark: markOf(wanted, environmentId, environmentName),
      memberOf: wanted.target.reader,
      members: [],
      settings: [],
    },
  ];
}

/** The mark that the roles of a claim or access carry. */
export function markOf(wanted: DesiredDatabase | DesiredAccess, environmentId: string, environmentName: string): Mark {
  return { environment: environmentId, claim: wanted.uuid, label: `${environmentName}/${wanted.sandbox}/${wanted.instance}/${wanted.claim}` };
}

/**
 * Everything in which the observed role differs from the wanted one: existence, mark, each attribute, every membership with its
 * grantor, every setting that we manage. Pure.
 *
 * @param admins roles that administer this environment; their memberships without INHERIT are tolerated
 */
export function diffRole(wanted: WantedRole, observed: ObservedCluster, admins: readonly string[]): Drift[] {
  const found = observed.roles.get(wanted.name);
  const drifts = found === undefined ? [missing(wanted)] : attributes(wanted, observed);
  return [...drifts, ...memberships(wanted, observed, admins), ...settings(wanted, observed)];
}

function missing(wanted: WantedRole): Drift {
  const limit = wanted.connectionLimit === -1 ? "" : ` CONNECTION LIMIT ${wanted.connectionLimit}`;
  return repairable(`role:${wanted.name}`, "exists", "missing", {
    phase: "roles",
    as: "admin",
    sql: `CREATE ROLE ${ident(wanted.name)} ${wanted.canLogin ? "LOGIN" : "NOLOGIN"}${limit}; ${comment(wanted)}`,
    ...(wanted.hasPassword ? { passwordFor: wanted.name } : {}),
  });
}

function comment(wanted: WantedRole): string {
  return `COMMENT ON ROLE ${ident(wanted.name)} IS ${literal(formatMark(wanted.mark))}`;
}

function attributes(wanted: WantedRole, observed: ObservedCluster): Drift[] {
  const found = observed.roles.get(wanted.name);
  if (found === undefined) return [];
  const { facts } = observed;
  const may = mayAdminister(observed, wanted.name);
  const why = may ? "only a superuser may take it away" : `"${facts.user}" has no ADMIN OPTION on ${wanted.name}`;
  const drifts: Drift[] = [];
  const compare = (aspect: string, expected: boolean, actual: boolean, word: string, allowed: boolean) => {
    if (expected === actual) return;
    const sql = `ALTER ROLE ${ident(wanted.name)} ${expected ? word : `NO${word}`}`;
    const text = (on: boolean) => (on ? word : `NO${word}`);
    drifts.push(
      repairIf(allowed, `${aspect}:${wanted.name}`, text(expected), text(actual), { phase: "roles", as: "admin", sql }, why),
    );
  };
  const superuserOnly = facts.superuser;
  compare("superuser", false, found.superuser, "SUPERUSER", superuserOnly);
  compare("replication", false, found.replication, "REPLICATION", superuserOnly);
  compare("bypassrls", false, found.bypassRls, "BYPASSRLS", superuserOnly);
  compare("createrole", false, found.createRole, "CREATEROLE", may);
  compare("createdb", false, found.createDb, "CREATEDB", may);
  compare("login", wanted.canLogin, found.canLogin, "LOGIN", may);
  compare("inherit", true, found.inherit, "INHERIT", may);
  const alter = (aspect: string, expected: string, actual: string, sql: string) =>
    drifts.push(
      repairIf(may, `${aspect}:${wanted.name}`, expected, actual, { phase: "roles", as: "admin", sql: `ALTER ROLE ${ident(wanted.name)} ${sql}` }, why),
    );
  if (found.connectionLimit !== wanted.connectionLimit)
    alter("connection-limit", limitText(wanted.connectionLimit), limitText(found.connectionLimit), `CONNECTION LIMIT ${wanted.connectionLimit}`);
  if (found.validUntil !== null && found.validUntil !== "infinity") alter("valid-until", "no expiry", found.validUntil, "VALID UNTIL 'infinity'");
  if (found.mark?.claim !== wanted.mark.claim || found.mark.environment !== wanted.mark.environment || found.mark.label !== wanted.mark.label)
    drifts.push(
      repairIf(may, `mark:${wanted.name}`, wanted.mark.label, found.mark?.label ?? "no mark", { phase: "roles", as: "admin", sql: comment(wanted) }, why),
    );
  return drifts;
}

function limitText(limit: number): string {
  return limit === -1 ? "no limit" : String(limit);
}

function memberships(wanted: WantedRole, observed: ObservedCluster, admins: readonly string[]): Drift[] {
  const { facts } = observed;
  const drifts: Drift[] = [];
  const own = observed.membershipsOfMember.get(wanted.name) ?? [];
  if (wanted.memberOf !== undefined) {
    const rows = own.filter((one) => one.role === wanted.memberOf);
    const right = rows.filter((one) => one.inherit && one.set && !one.admin && trustedGrantor(one, observed, admins));
    const kept = right.find((one) => one.grantor === effectiveGrantor(observed)) ?? right[0];
    if (kept === undefined) {
      // A wrong row by the grantor that we would use is corrected by the same GRANT, save ADMIN, which must be taken back.
      const takeAdmin = rows.some((one) => one.admin && one.grantor === effectiveGrantor(observed))
        ? `REVOKE ADMIN OPTION FOR ${ident(wanted.memberOf)} FROM ${ident(wanted.name)}; `
        : "";
      const options = facts.major >= 16 ? " WITH INHERIT TRUE, SET TRUE" : "";
      drifts.push(
        repairIf(
          mayAdminister(observed, wanted.memberOf),
          `membership:${wanted.memberOf}:${wanted.name}`,
          "member",
          rows.length === 0 ? "not a member" : rows.map(describe).join(", "),
          { phase: "roles", as: "admin", sql: `${takeAdmin}GRANT ${ident(wanted.memberOf)} TO ${ident(wanted.name)}${options}` },
          `"${facts.user}" has no ADMIN OPTION on ${wanted.memberOf}`,
        ),
      );
    }
    for (const extra of rows.filter((one) => one !== kept && !(kept === undefined && one.grantor === effectiveGrantor(observed))))
      drifts.push(stray(extra, observed, "granted once"));
  }
  for (const one of own) if (one.role !== wanted.memberOf) drifts.push(stray(one, observed, "not a member"));
  for (const one of observed.membershipsOfRole.get(wanted.name) ?? []) {
    if (wanted.members.includes(one.member)) continue;
    // From 16 on the role's maker keeps ADMIN, and may keep SET, without inheriting anything.
    if (admins.includes(one.member) && facts.major >= 16 && !one.inherit) continue;
    drifts.push(stray(one, observed, "not a member"));
  }
  return drifts;
}

function trustedGrantor(one: Membership, observed: ObservedCluster, admins: readonly string[]): boolean {
  return observed.facts.major < 16 || one.grantor === observed.facts.bootstrap || admins.includes(one.grantor);
}

/** Who is recorded as grantor of what this admin grants (PostgreSQL docs, GRANT: superusers grant as the bootstrap superuser). */
function effectiveGrantor(observed: ObservedCluster): string {
  return observed.facts.superuser ? observed.facts.bootstrap : observed.facts.user;
}

function stray(one: Membership, observed: ObservedCluster, expected: string): Drift {
  const aspect = `membership:${one.role}:${one.member}${expected === "granted once" ? `:by:${one.grantor}` : ""}`;
  return repairIf(
    mayRevoke(observed, one),
    aspect,
    expected,
    describe(one),
    { phase: "roles", as: "admin", sql: revokeMembership(one, observed.facts.major) },
    `it was granted by "${one.grantor}"`,
  );
}

function describe(one: Membership): string {
  const options = [one.admin ? "ADMIN" : "", one.inherit ? "" : "NOINHERIT", one.set ? "" : "NOSET"].filter((word) => word !== "");
  return `member${options.length === 0 ? "" : ` with ${options.join(" ")}`}, granted by ${one.grantor}`;
}

function settings(wanted: WantedRole, observed: ObservedCluster): Drift[] {
  const drifts: Drift[] = [];
  for (const { database, name, value } of wanted.settings) {
    const actual = observed.settings.get(settingsKey(wanted.name, database))?.get(name);
    if (actual === value) continue;
    const where = database === "" ? "" : ` IN DATABASE ${ident(database)}`;
    const drift = {
      aspect: `setting:${wanted.name}:${name}`,
      expected: value,
      actual: actual ?? "not set",
    };
    drifts.push(
      mayAdminister(observed, wanted.name)
        ? repairable(drift.aspect, drift.expected, drift.actual, {
            phase: "database",
            as: "admin",
            sql: `ALTER ROLE ${ident(wanted.name)}${where} SET ${ident(name)} = ${literal(value)}`,
          })
        : needsSuperuser(drift.aspect, drift.expected, drift.actual, `"${observed.facts.user}" has no ADMIN OPTION on ${wanted.name}`),
    );
  }
  return drifts;
}
