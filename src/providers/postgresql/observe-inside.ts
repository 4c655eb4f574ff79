import type pg from "pg";
import { batch, type Row } from "./admin.ts";
import { literal } from "./sql.ts";
import { suspicionQueries } from "./suspect-inside.ts";

/** Whose an object or a default privilege is, and what that means for this admin. */
interface Owned {
  readonly owner: string;
  /** May the admin act with the owner's rights? Asked of the server, since the owner may be nobody of ours. */
  readonly borrowable: boolean;
}

/** An object in a database whose owner is not the one it should have. */
export interface Misowned extends Owned {
  /** As pg_identify_object names it, e.g. `table`, `function`, `schema`, `large object`. */
  readonly type: string;
  /** Quoted identity, ready for a statement. */
  readonly identity: string;
}

/** A privilege on an object that nobody asked for. */
export interface StrayGrant extends Owned {
  readonly type: string;
  readonly identity: string;
  /** Quoted column for a grant on a column, else empty. */
  readonly column: string;
  /** `null` is PUBLIC. */
  readonly grantee: string | null;
  readonly grantor: string;
  readonly privilege: string;
  /** The reader may have the privilege itself: only its grant option is too much. */
  readonly optionOnly: boolean;
}

/** One privilege of one row of pg_default_acl, the owner's own apart; its owner is the role whose new objects get it. */
export interface DefaultPrivilege extends Owned {
  /** Schema it is limited to, or empty. */
  readonly schema: string;
  /** `r` relations, `S` sequences, `f` functions, `T` types, `n` schemas, `L` large objects. */
  readonly objects: string;
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** What one role owns in a schema, the schema itself included, that the reader may not use or read; names are quoted. */
export interface Unreadable extends Owned {
  readonly schema: string;
  /** USAGE on the schema is what lacks, or also lacks. */
  readonly usage: boolean;
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
  /** What the reader may not read, by schema and owner. */
  readonly unreadable: readonly Unreadable[];
}

/**
 * Objects of the module: not the server's own (below 16384, save schema `public`), not temporary, not an extension's.
 */
const OBJECTS = `objects AS (
  SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid, c.relowner AS owner, c.relacl AS acl,
      CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END AS sort, c.relnamespace AS schema
    FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r','v','m','f','p','S') AND c.relpersistence <> 't'
  UNION ALL SELECT 'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl, 'n', 0 FROM pg_namespace n
    WHERE (n.oid >= 16384 OR n.nspname = 'public') AND n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.proowner, p.proacl, 'f', p.pronamespace FROM pg_proc p WHERE p.oid >= 16384
  UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typowner, t.typacl, 'T', t.typnamespace FROM pg_type t
    WHERE t.oid >= 16384 AND (t.typtype IN ('d','e','r') OR (t.typtype = 'b' AND t.typelem = 0)
      OR (t.typtype = 'c' AND (SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c'))
  UNION ALL SELECT 'pg_largeobject'::regclass, l.oid, l.lomowner, l.lomacl, 'L', 0 FROM pg_largeobject_metadata l
  UNION ALL SELECT 'pg_operator'::regclass, o.oid, o.oprowner, NULL, 'o', 0 FROM pg_operator o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_collation'::regclass, o.oid, o.collowner, NULL, 'o', 0 FROM pg_collation o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_ts_config'::regclass, o.oid, o.cfgowner, NULL, 'o', 0 FROM pg_ts_config o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_ts_dict'::regclass, o.oid, o.dictowner, NULL, 'o', 0 FROM pg_ts_dict o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_conversion'::regclass, o.oid, o.conowner, NULL, 'o', 0 FROM pg_conversion o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_opclass'::regclass, o.oid, o.opcowner, NULL, 'o', 0 FROM pg_opclass o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_opfamily'::regclass, o.oid, o.opfowner, NULL, 'o', 0 FROM pg_opfamily o WHERE o.oid >= 16384
  UNION ALL SELECT 'pg_statistic_ext'::regclass, o.oid, o.stxowner, NULL, 'o', 0 FROM pg_statistic_ext o
  UNION ALL SELECT 'pg_foreign_server'::regclass, o.oid, o.srvowner, o.srvacl, 'F', 0 FROM pg_foreign_server o
  UNION ALL SELECT 'pg_publication'::regclass, o.oid, o.pubowner, NULL, 'o', 0 FROM pg_publication o),
own AS (SELECT * FROM objects o WHERE NOT EXISTS
  (SELECT 1 FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e'))`;

/** Rights that a reader role may have on what it reads: kind of object and privilege. */
const READER_MAY = "('r','SELECT'),('S','SELECT'),('n','USAGE'),('f','EXECUTE'),('T','USAGE')";

/**
 * The statements that look inside one database; {@link parseInside} takes their rows.
 *
 * @param admin who would carry out a repair; the connection may be another's
 */
export function insideQueries(owner: string, reader: string | undefined, admin: string): string[] {
  const me = literal(owner);
  const roleName = (oid: string) => `pg_get_userbyid(${oid})::text`;
  const grantee = `CASE x.grantee WHEN 0 THEN NULL ELSE ${roleName("x.grantee")} END`;
  const isReader =
    reader === undefined ? "false" : `(x.grantee <> 0 AND ${roleName("x.grantee")} = ${literal(reader)})`;
  // Before version 16 CREATEROLE is enough, then it takes ADMIN OPTION (PostgreSQL docs, role attributes).
  const borrowable = (
    oid: string,
  ) => `(SELECT a.rolsuper OR a.oid = r.oid OR (NOT r.rolsuper AND (pg_has_role(a.oid, r.oid, 'MEMBER WITH ADMIN OPTION')
      OR (a.rolcreaterole AND NOT r.rolreplication AND current_setting('server_version_num')::int < 160000)))
      FROM pg_roles a, pg_roles r WHERE a.rolname::text = ${literal(admin)} AND r.oid = ${oid})`;
  return [
    `SELECT current_user::text AS who, (SELECT json_agg(extname::text) FROM pg_extension) AS extensions`,
    `WITH ${OBJECTS}, granted AS (
       SELECT o.classid, o.objid, o.owner, '' AS col, x.grantee, ${roleName("x.grantor")} AS grantor, x.privilege_type, x.is_grantable,
           ${isReader} AND (o.sort, x.privilege_type) IN (${READER_MAY}) AS readers
         FROM own o, aclexplode(o.acl) x
         WHERE NOT (x.grantee = 0 AND (o.sort IN ('f','T') OR (o.sort = 'n' AND x.privilege_type = 'USAGE' AND o.objid = 'public'::regnamespace)))
       UNION ALL
       SELECT 'pg_class'::regclass, a.attrelid, c.relowner, quote_ident(a.attname), x.grantee, ${roleName("x.grantor")}, x.privilege_type, x.is_grantable,
           ${isReader} AND x.privilege_type = 'SELECT'
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x WHERE a.attacl IS NOT NULL AND a.attrelid >= 16384),
     wrong AS (
       SELECT 'owner' AS what, o.classid, o.objid, o.owner, '' AS col, NULL::text AS grantee, '' AS grantor, '' AS privilege, false AS "optionOnly"
         FROM own o WHERE NOT (o.sort = 'S' AND EXISTS (SELECT 1 FROM pg_depend s WHERE s.classid = 'pg_class'::regclass AND s.objid = o.objid
             AND s.refclassid = 'pg_class'::regclass AND s.deptype IN ('a','i')))
           AND ${roleName("o.owner")} <> CASE WHEN o.classid = 'pg_namespace'::regclass AND o.objid = 'public'::regnamespace
           THEN 'pg_database_owner' ELSE ${me} END
       UNION ALL
       SELECT 'grant', x.classid, x.objid, x.owner, x.col, ${grantee}, x.grantor, x.privilege_type, x.readers FROM granted x
         WHERE x.grantee <> x.owner AND coalesce(${grantee}, '') <> ${me} AND NOT (x.readers AND NOT x.is_grantable))
     SELECT w.what, i.type, i.identity, ${roleName("w.owner")} AS owner, ${borrowable("w.owner")} AS borrowable, w.col AS column, w.grantee, w.grantor,
         w.privilege, w."optionOnly"
       FROM wrong w, pg_identify_object(w.classid, w.objid, 0) i ORDER BY w.what, i.type <> 'schema', i.type, i.identity, w.grantee, w.privilege`,
    `SELECT ${roleName("d.defaclrole")} AS owner, ${borrowable("d.defaclrole")} AS borrowable,
         CASE d.defaclnamespace WHEN 0 THEN '' ELSE d.defaclnamespace::regnamespace::text END AS schema,
         d.defaclobjtype::text AS objects, ${grantee} AS grantee, x.privilege_type AS privilege, x.is_grantable AS grantable
       FROM pg_default_acl d, aclexplode(d.defaclacl) x
       WHERE x.grantee <> d.defaclrole AND NOT (x.grantee = 0 AND d.defaclnamespace = 0 AND d.defaclobjtype IN ('f','T')) ORDER BY 1, 3, 4, 5, 6`,
    reader === undefined
      ? "SELECT NULL WHERE false"
      : `WITH ${OBJECTS}, reader AS (SELECT oid FROM pg_roles WHERE rolname::text = ${literal(reader)})
     SELECT quote_ident(n.nspname) AS schema, ${roleName("o.owner")} AS owner, ${borrowable("o.owner")} AS borrowable, bool_or(o.sort = 'n') AS usage,
         coalesce(json_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname)) FILTER (WHERE o.sort = 'r'), '[]') AS tables,
         coalesce(json_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname)) FILTER (WHERE o.sort = 'S'), '[]') AS sequences
       FROM own o JOIN pg_namespace n ON n.oid = CASE o.sort WHEN 'n' THEN o.objid ELSE o.schema END
         LEFT JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass
       WHERE o.sort IN ('n','r','S') AND NOT EXISTS (SELECT 1 FROM aclexplode(o.acl) x WHERE x.grantee = (SELECT oid FROM reader)
         AND x.privilege_type = CASE o.sort WHEN 'n' THEN 'USAGE' ELSE 'SELECT' END)
       GROUP BY n.nspname, o.owner ORDER BY n.nspname, 2`,
  ];
}

/**
 * Looks inside the database that the connection is in, without writing. It may be the module's own login: everything asked is
 * readable by anybody, and the session's search_path holds the catalogue only. Objects are gone through only where a glance at
 * them finds something that is not as an untouched one's.
 *
 * @param ownerOid the owner role's; 0 when there is no such role
 * @param admin as {@link insideQueries} has it
 */
export async function observeInside(
  client: pg.Client,
  owner: string,
  ownerOid: number,
  reader: string | undefined,
  admin: string,
): Promise<ObservedInside> {
  const whole = insideQueries(owner, reader, admin);
  const suspicions = suspicionQueries(owner, ownerOid, reader);
  if (suspicions === undefined) return parseInside(await batch(client, whole));
  const session = [
    "SELECT current_user::text AS who",
    "SELECT extname::text AS name FROM pg_extension",
    "SELECT FROM pg_default_acl LIMIT 1",
  ];
  const [who = [], extensions = [], defaults = [], ...suspects] = await batch(client, [...session, ...suspicions]);
  if (suspects.some((rows) => rows.length > 0)) return parseInside(await batch(client, whole));
  const known = [{ ...who[0], extensions: extensions.map((row) => row["name"]) }];
  return parseInside([known, [], defaults.length === 0 ? [] : (await batch(client, whole.slice(2, 3))).flat()]);
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
    unreadable: unreadable as unknown as Unreadable[],
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
    unreadable: [
      { schema: "public", owner: "pg_database_owner", borrowable: false, usage: true, tables: [], sequences: [] },
    ],
  };
}
