import { literal } from "./sql.ts";

/** A role's name that an ACL shows without quotes (PostgreSQL source, `is_safe_acl_char`). */
const PLAIN = /^[A-Za-z0-9_]+$/;

/** The predefined role pg_database_owner, and schema `public` with the ACL that initdb gives it from version 15 on. */
const DATABASE_OWNER = 6171;
const PUBLIC_SCHEMA = 2200;
const PUBLIC_ACL = "pg_database_owner=UC/pg_database_owner,=U/pg_database_owner";

/** Catalogues of objects that a reader gets nothing on: owner's and ACL's column. */
const OTHERS = [
  ["pg_type", "typowner", "typacl"],
  ["pg_proc", "proowner", "proacl"],
  ["pg_operator", "oprowner", undefined],
  ["pg_collation", "collowner", undefined],
  ["pg_ts_config", "cfgowner", undefined],
  ["pg_ts_dict", "dictowner", undefined],
  ["pg_conversion", "conowner", undefined],
  ["pg_opclass", "opcowner", undefined],
  ["pg_opfamily", "opfowner", undefined],
] as const;

/** The same where initdb leaves nothing; a large object's number may be any. */
const AT_FIRST_EMPTY = [
  ["pg_largeobject_metadata", "lomowner", "lomacl"],
  ["pg_statistic_ext", "stxowner", undefined],
  ["pg_foreign_server", "srvowner", "srvacl"],
  ["pg_publication", "pubowner", undefined],
] as const;

/**
 * Statements that tell whether a database's objects need the whole look, which costs a new session more than the connection
 * itself: a row from any of them is a reason for it. They know the few forms that an object's owner and ACL have where nobody
 * meddled and suspect everything else, such as an extension's objects that belong to a superuser. Many small statements, since
 * planning is what they cost: one that unites them takes a quarter longer.
 *
 * @param ownerOid the owner role's; 0, which suspects every object, when there is no such role
 * @returns `undefined` where an ACL would quote a role's name, so that only the whole look can tell
 */
export function suspicionQueries(owner: string, ownerOid: number, reader: string | undefined): string[] | undefined {
  if (reader !== undefined && !(PLAIN.test(owner) && PLAIN.test(reader))) return undefined;
  // Where nobody reads, no ACL is ever set; else it shows the owner's own rights and the reader's.
  const strange = (column: string, own: readonly string[], reads: string) =>
    reader === undefined
      ? `${column} IS NOT NULL`
      : `${column} IS NULL OR ${column}::text NOT IN (${own.map((rights) => literal(`{${owner}=${rights}/${owner},${reader}=${reads}/${owner}}`)).join(", ")})`;
  const touched = (column: string, acl: string | undefined) =>
    `${column} <> ${ownerOid}${acl === undefined ? "" : ` OR ${acl} IS NOT NULL`}`;
  const publicAcl = literal(`{${PUBLIC_ACL}${reader === undefined ? "" : `,${reader}=U/pg_database_owner`}}`);
  return [
    // Tables before and from version 17 on, which adds MAINTAIN, and sequences.
    `SELECT FROM pg_class WHERE oid >= 16384 AND relkind IN ('r','v','m','f','p','S') AND relpersistence <> 't'
       AND (relowner <> ${ownerOid} OR ${strange("relacl", ["arwdDxt", "arwdDxtm", "rwU"], "r")}) LIMIT 1`,
    "SELECT FROM pg_attribute WHERE attrelid >= 16384 AND attacl IS NOT NULL LIMIT 1",
    `SELECT FROM pg_namespace WHERE CASE oid WHEN ${PUBLIC_SCHEMA} THEN nspowner <> ${DATABASE_OWNER} OR nspacl IS NULL OR nspacl::text <> ${publicAcl}
       ELSE oid >= 16384 AND NOT starts_with(nspname::text, 'pg_t') AND (nspname = 'public' OR nspowner <> ${ownerOid} OR ${strange("nspacl", ["UC"], "U")}) END LIMIT 1`,
    ...OTHERS.map(
      ([catalogue, column, acl]) => `SELECT FROM ${catalogue} WHERE oid >= 16384 AND (${touched(column, acl)}) LIMIT 1`,
    ),
    ...AT_FIRST_EMPTY.map(
      ([catalogue, column, acl]) => `SELECT FROM ${catalogue} WHERE ${touched(column, acl)} LIMIT 1`,
    ),
  ];
}
