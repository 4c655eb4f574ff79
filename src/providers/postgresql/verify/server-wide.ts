import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { ident } from "../sql.ts";
import { identities, type Login } from "./login.ts";
import { combine, type Outcome, REFUSED, toCell } from "./outcome.ts";
import { scratchName, type Statement, takeRole, tryStatement } from "./session.ts";

/** Attempts on the server as a whole: each statement is one way to do it, and every one has to be refused. */
type Attempts = Readonly<Record<string, readonly Statement[]>>;

/**
 * The statements, for one login. Those that PostgreSQL allows in no transaction ask for something impossible besides, so
 * that they end with another SQLSTATE when the right is there: CREATE DATABASE from a template that does not exist, ALTER
 * SYSTEM with a value that is none. COPY looks at the right on files before it looks for the table. An extension would go to
 * pg_catalog, the session's search path, and be refused for that alone: hence a schema that is always there. (Tried on 15, 16
 * and 18, also as a superuser.)
 */
function attempts(login: Login, untrustedExtension: string | undefined): Attempts {
  const nothing = ident(scratchName());
  const owner = ident(login.home.owner);
  return {
    "create database": [{ sql: `CREATE DATABASE ${nothing} TEMPLATE ${nothing}`, passed: ["3D000"], alone: true }],
    "create role": [{ sql: `CREATE ROLE ${nothing}` }],
    "read password hashes": [
      { sql: "SELECT rolpassword FROM pg_authid LIMIT 1" },
      { sql: "SELECT passwd FROM pg_shadow LIMIT 1" },
    ],
    "forge the mark": [{ sql: `COMMENT ON ROLE ${owner} IS 'forged'` }],
    "lift its connection limit": [{ sql: `ALTER ROLE ${ident(login.user)} CONNECTION LIMIT -1` }],
    "read the server's files": [
      { sql: "SELECT pg_read_file('PG_VERSION')" },
      { sql: `COPY ${nothing} FROM '/${scratchName()}'`, passed: ["42P01"] },
    ],
    "write the server's files": [{ sql: `COPY (SELECT 1) TO '/${scratchName()}/none'`, passed: ["58P01"] }],
    "run programs on the server": [{ sql: `COPY ${nothing} TO PROGRAM 'true'`, passed: ["42P01"] }],
    "change the server's settings": [{ sql: "ALTER SYSTEM SET work_mem = 'none'", passed: ["22023"], alone: true }],
    "replicate the server": [
      { sql: "SELECT pg_create_physical_replication_slot('Not A Name')", passed: ["42602", "55000"] },
    ],
    "read all large objects": [{ sql: "SELECT 1 FROM pg_largeobject LIMIT 1" }],
    ...(untrustedExtension === undefined
      ? {}
      : {
          "create an untrusted extension": [
            { sql: `CREATE EXTENSION ${ident(untrustedExtension)} SCHEMA information_schema` },
          ],
        }),
  };
}

/**
 * Tries what nobody but the administrator may do, as the login itself and as its owner role.
 *
 * @param client session of the login at home; its role is the login itself afterwards
 */
export async function verifyServerWide(client: pg.Client, login: Login): Promise<Cell[]> {
  const all = attempts(login, await untrustedExtension(client));
  const outcomes = new Map<string, Outcome[]>(Object.keys(all).map((attempt) => [attempt, []]));
  for (const role of identities(login)) {
    const failed = await takeRole(client, role);
    for (const [attempt, statements] of Object.entries(all))
      for (const statement of statements)
        outcomes.get(attempt)?.push(failed ?? (await tryStatement(client, statement)));
  }
  await takeRole(client, undefined);
  // As the owner role this ends in "current user cannot be renamed", whatever its rights.
  outcomes.set("rename its owner role", [
    await tryStatement(client, { sql: `ALTER ROLE ${ident(login.home.owner)} RENAME TO ${ident(scratchName())}` }),
  ]);
  return [...outcomes].map(([attempt, tried]) =>
    toCell({ from: login.key, to: "server", attempt }, REFUSED, combine("refused", tried)),
  );
}

/** An extension on the server's disk that only a superuser may create and that needs no other; well-known ones first. */
async function untrustedExtension(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT v.name::text FROM pg_available_extension_versions v JOIN pg_available_extensions e ON (e.name, e.default_version) = (v.name, v.version)
    WHERE v.superuser AND NOT v.trusted AND v.requires IS NULL AND v.schema IS NULL AND e.installed_version IS NULL
    ORDER BY v.name NOT IN ('dblink', 'file_fdw', 'postgres_fdw'), v.name LIMIT 1`);
  return rows[0]?.name;
}
