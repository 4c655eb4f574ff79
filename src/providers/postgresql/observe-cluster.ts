import type pg from "pg";
import { type Admin, batch, type Row, type ServerFacts } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { type LedgerContent, parseLedger, READ_LEDGER } from "./ledger.ts";
import { type Mark, parseMark } from "./mark.ts";
import { textArray } from "./sql.ts";

/** One granted privilege, as in an ACL; grantee `null` is PUBLIC. */
export interface Grant {
  readonly grantee: string | null;
  readonly grantor: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** A database as the catalogue shows it. */
export interface ObservedDatabase {
  readonly name: string;
  readonly owner: string;
  /** -1 is no limit; -2 marks a database whose DROP was interrupted: only DROP may be sent to it. */
  readonly connectionLimit: number;
  readonly allowsConnections: boolean;
  readonly isTemplate: boolean;
  readonly acl: readonly Grant[];
}

/** A role as the catalogue shows it. */
export interface ObservedRole {
  readonly name: string;
  readonly oid: number;
  readonly superuser: boolean;
  readonly inherit: boolean;
  readonly createRole: boolean;
  readonly createDb: boolean;
  readonly canLogin: boolean;
  readonly replication: boolean;
  readonly bypassRls: boolean;
  readonly connectionLimit: number;
  readonly validUntil: string | null;
  /** Its password is not taken any more: {@link ObservedRole.validUntil} has passed. */
  readonly expired: boolean;
  readonly mark: Mark | undefined;
}

/** One row of pg_auth_members; inherit and set are always true before version 16. */
export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly grantor: string;
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
}

/** What the cluster-wide catalogues say; one round trip whatever the number of claims. */
export interface ObservedCluster {
  readonly facts: ServerFacts;
  readonly databases: ReadonlyMap<string, ObservedDatabase>;
  readonly roles: ReadonlyMap<string, ObservedRole>;
  readonly membershipsOfRole: ReadonlyMap<string, readonly Membership[]>;
  readonly membershipsOfMember: ReadonlyMap<string, readonly Membership[]>;
  /** Settings of a role, by database (`""`: in all), then by name. */
  readonly settings: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /** Extensions that the server could install, and whether an owner may do it without superuser. */
  readonly extensions: ReadonlyMap<string, { readonly trusted: boolean }>;
  /** `undefined` when there is no ledger yet. */
  readonly ledger: LedgerContent | undefined;
}

/**
 * The statements that observe the given names; {@link parseCluster} takes their rows. With the roles come those that own the
 * databases and those that the roles are members of: what the admin may do to them decides what it may repair.
 */
export function clusterQueries(
  databases: readonly string[],
  roles: readonly string[],
  major: number,
  withExtensions: boolean,
): string[] {
  const options = major >= 16 ? "a.inherit_option, a.set_option" : "true AS inherit_option, true AS set_option";
  const named = `SELECT r.oid FROM pg_roles r WHERE r.rolname::text = ANY(${textArray(roles)})`;
  const owners = `SELECT d.datdba FROM pg_database d WHERE d.datname::text = ANY(${textArray(databases)})`;
  return [
    `SELECT d.datname::text AS name, pg_get_userbyid(d.datdba)::text AS owner, d.datconnlimit AS "connectionLimit",
       d.datallowconn AS "allowsConnections", d.datistemplate AS "isTemplate",
       (SELECT coalesce(json_agg(json_build_array(CASE x.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(x.grantee)::text END,
          pg_get_userbyid(x.grantor)::text, x.privilege_type, x.is_grantable)), '[]')
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x) AS acl
     FROM pg_database d WHERE d.datname::text = ANY(${textArray(databases)})`,
    `SELECT r.rolname::text AS name, r.oid, r.rolsuper AS superuser, r.rolinherit AS inherit, r.rolcreaterole AS "createRole",
       r.rolcreatedb AS "createDb", r.rolcanlogin AS "canLogin", r.rolreplication AS replication, r.rolbypassrls AS "bypassRls",
       r.rolconnlimit AS "connectionLimit", r.rolvaliduntil::text AS "validUntil",
       coalesce(r.rolvaliduntil < clock_timestamp(), false) AS expired, c.description AS comment
     FROM pg_roles r LEFT JOIN pg_shdescription c ON c.objoid = r.oid AND c.classoid = 'pg_authid'::regclass
     WHERE r.oid IN (${named} UNION ${owners} UNION SELECT a.roleid FROM pg_auth_members a WHERE a.member IN (${named}))`,
    `SELECT g.rolname::text AS role, m.rolname::text AS member, pg_get_userbyid(a.grantor)::text AS grantor, a.admin_option AS admin, ${options}
     FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
     WHERE g.oid IN (${named} UNION ${owners}) OR m.oid IN (${named})`,
    `SELECT r.rolname::text AS role, coalesce(d.datname::text, '') AS database, s.setconfig AS settings
     FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
     WHERE r.rolname::text = ANY(${textArray(roles)})`,
    withExtensions
      ? "SELECT name::text AS name, bool_or(trusted OR NOT superuser) AS trusted FROM pg_available_extension_versions GROUP BY name"
      : "SELECT NULL WHERE false",
  ];
}

