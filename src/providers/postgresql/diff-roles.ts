import type { DesiredAccess, DesiredDatabase } from "./desired.ts";
import { type Drift, mayAdminister, mayRevoke, repairable, repairIf, revokeMembership } from "./drift.ts";
import { formatMark, type Mark } from "./mark.ts";
import type { Membership, ObservedCluster } from "./observe-cluster.ts";
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
  /** Our roles that may be members of it. */
  readonly members: readonly string[];
  readonly settings: readonly { readonly database: string; readonly name: string; readonly value: string }[];
}

/** The roles of a database claim. `readers` are the logins of its accesses. */
export function rolesOfDatabase(
  wanted: DesiredDatabase,
  environmentId: string,
  environmentName: string,
  readers: readonly string[],
): WantedRole[] {
  const { spec } = wanted;
  const mark = markOf(wanted, environmentId, environmentName);
  const plain = {
    mark,
    memberOf: undefined,
    members: [],
    settings: [],
    hasPassword: false,
    canLogin: false,
    connectionLimit: -1,
  };
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
  return {
    environment: environmentId,
    claim: wanted.uuid,
    label: `${environmentName}/${wanted.sandbox}/${wanted.instance}/${wanted.claim}`,
  };
}

/**
 * Everything in which the observed role differs from the wanted one: existence, mark, each attribute, every membership with its
 * grantor, every setting that we manage. Pure.
 *
 * @param admins roles that administer this environment; their memberships without INHERIT are tolerated
 * @param compared all roles that are compared in this way: who is a member of them is found there, once
 */
export function diffRole(
  wanted: WantedRole,
  observed: ObservedCluster,
  admins: readonly string[],
  compared: ReadonlySet<string>,
): Drift[] {
  const found = observed.roles.get(wanted.name);
  const drifts = found === undefined ? [missing(wanted)] : attributes(wanted, observed);
  return [
    ...drifts,
    ...joining(wanted, observed, admins),
    ...strayMemberships(wanted, observed, admins, compared),
    ...settings(wanted, observed),
    ...straySettings(wanted, observed),
  ];
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
      repairIf(
        allowed,
        `${aspect}:${wanted.name}`,
        text(expected),
        text(actual),
        { phase: "roles", as: "admin", sql },
        why,
      ),
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
      repairIf(
        may,
        `${aspect}:${wanted.name}`,
        expected,
        actual,
        { phase: "roles", as: "admin", sql: `ALTER ROLE ${ident(wanted.name)} ${sql}` },
        why,
      ),
    );
  if (found.connectionLimit !== wanted.connectionLimit)
    alter(
      "connection-limit",
      limitText(wanted.connectionLimit),
      limitText(found.connectionLimit),
      `CONNECTION LIMIT ${wanted.connectionLimit}`,
    );
  if (found.validUntil !== null && found.validUntil !== "infinity")
    alter("valid-until", "no expiry", found.validUntil, "VALID UNTIL 'infinity'");
  if (
    found.mark?.claim !== wanted.mark.claim ||
    found.mark.environment !== wanted.mark.environment ||
    found.mark.label !== wanted.mark.label
  )
    drifts.push(
      repairIf(
        may,
        `mark:${wanted.name}`,
        wanted.mark.label,
        found.mark?.label ?? "no mark",
        { phase: "roles", as: "admin", sql: comment(wanted) },
        why,
      ),
    );
  return drifts;
}

function limitText(limit: number): string {
  return limit === -1 ? "no limit" : String(limit);
}

/** The one membership that a role has to have, when it lacks it or has it with other options. */
function joining(wanted: WantedRole, observed: ObservedCluster, admins: readonly string[]): Drift[] {
  const { facts } = observed;
  const role = wanted.memberOf;
  if (role === undefined) return [];
  const rows = (observed.membershipsOfMember.get(wanted.name) ?? []).filter((one) => one.role === role);
  if (rightRow(rows, observed, admins) !== undefined) return [];
  const own = rows.filter((one) => isGrantedHere(one, observed));
  // The same GRANT corrects a row's options, save ADMIN, which must be taken back.
  const takeAdmin = own.some((one) => one.admin)
    ? `REVOKE ADMIN OPTION FOR ${ident(role)} FROM ${ident(wanted.name)} CASCADE; `
    : "";
  const options = facts.major >= 16 ? " WITH INHERIT TRUE, SET TRUE" : "";
  return [
    repairIf(
      mayAdminister(observed, role),
      `membership:${role}:${wanted.name}`,
      "member",
      rows.length === 0 ? "not a member" : rows.map(describe).join(", "),
      { phase: "roles", as: "admin", sql: `${takeAdmin}GRANT ${ident(role)} TO ${ident(wanted.name)}${options}` },
      `"${facts.user}" has no ADMIN OPTION on ${role}`,
    ),
  ];
}

