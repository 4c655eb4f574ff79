import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { type DesiredDatabase, refKey } from "../desired.ts";
import { ident } from "../sql.ts";
import type { Login } from "./login.ts";
import { abridge, ALLOWED, type Outcome, outcomeOfError, REFUSED, toCell } from "./outcome.ts";
import { scratchName, tryStatement } from "./session.ts";

/**
 * What a session at home shows of itself: a login whose membership was taken away gets in all the same, but works as itself,
 * because a `role` setting that cannot be met is passed over silently.
 */
export async function verifyIdentity(client: pg.Client, login: Login): Promise<Cell> {
  const { rows } = await client.query<{ session: string; role: string; database: string }>(
    "SELECT session_user::text AS session, current_user::text AS role, current_database()::text AS database",
  );
  const found = rows[0];
  const right =
    found?.session === login.user && found.role === login.homeRole && found.database === login.home.database;
  const outcome: Outcome = right
    ? { actual: "allowed", detail: "" }
    : {
        actual: "error",
        detail: `works as "${found?.role}" in "${found?.database}", expected "${login.homeRole}" in "${login.home.database}"`,
      };
  return toCell({ from: login.key, to: refKey(login.home), attempt: "connect" }, ALLOWED, outcome);
}

/**
 * What a module must be able to do in its own database; everything is rolled back.
 *
 * @param client session of a database's login, as it was opened
 */
export async function verifyOwnDatabase(client: pg.Client, login: Login): Promise<Cell[]> {
  const schema = scratchName();
  const inPublic = (await schemaExists(client, "public")) ? [`public.${schema}`] : [];
  const tables = [`${schema}.t`, ...inPublic].map(
    (table) =>
      `CREATE TABLE ${table} (v int); INSERT INTO ${table} VALUES (1); SELECT v FROM ${table}; DROP TABLE ${table}`,
  );
  const place = { from: login.key, to: refKey(login.home) };
  return [
    toCell(
      { ...place, attempt: "create, write, read and drop tables" },
      ALLOWED,
      quiet(await tryStatement(client, { sql: [`CREATE SCHEMA ${schema}`, ...tables].join("; ") })),
    ),
    toCell(
      { ...place, attempt: "create temporary tables" },
      ALLOWED,
      quiet(await tryStatement(client, { sql: `CREATE TEMP TABLE ${schema} (v int)` })),
    ),
  ];
}

/** The kinds of right that write; `has_table_privilege` knows them by these words. */
export const WRITES = ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"] as const;

/**
 * What readers will be able to do with tables that the owner is yet to create, in a new schema as well. The owner creates
 * them in a transaction that is rolled back, where no other session can see them: so the rights are asked, not tried.
 *
 * @param client session of the database's own login
 */
export async function verifyFutureTables(
  client: pg.Client,
  database: DesiredDatabase,
  readers: readonly Login[],
): Promise<Cell[]> {
  const schema = scratchName();
  const inPublic = await schemaExists(client, "public");
  try {
    await client.query(`BEGIN READ WRITE; SET LOCAL ROLE ${ident(database.owner)};
      CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.t (v int); CREATE SEQUENCE ${schema}.q;
      ${inPublic ? `CREATE TABLE public.${schema} (v int)` : ""}`);
    const tables = [`${schema}.t`, ...(inPublic ? [`public.${schema}`] : [])];
    const cells: Cell[] = [];
    for (const reader of readers) {
      const { read, write } = await askRights(client, reader.user, schema, tables);
      cells.push(...futureCells(database, reader.key, read, write));
    }
    return cells;
  } catch (error) {
    const keys = readers.map((reader) => reader.key);
    return futureFailed(database, keys, `the owner could not set up the proof: ${outcomeOfError(error).detail}`);
  } finally {
    await client.query("ROLLBACK").catch(() => {});
  }
}

/** The cells of {@link verifyFutureTables} where it could not be done. */
export function futureFailed(database: DesiredDatabase, readers: readonly string[], why: string): Cell[] {
  const failed: Outcome = { actual: "error", detail: why };
  return readers.flatMap((reader) => futureCells(database, reader, failed, failed));
}

function futureCells(database: DesiredDatabase, reader: string, read: Outcome, write: Outcome): Cell[] {
  const place = { from: reader, to: refKey(database) };
  return [
    toCell({ ...place, attempt: "read future tables" }, ALLOWED, read, "asked"),
    toCell({ ...place, attempt: "write future tables" }, REFUSED, write, "asked"),
  ];
}

async function askRights(
  client: pg.Client,
  user: string,
  schema: string,
  tables: readonly string[],
): Promise<{ read: Outcome; write: Outcome }> {
  const { rows } = await client.query<{ what: string; granted: boolean; writes: boolean }>(
    `SELECT p || ' on ' || t AS what, has_table_privilege($1::name, t, p) AS granted, p <> 'SELECT' AS writes
       FROM unnest($2::text[]) t, unnest($3::text[]) p
     UNION ALL SELECT 'USAGE on the schema', has_schema_privilege($1::name, $4::text, 'USAGE'), false
     UNION ALL SELECT 'CREATE in the schema', has_schema_privilege($1::name, $4::text, 'CREATE'), true
     UNION ALL SELECT p || ' on a sequence', has_sequence_privilege($1::name, $4::text || '.q', p), true FROM unnest(ARRAY['USAGE','UPDATE']) p`,
    [user, tables, ["SELECT", ...WRITES], schema],
  );
  // The tables' names are random; the reader of a report wants their place.
  const place = (what: string) =>
    what.replace(`${schema}.t`, "a table in a new schema").replace(`public.${schema}`, "a table in public");
  const missing = rows.filter((row) => !row.writes && !row.granted).map((row) => `lacks ${place(row.what)}`);
  const extra = rows.filter((row) => row.writes && row.granted).map((row) => `has ${place(row.what)}`);
  return {
    read: missing.length === 0 ? { actual: "allowed", detail: "" } : { actual: "refused", detail: abridge(missing) },
    write:
      extra.length === 0
        ? { actual: "refused", detail: "no such right" }
        : { actual: "allowed", detail: abridge(extra) },
  };
}

/** Does the database have a schema of this name? */
export async function schemaExists(client: pg.Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query("SELECT FROM pg_namespace WHERE nspname = $1::text", [schema]);
  return rowCount === 1;
}

function quiet(outcome: Outcome): Outcome {
  return outcome.actual === "allowed" ? { ...outcome, detail: "" } : outcome;
}
