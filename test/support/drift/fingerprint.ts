import type pg from "pg";
import { batch } from "../../../src/providers/postgresql/admin.ts";

/** An ACL as sorted text; a missing one is what it means, so that granting and revoking leaves no trace. */
function acl(column: string, kind: string, owner: string): string {
  return `(SELECT string_agg(concat_ws(' ', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END, x.privilege_type,
    CASE WHEN x.is_grantable THEN 'grantable' END, 'by', pg_get_userbyid(x.grantor)::text), ', ' ORDER BY pg_get_userbyid(x.grantee)::text, x.privilege_type, x.is_grantable,
    pg_get_userbyid(x.grantor)::text) FROM aclexplode(coalesce(${column}, acldefault('${kind}', ${owner}))) x)`;
}

const who = (oid: string) => `pg_get_userbyid(${oid})::text`;

function clusterQueries(major: number): Record<string, string> {
  const options = major >= 16 ? "inherit_option, set_option" : "true, true";
  return {
    roles: `SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
      CASE WHEN rolvaliduntil = 'infinity' THEN NULL ELSE rolvaliduntil::text END, shobj_description(oid, 'pg_authid') FROM pg_authid`,
    passwords: "SELECT rolname::text, md5(rolpassword) FROM pg_authid",
    memberships: `SELECT ${who("roleid")} AS role, ${who("member")} AS member, ${major >= 16 ? who("grantor") : "''"}, admin_option, ${options} FROM pg_auth_members`,
    databases: `SELECT datname::text, ${who("datdba")} AS owner, datconnlimit, datallowconn, datistemplate, ${acl("datacl", "d", "datdba")} AS acl FROM pg_database`,
    settings: `SELECT coalesce(datname::text, ''), ${who("setrole")} AS role, (SELECT array_agg(s ORDER BY s) FROM unnest(setconfig) s) AS settings
      FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase`,
  };
}

const INSIDE: Record<string, string> = {
  relations: `SELECT relnamespace::regnamespace::text, relname::text, relkind::text, ${who("relowner")} AS owner,
      ${acl("relacl", "r", "relowner")} AS acl FROM pg_class WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace AND relpersistence <> 't' AND relkind NOT IN ('i', 'S')
    UNION ALL SELECT relnamespace::regnamespace::text, relname::text, 'S', ${who("relowner")}, ${acl("relacl", "s", "relowner")} FROM pg_class WHERE relkind = 'S'`,
  columns: `SELECT attrelid::regclass::text, attname::text, ${acl("attacl", "c", "'postgres'::regrole")} AS acl FROM pg_attribute WHERE attacl IS NOT NULL AND attacl <> '{}' AND attrelid >= 16384`,
  routines: `SELECT p.oid::regprocedure::text, ${who("proowner")} AS owner, ${acl("proacl", "f", "proowner")} AS acl FROM pg_proc p WHERE p.oid >= 16384`,
  types: `SELECT t.oid::regtype::text, ${who("typowner")} AS owner, ${acl("typacl", "T", "typowner")} AS acl FROM pg_type t WHERE t.oid >= 16384 AND typnamespace <> 'pg_toast'::regnamespace`,
  schemas: `SELECT nspname::text, ${who("nspowner")} AS owner, ${acl("nspacl", "n", "nspowner")} AS acl FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'`,
  defaults: `SELECT ${who("defaclrole")} AS role, defaclnamespace::regnamespace::text, defaclobjtype::text, ${acl("defaclacl", "r", "defaclrole")} AS acl FROM pg_default_acl`,
  largeObjects: `SELECT oid::text, ${who("lomowner")} AS owner, ${acl("lomacl", "L", "lomowner")} AS acl FROM pg_largeobject_metadata`,
  others: [
    ["pg_statistic_ext", "stxowner"],
    ["pg_collation", "collowner"],
    ["pg_ts_dict", "dictowner"],
    ["pg_ts_config", "cfgowner"],
    ["pg_operator", "oprowner"],
    ["pg_conversion", "conowner"],
  ]
    .map(
      ([catalogue, column]) =>
        `SELECT (pg_identify_object('${catalogue}'::regclass, oid, 0)).identity, ${who(column ?? "")} AS owner FROM ${catalogue} WHERE oid >= 16384`,
    )
    .join(" UNION ALL "),
  extensions: `SELECT extname::text, ${who("extowner")} AS owner, extnamespace::regnamespace::text FROM pg_extension`,
  // Every row of every table of the modules.
  rows: `SELECT c.oid::regclass::text, query_to_xml(format('SELECT * FROM %s ORDER BY 1', c.oid::regclass), true, true, '')::text
    FROM pg_class c WHERE c.relkind = 'r' AND c.oid >= 16384 AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`,
};

/** Parts of a server by name, each a sorted list of lines; two are equal when nothing that is looked at differs. */
export type Fingerprint = Readonly<Record<string, readonly string[]>>;

/**
 * Everything on a server that a repair could have touched: roles, memberships, passwords, databases, settings, and inside the
 * databases owners and rights of all objects and all rows.
 *
 * @param home the superuser's connection to any database; @param inside its connections to the modules' databases, by name
 */
export async function fingerprint(
  home: pg.Client,
  major: number,
  inside: ReadonlyMap<string, pg.Client>,
): Promise<Fingerprint> {
  const parts = [
    read(home, "", clusterQueries(major)),
    ...[...inside].map(([name, client]) => read(client, `${name} `, INSIDE)),
  ];
  return Object.fromEntries((await Promise.all(parts)).flat());
}

async function read(client: pg.Client, prefix: string, queries: Record<string, string>): Promise<[string, string[]][]> {
  const results = await batch(
    client,
    Object.values(queries).map((query) => `SELECT t::text AS line FROM (${query}) t`),
  );
  return Object.keys(queries).map((name, index) => [
    `${prefix}${name}`,
    (results[index] ?? []).map((row) => String(row["line"])).sort(),
  ]);
}
