import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { refKey } from "../desired.ts";
import { ident } from "../sql.ts";
import { WRITES } from "./home.ts";
import type { Login } from "./login.ts";
import { abridge, ALLOWED, combine, type Expectation, type Outcome, REFUSED, toCell } from "./outcome.ts";
import { scratchName, tryStatement } from "./session.ts";

/** Tables really read and written; for the others the rights are asked. */
const TRIED_TABLES = 20;
const TRIED_SCHEMAS = 10;

const LARGE_OBJECTS: Expectation = {
  expected: "allowed",
  accepted: "PostgreSQL lets whoever connects make large objects; what a reader owns is drift that apply repairs",
  mayBeRefused: true,
};

const DEFINER_FUNCTIONS =
  "functions that the owner made SECURITY DEFINER run with the owner's rights, and PUBLIC may execute them unless the owner revokes it: ";

/**
 * Tries as a reader what a reader may do in the database it reads, and what it must not.
 *
 * @param client session of an access's login in its target
 */
export async function verifyReader(client: pg.Client, login: Login): Promise<Cell[]> {
  const place = { from: login.key, to: refKey(login.home) };
  const cells: Cell[] = [];
  const add = (attempt: string, expectation: Expectation, outcome: Outcome, how: Cell["how"] = "tried") =>
    cells.push(toCell({ ...place, attempt }, expectation, outcome, how));
  const tryAll = (statements: readonly string[]) => sequence(statements, (sql) => tryStatement(client, { sql }));

  const tables = await ownersTables(client, login.home.owner);
  if (tables.length === 0) {
    add("read existing tables", ALLOWED, { actual: "allowed", detail: "there are none yet" }, "asked");
  } else {
    const tried = tables.slice(0, TRIED_TABLES);
    const unreadable = tables.filter((table) => !table.readable).map((table) => table.name);
    const asked: Outcome[] =
      unreadable.length === 0 ? [] : [{ actual: "refused", detail: `no right to read ${abridge(unreadable)}` }];
    const reads = await tryAll(tried.map((table) => `SELECT 1 FROM ${table.name} LIMIT 0`));
    const read = combine("allowed", [...asked, ...reads]);
    const count = `${tried.length} of ${tables.length} tried, all asked`;
    add("read existing tables", ALLOWED, read.actual === "allowed" ? { ...read, detail: count } : read);

    // Both check the right before anything is written; neither would touch a row of value.
    const plain = tried.filter((table) => table.plain);
    const writes = await tryAll(
      plain.flatMap(({ name }) => [`INSERT INTO ${name} DEFAULT VALUES`, `DELETE FROM ${name} WHERE false`]),
    );
    const writable = tables
      .filter((table) => table.writes.length > 0)
      .map((table) => `${table.writes.join(", ")} on ${table.name}`);
    const granted: Outcome[] = writable.length === 0 ? [] : [{ actual: "allowed", detail: abridge(writable) }];
    if (plain.length === 0)
      add("write existing tables", REFUSED, granted[0] ?? { actual: "refused", detail: "no such right" }, "asked");
    else add("write existing tables", REFUSED, combine("refused", [...granted, ...writes]));
  }

  const name = scratchName();
  const schemas = await userSchemas(client);
  if (schemas.length > 0)
    add(
      "create tables",
      REFUSED,
      combine("refused", await tryAll(schemas.map((schema) => `CREATE TABLE ${ident(schema)}.${name} (v int)`))),
    );
  add("create schemas", REFUSED, await tryStatement(client, { sql: `CREATE SCHEMA ${name}` }));
  add("create temporary tables", REFUSED, await tryStatement(client, { sql: `CREATE TEMP TABLE ${name} (v int)` }));
  add("make large objects", LARGE_OBJECTS, await tryStatement(client, { sql: "SELECT lo_create(0)" }));

  const { rows: objects } = await client.query<{ oid: string }>(
    "SELECT oid::text AS oid FROM pg_largeobject_metadata WHERE pg_get_userbyid(lomowner)::text = $1::text AND lomacl IS NULL LIMIT 1",
    [login.home.owner],
  );
  for (const { oid } of objects)
    add("read the owner's large objects", REFUSED, await tryStatement(client, { sql: `SELECT lo_get(${oid})` }));

  const functions = await definerFunctions(client, login.home.owner);
  if (functions.length > 0) {
    const accepted = {
      expected: "allowed",
      accepted: DEFINER_FUNCTIONS + abridge(functions),
      mayBeRefused: true,
    } as const;
    add("run the owner's SECURITY DEFINER functions", accepted, { actual: "allowed", detail: "" }, "asked");
  }
  return cells;
}

interface Table {
  /** Quoted and with its schema. */
  readonly name: string;
  /** An ordinary or partitioned table, not a view. */
  readonly plain: boolean;
  readonly readable: boolean;
  readonly writes: readonly string[];
}

/** Tables and views of the owner with this session's rights on them. */
async function ownersTables(client: pg.Client, owner: string): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind <> 'v' AS plain,
        has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
        ARRAY(SELECT p FROM unnest($2::text[]) p WHERE has_table_privilege(c.oid, p)) AS writes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v') AND pg_get_userbyid(c.relowner)::text = $1::text
        AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      ORDER BY 1`,
    [owner, WRITES],
  );
  return rows;
}

async function userSchemas(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT nspname::text AS name FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
      ORDER BY nspname <> 'public', NOT has_schema_privilege(oid, 'CREATE'), 1 LIMIT ${TRIED_SCHEMAS}`,
  );
  return rows.map((row) => row.name);
}

async function definerFunctions(client: pg.Client, owner: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, p.proname) AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE p.prosecdef AND pg_get_userbyid(p.proowner)::text = $1::text AND has_function_privilege(p.oid, 'EXECUTE')
        AND has_schema_privilege(n.oid, 'USAGE') ORDER BY 1`,
    [owner],
  );
  return rows.map((row) => row.name);
}

async function sequence<A, B>(items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