/** Memberships that nobody asked for: in the role, and of the role in others that are not compared themselves. */
function strayMemberships(
  wanted: WantedRole,
  observed: ObservedCluster,
  admins: readonly string[],
  compared: ReadonlySet<string>,
): Drift[] {
  const elsewhere = (observed.membershipsOfMember.get(wanted.name) ?? []).filter(
    (one) => one.role !== wanted.memberOf && !compared.has(one.role),
  );
  const rows = observed.membershipsOfRole.get(wanted.name) ?? [];
  const stray = rows.filter((one) => {
    if (wanted.members.includes(one.member)) {
      const ofMember = rows.filter((row) => row.member === one.member);
      const right = rightRow(ofMember, observed, admins);
      return right === undefined ? !isGrantedHere(one, observed) : one !== right;
    }
    // From 16 on the role's maker keeps ADMIN, and may keep SET, without inheriting anything.
    return !(admins.includes(one.member) && observed.facts.major >= 16 && !one.inherit);
  });
  // What a member granted on goes before that member, since the server takes it away together with it.
  const depth = (one: Membership): number => {
    const source =
      observed.facts.major < 16
        ? undefined
        : rows.find((row) => row !== one && row.admin && row.member === one.grantor);
    return source === undefined ? 0 : depth(source) + 1;
  };
  stray.sort((a, b) => depth(b) - depth(a));
  return [...elsewhere, ...stray].map((one) => {
    if (admins.includes(one.member) && observed.facts.major >= 16)
      return strayMembership(one, observed, "not inherited", "INHERIT OPTION FOR ");
    return strayMembership(one, observed, wanted.members.includes(one.member) ? "granted once" : "not a member");
  });
}

/** The row of a wanted membership that stays: as it should be, and by a grantor who is not himself to go. */
function rightRow(
  rows: readonly Membership[],
  observed: ObservedCluster,
  admins: readonly string[],
): Membership | undefined {
  const right = rows.filter((one) => one.inherit && one.set && !one.admin && trustedGrantor(one, observed, admins));
  return right.find((one) => isGrantedHere(one, observed)) ?? right[0];
}

/** Is it the row that a GRANT by this admin alters? Before version 16 there is only one. */
function isGrantedHere(one: Membership, observed: ObservedCluster): boolean {
  return observed.facts.major < 16 || one.grantor === effectiveGrantor(observed);
}

function trustedGrantor(one: Membership, observed: ObservedCluster, admins: readonly string[]): boolean {
  return observed.facts.major < 16 || one.grantor === observed.facts.bootstrap || admins.includes(one.grantor);
}

/** Who is recorded as grantor of what this admin grants (PostgreSQL docs, GRANT: superusers grant as the bootstrap superuser). */
function effectiveGrantor(observed: ObservedCluster): string {
  return observed.facts.superuser ? observed.facts.bootstrap : observed.facts.user;
}

function strayMembership(
  one: Membership,
  observed: ObservedCluster,
  expected: string,
  option: "" | "INHERIT OPTION FOR " = "",
): Drift {
  const aspect = `membership:${one.role}:${one.member}${expected === "granted once" ? `:by:${one.grantor}` : ""}`;
  return repairIf(
    mayRevoke(observed, one),
    aspect,
    expected,
    describe(one),
    { phase: "roles", as: "admin", sql: revokeMembership(one, observed.facts.major, option) },
    `it was granted by "${one.grantor}"`,
  );
}

function describe(one: Membership): string {
  const options = [one.admin ? "ADMIN" : "", one.inherit ? "" : "NOINHERIT", one.set ? "" : "NOSET"].filter(
    (word) => word !== "",
  );
  return `member${options.length === 0 ? "" : ` with ${options.join(" ")}`}, granted by ${one.grantor}`;
}

function settings(wanted: WantedRole, observed: ObservedCluster): Drift[] {
  const drifts: Drift[] = [];
  for (const { database, name, value } of wanted.settings) {
    const actual = observed.settings.get(wanted.name)?.get(database)?.get(name);
    if (actual === value) continue;
    drifts.push(
      setting(
        wanted,
        observed,
        `setting:${wanted.name}:${name}`,
        value,
        actual ?? "not set",
        database,
        `SET ${ident(name)} = ${literal(value)}`,
      ),
    );
  }
  return drifts;
}

/** A `role` or a timeout that was set without being wanted: it overrules what is, or ends a module's statements. */
function straySettings(wanted: WantedRole, observed: ObservedCluster): Drift[] {
  const found = [...(observed.settings.get(wanted.name) ?? [])].flatMap(([database, of]) =>
    [...of].map(([name, value]) => ({ database, name, value })),
  );
  return found
    .filter(({ name }) => wanted.hasPassword && (name === "role" || name.endsWith("_timeout")))
    .filter(({ database, name }) => !wanted.settings.some((one) => one.database === database && one.name === name))
    .map(({ database, name, value }) => {
      const where = database === "" ? "everywhere" : `in:${database}`;
      return setting(
        wanted,
        observed,
        `setting:${wanted.name}:${name}:${where}`,
        "not set",
        value,
        database,
        `RESET ${ident(name)}`,
      );
    });
}

function setting(
  wanted: WantedRole,
  observed: ObservedCluster,
  aspect: string,
  expected: string,
  actual: string,
  database: string,
  change: string,
): Drift {
  const where = database === "" ? "" : ` IN DATABASE ${ident(database)}`;
  return repairIf(
    mayAdminister(observed, wanted.name),
    aspect,
    expected,
    actual,
    { phase: "database", as: "admin", sql: `ALTER ROLE ${ident(wanted.name)}${where} ${change}` },
    `"${observed.facts.user}" has no ADMIN OPTION on ${wanted.name}`,
  );
}
