import { type DriftCase, quoted, since16 } from "./case.ts";
import { FARMERS, PBMS, STAGING, STRANGER } from "./scene.ts";

const { owner, login, reader } = quoted({ owner: FARMERS.owner, login: FARMERS.login, reader: FARMERS.reader });
const pbms = quoted({ login: PBMS.login });
const here = { database: FARMERS.database };

const only = (...aspects: readonly string[]) => ({ [FARMERS.id]: aspects });

/** A grant on one object, and the aspect without its `grant:`. */
function grant(drift: string, statement: string, aspect: string): DriftCase {
  return { ...here, drift, inject: [statement], named: only(`grant:${aspect}`) };
}

/** Rights on what is in a database. */
export const GRANTS: readonly DriftCase[] = [
  grant("PUBLIC may create in schema public", "GRANT CREATE ON SCHEMA public TO PUBLIC", "schema:public:PUBLIC:CREATE"),
  grant(
    "a stranger may read a table",
    `GRANT SELECT ON public.people TO ${STRANGER}`,
    `table:public.people:${STRANGER}:SELECT`,
  ),
  grant(
    "another module's login may write a table",
    `GRANT INSERT ON public.people TO ${pbms.login}`,
    `table:public.people:${PBMS.login}:INSERT`,
  ),
  grant("PUBLIC may read a table", 'GRANT SELECT ON app."Two Words" TO PUBLIC', 'table:app."Two Words":PUBLIC:SELECT'),
  grant(
    "a stranger may read a column",
    `GRANT SELECT (name) ON public.people TO ${STRANGER}`,
    `table:public.people (name):${STRANGER}:SELECT`,
  ),
  grant(
    "the reader role may write a column",
    `GRANT UPDATE (name) ON public.people TO ${reader}`,
    `table:public.people (name):${FARMERS.reader}:UPDATE`,
  ),
  grant(
    "the reader role may write a table",
    `GRANT DELETE ON public.people TO ${reader}`,
    `table:public.people:${FARMERS.reader}:DELETE`,
  ),
  grant(
    "the reader role may let others read a table",
    `GRANT SELECT ON public.people TO ${reader} WITH GRANT OPTION`,
    `table:public.people:${FARMERS.reader}:SELECT`,
  ),
  grant(
    "a stranger may read a view",
    `GRANT SELECT ON public.names TO ${STRANGER}`,
    `view:public.names:${STRANGER}:SELECT`,
  ),
  grant(
    "a stranger may read a materialized view",
    `GRANT SELECT ON public.counts TO ${STRANGER}`,
    `materialized view:public.counts:${STRANGER}:SELECT`,
  ),
  grant(
    "a stranger may use a sequence",
    `GRANT USAGE ON SEQUENCE public.people_id_seq TO ${STRANGER}`,
    `sequence:public.people_id_seq:${STRANGER}:USAGE`,
  ),
  grant(
    "a stranger may run a function",
    `GRANT EXECUTE ON FUNCTION public.twice TO ${STRANGER}`,
    `function:public.twice(integer):${STRANGER}:EXECUTE`,
  ),
  grant(
    "a stranger may run a procedure",
    `GRANT EXECUTE ON PROCEDURE public.tidy TO ${STRANGER}`,
    `procedure:public.tidy():${STRANGER}:EXECUTE`,
  ),
  grant(
    "a stranger may run an aggregate",
    `GRANT EXECUTE ON FUNCTION public.total(int) TO ${STRANGER}`,
    `aggregate:public.total(integer):${STRANGER}:EXECUTE`,
  ),
  grant("a stranger may use a schema", `GRANT USAGE ON SCHEMA app TO ${STRANGER}`, `schema:app:${STRANGER}:USAGE`),
  grant("PUBLIC may use a schema", "GRANT USAGE ON SCHEMA app TO PUBLIC", "schema:app:PUBLIC:USAGE"),
  grant(
    "a stranger may use an enum",
    `GRANT USAGE ON TYPE public.mood TO ${STRANGER}`,
    `type:public.mood:${STRANGER}:USAGE`,
  ),
  grant(
    "a stranger may use a domain",
    `GRANT USAGE ON DOMAIN public.label TO ${STRANGER}`,
    `type:public.label:${STRANGER}:USAGE`,
  ),
  grant(
    "a stranger may use a composite type",
    `GRANT USAGE ON TYPE public.pair TO ${STRANGER}`,
    `type:public.pair:${STRANGER}:USAGE`,
  ),
  grant(
    "a stranger may read a large object",
    `GRANT SELECT ON LARGE OBJECT 4242 TO ${STRANGER}`,
    `large object:4242:${STRANGER}:SELECT`,
  ),
  {
    ...here,
    drift: "a stranger let everybody read a table",
    inject: [
      `GRANT SELECT ON public.people TO ${STRANGER} WITH GRANT OPTION`,
      `SET ROLE ${STRANGER}`,
      "GRANT SELECT ON public.people TO PUBLIC",
      "RESET ROLE",
    ],
    named: only("grant:table:public.people:PUBLIC:SELECT", `grant:table:public.people:${STRANGER}:SELECT`),
  },
  {
    ...here,
    drift: "the reader role may not read one table",
    inject: [`REVOKE SELECT ON public.people FROM ${reader}`],
    named: only("readable:public"),
  },
  {
    ...here,
    drift: "the reader role may not read one sequence",
    inject: [`REVOKE SELECT ON public.tickets FROM ${reader}`],
    named: only("readable:public"),
  },
  {
    ...here,
    drift: "the reader role may not use a schema",
    inject: [`REVOKE USAGE ON SCHEMA app FROM ${reader}`],
    named: only("readable:app"),
  },
  { ...here, drift: "an extension was dropped", inject: ["DROP EXTENSION pg_trgm"], named: only("extension:pg_trgm") },
];