/** Names that a plan looks at: those wanted, and `postgres` and `template1`. */
export function namesOf(desired: Desired): { databases: string[]; roles: string[] } {
  const databases = new Set(["postgres", "template1"]);
  const roles = new Set<string>();
  for (const one of desired.databases) {
    databases.add(one.database);
    for (const role of [one.owner, one.login, one.reader]) if (role !== undefined) roles.add(role);
  }
  for (const one of desired.accesses) roles.add(one.login);
  return { databases: [...databases], roles: [...roles] };
}

/**
 * Observes everything that cluster-wide catalogues tell about what is desired, and the ledger, in one round trip and
 * without writing.
 */
export async function observeCluster(
  admin: Admin,
  desired: Desired,
  extraRoles: readonly string[] = [],
): Promise<ObservedCluster> {
  const { databases, roles } = namesOf(desired);
  const withExtensions = desired.databases.some((one) => one.spec.extensions.length > 0);
  const queries = clusterQueries(databases, [...roles, ...extraRoles], admin.facts.major, withExtensions);
  const ledgerThere =
    admin.atLedger &&
    (await admin.main.query<{ there: boolean }>("SELECT to_regclass('ledger.revision') IS NOT NULL AS there")).rows[0]
      ?.there === true;
  const rows = await batch(admin.main, [...queries, ...(ledgerThere ? READ_LEDGER : [])]);
  return parseCluster(admin.facts, rows, desired.environment.id);
}

/** Reads the state of some names again on a connection that may be inside a transaction: the statements to append to it. */
export async function observeAgain(client: pg.Client, facts: ServerFacts, desired: Desired): Promise<ObservedCluster> {
  const { databases, roles } = namesOf(desired);
  return parseCluster(
    facts,
    await batch(client, clusterQueries(databases, roles, facts.major, false)),
    desired.environment.id,
  );
}

/** Builds the observation from the rows of {@link clusterQueries}, then those of the ledger when they were asked for. */
export function parseCluster(facts: ServerFacts, rows: readonly Row[][], environmentId: string): ObservedCluster {
  const [databases = [], roles = [], members = [], settings = [], extensions = [], ledgerHead, ledgerRows] = rows;
  const memberships = members.map((row) => ({
    role: String(row["role"]),
    member: String(row["member"]),
    grantor: String(row["grantor"]),
    admin: row["admin"] === true,
    inherit: row["inherit_option"] === true,
    set: row["set_option"] === true,
  }));
  return {
    facts,
    databases: new Map(
      databases.map((row) => [String(row["name"]), { ...row, acl: grants(row["acl"]) } as unknown as ObservedDatabase]),
    ),
    roles: new Map(
      roles.map((row) => [
        String(row["name"]),
        { ...row, mark: parseMark(row["comment"] as string | null) } as unknown as ObservedRole,
      ]),
    ),
    membershipsOfRole: groupBy(memberships, (one) => one.role),
    membershipsOfMember: groupBy(memberships, (one) => one.member),
    settings: new Map(
      [...groupBy(settings, (row) => String(row["role"]))].map(([role, of]) => [
        role,
        new Map(of.map((row) => [String(row["database"]), parseSettings(row["settings"] as string[])])),
      ]),
    ),
    extensions: new Map(extensions.map((row) => [String(row["name"]), { trusted: row["trusted"] === true }])),
    ledger:
      ledgerHead === undefined || ledgerRows === undefined
        ? undefined
        : parseLedger(ledgerHead, ledgerRows, environmentId),
  };
}

/** Turns the JSON rows of an exploded ACL into grants. */
export function grants(value: unknown): Grant[] {
  return ((value ?? []) as [string | null, string, string, boolean][]).map(
    ([grantee, grantor, privilege, grantable]) => ({
      grantee,
      grantor,
      privilege,
      grantable,
    }),
  );
}

function parseSettings(settings: readonly string[]): Map<string, string> {
  // A value may hold "=" itself: only the first one separates.
  return new Map(settings.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
}

function groupBy<T>(values: readonly T[], key: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group === undefined) groups.set(key(value), [value]);
    else group.push(value);
  }
  return groups;
}
