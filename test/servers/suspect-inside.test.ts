import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { batch } from "../../src/providers/postgresql/admin.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { insideQueries, parseInside } from "../../src/providers/postgresql/observe-inside.ts";
import { suspicionQueries } from "../../src/providers/postgresql/suspect-inside.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";

/** What a module does with its own database. */
const ORDINARY = `CREATE TABLE public.person (id serial PRIMARY KEY, name text); CREATE INDEX ON public.person (name);
  CREATE VIEW public.names AS SELECT name FROM public.person; CREATE MATERIALIZED VIEW public.copies AS SELECT name FROM public.person;
  CREATE TABLE public.parts (at int) PARTITION BY RANGE (at); CREATE SEQUENCE public.counter; CREATE TYPE public.mood AS ENUM ('a');
  CREATE TYPE public.pair AS (a int, b int); CREATE DOMAIN public.small AS int; CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE SCHEMA extra; CREATE TABLE extra.thing (id int GENERATED ALWAYS AS IDENTITY, big text); CREATE STATISTICS extra.both ON id, big FROM extra.thing`;

/** Each of them is to be suspected; those that the whole look finds as well must be. */
const MEDDLED: Readonly<Record<string, string>> = {
  "a stranger's table": "CREATE TABLE public.strange (a int)",
  "a stranger's schema": "CREATE SCHEMA strange",
  "a stranger's function": "CREATE FUNCTION public.strange() RETURNS int LANGUAGE sql AS 'SELECT 1'",
  "a stranger's type": "CREATE TYPE public.strange AS ENUM ('a')",
  "a stranger's standalone row type": "CREATE TYPE public.strange AS (a int)",
  "a stranger's operator": "CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
  "a stranger's collation": `CREATE COLLATION public.strange FROM "C"`,
  "a stranger's text search": "CREATE TEXT SEARCH CONFIGURATION public.strange (COPY = pg_catalog.simple)",
  "a stranger's conversion": "CREATE CONVERSION public.strange FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
  "a stranger's publication": "CREATE PUBLICATION strange",
  "a stranger's large object": "SELECT lo_create(7)",
  "a table granted": "GRANT SELECT ON public.person TO other",
  "a table granted to PUBLIC": "GRANT SELECT ON public.person TO PUBLIC",
  "a column granted": "GRANT SELECT (name) ON public.person TO other",
  "a sequence granted": "GRANT USAGE ON public.counter TO other",
  "a function granted": "GRANT EXECUTE ON FUNCTION public.one() TO other",
  "a type granted": "GRANT USAGE ON TYPE public.mood TO other",
  "a schema granted": "GRANT USAGE ON SCHEMA extra TO other",
  "CREATE on public for PUBLIC": "GRANT CREATE ON SCHEMA public TO PUBLIC",
  "another owner of public": "ALTER SCHEMA public OWNER TO other",
  "a right of the owner's own taken": "REVOKE TRUNCATE ON public.person FROM own",
};

const READER = `GRANT USAGE ON SCHEMA public TO reads; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reads;
  ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO reads; ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO reads`;

describe.each([15, 16, 18] as const)("PostgreSQL %i", (version) => {
  let server: TestServer;
  let admin: pg.Client;

  beforeAll(async () => {
    server = await startTestServer({ version });
    admin = await connect({ server: server.admin, ...server.admin });
    await admin.query("CREATE ROLE own; CREATE ROLE reads; CREATE ROLE other");
    for (const name of ["alone", "read"]) await admin.query(`CREATE DATABASE ${name} OWNER own TEMPLATE template0`);
  });

  afterAll(async () => {
    await admin.end();
    await server.stop();
  });

  describe.each([
    { database: "alone", reader: undefined },
    { database: "read", reader: "reads" },
  ])("database $database", ({ database, reader }) => {
    let client: pg.Client;

    beforeAll(async () => {
      client = await connect({ server: server.admin, ...server.admin, database });
      await batch(client, [
        "BEGIN",
        "SET LOCAL ROLE own",
        ...(reader === undefined ? [] : [READER]),
        ORDINARY,
        "COMMIT",
      ]);
    });

    afterAll(() => client.end());

    const suspicions = async () => {
      const { rows } = await client.query<{ oid: number }>("SELECT oid FROM pg_roles WHERE rolname = 'own'");
      const queries = suspicionQueries("own", rows[0]?.oid ?? 0, reader) ?? [];
      return (await batch(client, queries)).flatMap((found, index) => (found.length > 0 ? [queries[index]] : []));
    };
    const whole = async () => {
      const found = parseInside(await batch(client, insideQueries("own", reader, "postgres")));
      return found.misowned.length + found.strayGrants.length + found.unreadable.length;
    };

    test("what a module does by itself is not suspected, and the whole look finds nothing", async () => {
      expect(await suspicions()).toEqual([]);
      expect(await whole()).toBe(0);
    });

    test.each(Object.entries(MEDDLED))("%s is suspected", async (_, sql) => {
      await client.query("BEGIN");
      try {
        await client.query(sql);
        expect(await suspicions()).not.toEqual([]);
      } finally {
        await client.query("ROLLBACK");
      }
    });

    if (reader === undefined) return;
    test("what the reader may not read is suspected", async () => {
      for (const sql of ["TABLE public.person", "SEQUENCE public.counter", "SCHEMA extra", "SCHEMA public"]) {
        await client.query(`BEGIN; SET LOCAL ROLE own; REVOKE ALL ON ${sql} FROM reads; RESET ROLE`);
        expect(await suspicions(), sql).not.toEqual([]);
        expect(await whole(), sql).toBeGreaterThan(0);
        await client.query("ROLLBACK");
      }
    });
  });
});

test("names that an ACL would quote are left to the whole look", () => {
  expect(suspicionQueries("own", 1, "with-dash")).toBeUndefined();
  expect(suspicionQueries("with-dash", 1, "reads")).toBeUndefined();
  expect(suspicionQueries("with-dash", 1, undefined)).toBeDefined();
});