const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner}`;

function defaultPrivilege(drift: string, statement: string, aspect: string, more: Partial<DriftCase> = {}): DriftCase {
  return { ...here, drift, inject: [statement], named: only(`default-privilege:${aspect}`), ...more };
}

/** What is granted on objects that will be made. */
export const DEFAULT_PRIVILEGES: readonly DriftCase[] = [
  defaultPrivilege(
    "the default right on tables was removed",
    `${defaults} REVOKE SELECT ON TABLES FROM ${reader}`,
    `TABLES:${FARMERS.reader}:SELECT`,
  ),
  defaultPrivilege(
    "the default right on sequences was removed",
    `${defaults} REVOKE SELECT ON SEQUENCES FROM ${reader}`,
    `SEQUENCES:${FARMERS.reader}:SELECT`,
  ),
  defaultPrivilege(
    "the default right on schemas was removed",
    `${defaults} REVOKE USAGE ON SCHEMAS FROM ${reader}`,
    `SCHEMAS:${FARMERS.reader}:USAGE`,
  ),
  defaultPrivilege(
    "a default right of the reader role was widened",
    `${defaults} GRANT INSERT ON TABLES TO ${reader}`,
    `TABLES:${FARMERS.reader}:INSERT`,
  ),
  defaultPrivilege(
    "the reader role may pass on its default right",
    `${defaults} GRANT SELECT ON TABLES TO ${reader} WITH GRANT OPTION`,
    `TABLES:${FARMERS.reader}:SELECT`,
  ),
  defaultPrivilege(
    "PUBLIC has a default right on tables",
    `${defaults} GRANT SELECT ON TABLES TO PUBLIC`,
    "TABLES:PUBLIC:SELECT",
  ),
  defaultPrivilege(
    "a stranger has a default right on functions",
    `${defaults} GRANT EXECUTE ON FUNCTIONS TO ${STRANGER}`,
    `FUNCTIONS:${STRANGER}:EXECUTE`,
  ),
  defaultPrivilege(
    "a stranger has a default right on types",
    `${defaults} GRANT USAGE ON TYPES TO ${STRANGER}`,
    `TYPES:${STRANGER}:USAGE`,
  ),
  defaultPrivilege(
    "PUBLIC has a default right in one schema",
    `${defaults} IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC`,
    "TABLES IN SCHEMA app:PUBLIC:SELECT",
  ),
  defaultPrivilege(
    "PUBLIC has a default right on what the login makes as itself",
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${login} GRANT SELECT ON TABLES TO PUBLIC`,
    `TABLES:PUBLIC:SELECT:by:${FARMERS.login}`,
  ),
  defaultPrivilege(
    "PUBLIC has a default right on what a stranger makes",
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${STRANGER} GRANT SELECT ON TABLES TO PUBLIC`,
    `TABLES:PUBLIC:SELECT:by:${STRANGER}`,
    { lesser: since16, undo: [`ALTER DEFAULT PRIVILEGES FOR ROLE ${STRANGER} REVOKE SELECT ON TABLES FROM PUBLIC`] },
  ),
];

/** An object of the module given to another role. */
function given(what: string, alter: string, aspect: string, to: "login" | "stranger" | "superuser"): DriftCase {
  const role = { login, stranger: STRANGER, superuser: "postgres" }[to];
  const whose = { login: "the login", stranger: "a stranger", superuser: "the superuser" }[to];
  return {
    ...here,
    drift: `${what} belongs to ${whose}`,
    inject: [`ALTER ${alter} OWNER TO ${role}`],
    undo: [`ALTER ${alter} OWNER TO ${owner}`],
    named: only(`owner:${aspect}`),
    ...(to === "login" ? {} : { lesser: to === "stranger" ? since16 : ("needs superuser" as const) }),
  };
}

/** Every kind of object: what it is, how it is altered, its aspect without `owner:`. */
const KINDS: readonly (readonly [string, string, string])[] = [
  ["a schema", "SCHEMA app", "schema:app"],
  ["a table", "TABLE public.people", "table:public.people"],
  ["a view", "VIEW public.names", "view:public.names"],
  ["a materialized view", "MATERIALIZED VIEW public.counts", "materialized view:public.counts"],
  ["a sequence", "SEQUENCE public.tickets", "sequence:public.tickets"],
  ["a function", "FUNCTION public.twice(int)", "function:public.twice(integer)"],
  ["a procedure", "PROCEDURE public.tidy()", "procedure:public.tidy()"],
  ["an aggregate", "AGGREGATE public.total(int)", "aggregate:public.total(integer)"],
  ["an enum", "TYPE public.mood", "type:public.mood"],
  ["a domain", "DOMAIN public.label", "type:public.label"],
  ["a composite type", "TYPE public.pair", "type:public.pair"],
  ["a large object", "LARGE OBJECT 4242", "large object:4242"],
  ["a statistics object", "STATISTICS public.people_stats", "statistics object:public.people_stats"],
  ["a collation", "COLLATION public.plain", "collation:public.plain"],
  ["a text search dictionary", "TEXT SEARCH DICTIONARY public.simple2", "text search dictionary:public.simple2"],
  [
    "a text search configuration",
    "TEXT SEARCH CONFIGURATION public.english2",
    "text search configuration:public.english2",
  ],
  ["an operator", "OPERATOR public.<-> (int, int)", "operator:public.<->(integer,integer)"],
  ["a conversion", "CONVERSION public.latin", "conversion:public.latin"],
];

/** Owners of what is in a database. */
export const OWNERS: readonly DriftCase[] = [
  ...KINDS.map(([what, alter, aspect]) => given(what, alter, aspect, "login")),
  ...KINDS.slice(0, 2).flatMap(([what, alter, aspect]) => [
    given(what, alter, aspect, "stranger"),
    given(what, alter, aspect, "superuser"),
  ]),
  {
    ...here,
    drift: "schema public belongs to the owner role",
    inject: [`ALTER SCHEMA public OWNER TO ${owner}`],
    named: only("owner:schema:public"),
  },
  {
    ...here,
    drift: "the module made tables, views, functions, types and large objects as its login",
    inject: [
      "SET ROLE NONE",
      "SET search_path = public",
      "CREATE SCHEMA mine",
      "CREATE TYPE mine.sort AS ENUM ('a')",
      "CREATE TABLE mine.things (id serial, sort mine.sort)",
      "CREATE VIEW mine.all_things AS SELECT * FROM mine.things",
      "CREATE FUNCTION mine.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "SELECT lo_create(77)",
      "CREATE TABLE own (id int GENERATED ALWAYS AS IDENTITY)",
    ],
    by: "login",
    cleanup: ["DROP SCHEMA mine CASCADE", "DROP TABLE public.own", "SELECT lo_unlink(77)"],
    named: only(
      "owner:function:mine.f()",
      "owner:large object:77",
      "owner:schema:mine",
      "owner:table:mine.things",
      "owner:table:public.own",
      "owner:type:mine.sort",
      "owner:view:mine.all_things",
      "readable:mine",
      "readable:public",
    ),
  },
  {
    ...here,
    drift: "the superuser made a table",
    inject: ["CREATE TABLE public.dump (id serial)"],
    cleanup: ["DROP TABLE public.dump"],
    undo: ["SELECT 1"],
    named: only("owner:table:public.dump", "readable:public"),
    lesser: "needs superuser",
  },
  {
    ...here,
    drift: "a reader made a large object",
    inject: ["SELECT lo_create(99)"],
    by: "access",
    cleanup: ["SELECT lo_unlink(99)"],
    named: only("owner:large object:99"),
  },
  {
    drift: "the superuser made a table where nobody reads",
    inject: ["CREATE TABLE public.dump (id serial)"],
    database: STAGING.database,
    cleanup: ["DROP TABLE public.dump"],
    undo: ["SELECT 1"],
    named: { [STAGING.id]: ["owner:table:public.dump"] },
    lesser: "needs superuser",
  },
];
