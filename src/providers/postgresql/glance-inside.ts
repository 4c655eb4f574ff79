import { literal } from "./sql.ts";

/** What one cheap statement tells of a database's inside; {@link glanceQuery} asks for it. */
export interface Glance {
  readonly who: string;
  readonly extensions: readonly string[];
  /** Some object's owner or ACL is not exactly what an untouched one has: only the whole look can say what it is. */
  readonly suspect: boolean;
  /** There are default privileges. */
  readonly defaults: boolean;
}

/** A role's name that an ACL shows without quotes (PostgreSQL source, `is_safe_acl_char`). */
const PLAIN = /^[A-Za-z0-9_]+$/;

/** The predefined role pg_database_owner, and schema `public` with the ACL that initdb gives it from version 15 on. */
const DATABASE_OWNER = 6171;
const PUBLIC_SCHEMA = 2200;
const PUBLIC_ACL = "pg_database_owner=UC/pg_database_owner,=U/pg_database_owner";

/** Catalogues of objects that a reader gets nothing on: owner's and ACL's column. */
const OTHERS = [
  ["pg_proc", "proowner", "proacl"],
  ["pg_largeobject_metadata", "lomowner", "lomacl"],
  ["pg_operator", "oprowner", undefined],
  ["pg_collation", "collowner", undefined],
  ["pg_ts_config", "cfgowner", undefined],
  ["pg_ts_dict", "dictowner", undefined],
  ["pg_statistic_ext", "stxowner", undefined],
  ["pg_foreign_server", "srvowner", "srvacl"],
  ["pg_publication", "pubowner", undefined],
] as const;

/**
 * The statement that tells whether a database's objects need the whole look, which costs a new session three times as much. It
 * knows the few forms that an object's owner and ACL have where nobody meddled, and suspects everything else: an extension's
 * objects, too, and anything readable where an ACL would quote a role's name.
 *
 * @param ownerOid the owner role's; 0 when there is no such role
 */
export function glanceQuery(owner: string, ownerOid: number, reader: string | undefined): string {
  const plain = reader === undefined || (PLAIN.test(owner) && PLAIN.test(reader));
  // Where nobody reads, no ACL is ever set; else it shows the owner's own rights (with MAINTAIN from version 17 on) and the reader's.
  const strange = (column: string, rights: readonly string[], word: string) =>
    reader === undefined
      ? `${column} IS NOT NULL`
      : `${column} IS NULL OR ${column}::text NOT IN (${rights.map((own) => literal(`{${owner}=${own}/${owner},${reader}=${word}/${owner}}`)).join(", ")})`;
  const publicAcl = literal(`{${PUBLIC_ACL}${reader === undefined ? "" : `,${reader}=U/pg_database_owner`}}`);
  const leaves = [
    `SELECT FROM pg_class WHERE oid >= 16384 AND relkind IN ('r','v','m','f','p') AND relpersistence <> 't'
       AND (relowner <> ${ownerOid} OR ${strange("relacl", ["arwdDxt", "arwdDxtm"], "r")})`,
    `SELECT FROM pg_class WHERE oid >= 16384 AND relkind = 'S' AND relpersistence <> 't'
       AND (relowner <> ${ownerOid} OR ${strange("relacl", ["rwU"], "r")})`,
    `SELECT FROM pg_attribute WHERE attrelid >= 16384 AND attacl IS NOT NULL`,
    `SELECT FROM pg_namespace WHERE oid >= 16384 AND NOT starts_with(nspname::text, 'pg_t')
       AND (nspname = 'public' OR nspowner <> ${ownerOid} OR ${strange("nspacl", ["UC"], "U")})`,
    `SELECT FROM pg_namespace WHERE oid = ${PUBLIC_SCHEMA} AND (nspowner <> ${DATABASE_OWNER} OR nspacl IS NULL OR nspacl::text <> ${publicAcl})`,
    `SELECT FROM pg_type WHERE oid >= 16384 AND (typtype IN ('d','e','r','c') OR typtype = 'b' AND typelem = 0)
       AND (typowner <> ${ownerOid} OR typacl IS NOT NULL)`,
    ...OTHERS.map(
      ([catalogue, column, acl]) =>
        `SELECT FROM ${catalogue} WHERE oid >= 16384 AND (${column} <> ${ownerOid}${acl === undefined ? "" : ` OR ${acl} IS NOT NULL`})`,
    ),
  ];
  return `SELECT current_user::text AS who, ARRAY(SELECT extname::text FROM pg_extension) AS extensions,
    EXISTS (SELECT FROM pg_default_acl) AS defaults, ${plain ? `EXISTS (${leaves.join(" UNION ALL ")})` : "true"} AS suspect`;
}
