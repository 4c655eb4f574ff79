import type pg from "pg";
import { batch, type Row } from "./admin.ts";
import { type Glance, glanceQuery } from "./glance-inside.ts";
import { literal } from "./sql.ts";

/** An object in a database whose owner is not the one it should have. */
export interface Misowned {
  /** As pg_identify_object names it, e.g. `table`, `function`, `schema`, `large object`. */
  readonly type: string;
  /** Quoted identity, ready for a statement. */
  readonly identity: string;
  readonly owner: string;
}

/** A privilege on an object that nobody asked for. */
export interface StrayGrant {
  readonly type: string;
  readonly identity: string;
  /** Quoted column for a grant on a column, else empty. */
  readonly column: string;
  /** `null` is PUBLIC. */
  readonly grantee: string | null;
  readonly grantor: string;
  readonly privilege: string;
}

/** One privilege of one row of pg_default_acl, the owner's own apart. */
export interface DefaultPrivilege {
  /** The role whose new objects get it. */
  readonly role: string;
  /** Schema it is limited to, or empty. */
  readonly schema: string;
  /** `r` relations, `S` sequences, `f` functions, `T` types, `n` schemas, `L` large objects. */
  readonly objects: string;
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** A schema in which the reader lacks USAGE on the schema or SELECT on something; names are quoted. */
export interface UnreadableSchema {
  readonly schema: string;
  readonly tables: readonly string[];
  readonly sequences: readonly string[];
}

/** What a database shows from inside. */
export interface ObservedInside {
  readonly currentUser: string;
  readonly extensions: readonly string[];
  readonly misowned: readonly Misowned[];
  readonly strayGrants: readonly StrayGrant[];
  readonly defaultPrivileges: readonly DefaultPrivilege[];
  /** What the reader may not read, by schema. */
  readonly unreadable: readonly UnreadableSchema[];
}

/**
 * Objects of the module: not the server's own (below 16384, save schema `public`), not temporary, not an extension's.
 */
const OBJECTS = `objects AS (
  SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid, c.relowner AS owner, c.relacl AS acl,
      CASE c.relkind WHEN 'S' THEN 'S' WHEN 'c' THEN 'T' ELSE 'r' END AS sort, c.relnamespace AS schema
    FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r','v','m','f','p','S','c') AND c.relpersistence <> 't'
  UNION ALL SELECT 'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl, 'n', 0 FROM pg_namespace n
    WHERE (n.oid >= 16384 OR n.nspname = 'public') AND n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.proowner, p.proacl, 'f', p.pronamespace FROM pg_proc p WHERE p.oid >= 16384
  UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typowner, t.typacl, 'T', t.typnamespace FROM pg_type t
    WHERE t.oid >= 16384 AND t.typtype IN ('d','e','r') OR (t.oid >= 16384 AND t.typtype = 'b' AND t.typelem = 0)
  UNION ALL SELECT 'pg_largeobject'::regclass, l.oid, l.lomowner, l.lomacl, 'L', 0 FROM pg_largeobject_metadata l
  UNION ALL SELECT 'pg_operator'::regclass, o.oid, o.oprowner, NULL, 'o', 0 FROM pg_operator o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_collation'::regclass, o.oid, o.collowner, NULL, 'o', 0 FROM pg_collation o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_ts_config'::regclass, o.oid, o.cfgowner, NULL, 'o', 0 FROM pg_ts_config o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_ts_dict'::regclass, o.oid, o.dictowner, NULL, 'o', 0 FROM pg_ts_dict o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_statistic_ext'::regclass, o.oid, o.stxowner, NULL, 'o', 0 FROM pg_statistic_ext o
  UNION ALL SELECT 'pg_foreign_server'::regclass, o.oid, o.srvowner, o.srvacl, 'F', 0 FROM pg_foreign_server o
  UNION ALL SELECT 'pg_publication'::regclass, o.oid, o.pubowner, NULL, 'o', 0 FROM pg_publication o),
own AS (SELECT * FROM objects o WHERE NOT EXISTS
  (SELECT 1 FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e'))`;

/** The statements that look inside one database; {@link parseInside} takes their rows. */
export function insideQueries(owner: string, reader: string | undefined): string[] {
  const me = `${literal(owner)}`;
  const readerName = reader === undefined ? "NULL::text" : `${literal(reader)}::text`;
  const roleName = (oid: string) => `pg_get_userbyid(${oid})::text`;
  return [
    `SELECT current_user::text AS who, (SELECT json_agg(extname::text) FROM pg_extension) AS extensions`,
    `WITH ${OBJECTS}, wrong AS (
       SELECT 'owner' AS what, o.classid, o.objid, ${roleName("o.owner")} AS owner, '' AS col, NULL::text AS grantee, '' AS grantor, '' AS privilege
         FROM own o WHERE NOT (o.sort = 'S' AND EXISTS (SELECT 1 FROM pg_depend s WHERE s.classid = 'pg_class'::regclass AND s.objid = o.objid
             AND s.refclassid = 'pg_class'::regclass AND s.deptype IN ('a','i')))
           AND ${roleName("o.owner")} <> CASE WHEN o.classid = 'pg_namespace'::regclass AND o.objid = 'public'::regnamespace
           THEN 'pg_database_owner' ELSE ${me} END
       UNION ALL
       SELECT 'grant', o.classid, o.objid, '', '', CASE x.grantee WHEN 0 THEN NULL ELSE ${roleName("x.grantee")} END, ${roleName("x.grantor")}, x.privilege_type
         FROM own o, aclexplode(o.acl) x
         WHERE x.grantee <> o.owner AND coalesce(${roleName("x.grantee")}, '') <> ${me}
           AND NOT (x.grantee = 0 AND (o.sort IN ('f','T') OR (o.sort = 'n' AND x.privilege_type = 'USAGE' AND o.objid = 'public'::regnamespace)))
           AND NOT (x.grantee <> 0 AND NOT x.is_grantable AND ${roleName("x.grantee")} = ${readerName}
             AND (o.sort, x.privilege_type) IN (('r','SELECT'),('S','SELECT'),('n','USAGE'),('f','EXECUTE'),('T','USAGE')))
       UNION ALL
       SELECT 'grant', 'pg_class'::regclass, a.attrelid, '', quote_ident(a.attname), CASE x.grantee WHEN 0 THEN NULL ELSE ${roleName("x.grantee")} END,
           ${roleName("x.grantor")}, x.privilege_type
         FROM pg_attribute a, aclexplode(a.attacl) x
         WHERE a.attacl IS NOT NULL AND a.attrelid >= 16384 AND coalesce(${roleName("x.grantee")}, '') <> ${me}
           AND NOT (x.grantee <> 0 AND ${roleName("x.grantee")} = ${readerName} AND x.privilege_type = 'SELECT'))
     SELECT w.what, i.type, i.identity, w.owner, w.col AS column, w.grantee, w.grantor, w.privilege
       FROM wrong w, pg_identify_object(w.classid, w.objid, 0) i ORDER BY 1, 2, 3, 6, 8`,
    `SELECT ${roleName("d.defaclrole")} AS role, CASE d.defaclnamespace WHEN 0 THEN '' ELSE d.defaclnamespace::regnamespace::text END AS schema,
       d.defaclobjtype::text AS objects, CASE x.grantee WHEN 0 THEN NULL ELSE ${roleName("x.grantee")} END AS grantee,
       x.privilege_type AS privilege, x.is_grantable AS grantable
       FROM pg_default_acl d, aclexplode(d.defaclacl) x
       WHERE x.grantee <> d.defaclrole AND NOT (x.grantee = 0 AND d.defaclnamespace = 0 AND d.defaclobjtype IN ('f','T')) ORDER BY 1, 2, 3, 4, 5`,
    reader === undefined
      ? "SELECT NULL WHERE false"
      : `WITH ${OBJECTS}, reader AS (SELECT oid FROM pg_roles WHERE rolname::text = ${readerName})
     SELECT quote_ident(n.nspname) AS schema,
         coalesce(json_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname)) FILTER (WHERE o.sort = 'r'), '[]') AS tables,
         coalesce(json_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname)) FILTER (WHERE o.sort = 'S'), '[]') AS sequences
       FROM own o JOIN pg_namespace n ON n.oid = CASE o.sort WHEN 'n' THEN o.objid ELSE o.schema END
         LEFT JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass
       WHERE o.sort IN ('n','r','S') AND NOT EXISTS (SELECT 1 FROM aclexplode(o.acl) x WHERE x.grantee = (SELECT oid FROM reader)
         AND x.privilege_type = CASE o.sort WHEN 'n' THEN 'USAGE' ELSE 'SELECT' END)
       GROUP BY n.nspname ORDER BY n.nspname`,
  ];
}

/**
 * Looks inside the database that the connection is in, without writing. It may be the module's own login: everything asked is
 * readable by anybody, and the session's search_path holds the catalogue only. A glance goes before the whole look, which is
 * seldom needed and costs as much as the connection.
 *
 * @param ownerOid the owner role's; 0 when there is no such role
 */
export async function observeInside(client: pg.Client, owner: string, ownerOid: number, reader: string | undefined): Promise<ObservedInside> {
  const glance = (await client.query<Glance>(glanceQuery(owner, ownerOid, reader))).rows[0];
  const queries = insideQueries(owner, reader);
  if (glance === undefined || glance.suspect) return parseInside(await batch(client, queries));
  const session = [{ who: glance.who, extensions: glance.extensions }];
  return parseInside([session, [], glance.defaults ? await rowsOf(client, queries[2]) : []]);
}

async function rowsOf(client: pg.Client, query: string | undefined): Promise<Row[]> {
  return query === undefined ? [] : (await client.query<Row>(query)).rows;
}

/** Builds the observation from the rows of {@link insideQueries}. */
export function parseInside(rows: readonly Row[][]): ObservedInside {
  const [session = [], wrong = [], defaults = [], unreadable = []] = rows;
  return {
    currentUser: String(session[0]?.["who"]),
    extensions: (session[0]?.["extensions"] ?? []) as string[],
    misowned: wrong.filter((row) => row["what"] === "owner") as unknown as Misowned[],
    strayGrants: wrong.filter((row) => row["what"] === "grant") as unknown as StrayGrant[],
    defaultPrivileges: defaults as unknown as DefaultPrivilege[],
    unreadable: unreadable as unknown as UnreadableSchema[],
  };
}

/** What a database just made from template0 shows, before anything was done in it. */
export function freshInside(owner: string): ObservedInside {
  return {
    currentUser: owner,
    extensions: ["plpgsql"],
    misowned: [],
    strayGrants: [],
    defaultPrivileges: [],
    unreadable: [{ schema: "public", tables: [], sequences: [] }],
  };
}
