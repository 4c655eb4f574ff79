import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Credential } from "../../src/model/credential.ts";
import type { EngineEvent } from "../../src/model/event.ts";
import type { Cell } from "../../src/model/plan.ts";
import { Secret } from "../../src/model/secret.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import {
  type Desired,
  type DesiredAccess,
  type DesiredDatabase,
  refKey,
} from "../../src/providers/postgresql/desired.ts";
import { ident, literal } from "../../src/providers/postgresql/sql.ts";
import { verifyServer } from "../../src/providers/postgresql/verify.ts";
import { startTestServer } from "../support/postgres.ts";

const LEDGER = "g2p_commons";

describe.each([15, 16, 18] as const)("PostgreSQL %i", (version) => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let admin: pg.Client;
  const undo: string[] = [];

  beforeAll(async () => {
    server = await startTestServer({ version });
    admin = await connect({ server: server.admin, ...server.admin });
    await run([
      `CREATE DATABASE ${LEDGER}`,
      `REVOKE ALL ON DATABASE ${LEDGER} FROM PUBLIC`,
      "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
      "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
    ]);
    for (const database of DATABASES) await makeDatabase(database);
    for (const access of ACCESSES) await makeAccess(access);
  }, 90_000);

  afterEach(async () => {
    await run(undo.splice(0).reverse());
  });

  afterAll(async () => {
    await admin?.end();
    await server?.stop();
  }, 60_000);

  test("a server as wanted passes every attempt, and nothing is left behind", async () => {
    const before = await everything();
    const events: EngineEvent[] = [];
    const cells = await verify({ emit: (event) => events.push(event) });

    expect(wrong(cells)).toEqual([]);
    expect(await everything()).toEqual(before);

    const connects = cells
      .filter((cell) => cell.attempt === "connect")
      .map((cell) => `${cell.from} ${cell.to} ${cell.actual}`);
    const targets = [...DATABASES.map(refKey), LEDGER, "postgres", "template1"];
    expect(new Set(connects).size).toBe(connects.length);
    expect(connects.length).toBe((DATABASES.length + ACCESSES.length) * targets.length);

    expect(accepted(cells)).toEqual([
      "dev/pbms/main > dev/pbms2/main: NOTIFY",
      "dev/pbms/main > postgres: connect",
      "dev/pbms/registry > dev/registry/main: NOTIFY",
      "dev/pbms/registry > dev/registry/main: make large objects",
      "dev/pbms2/main > dev/pbms/main: NOTIFY",
      "dev/pbms2/main > postgres: connect",
    ]);
    expect(
      cells
        .filter((cell) => cell.how === "asked")
        .map((cell) => cell.attempt)
        .sort(),
    ).toEqual(["read future tables", "write future tables"]);

    expect(events[0]).toMatchObject({ type: "step-start", step: "verify" });
    const last = events.filter((event) => event.type === "step-progress").at(-1);
    expect(last).toMatchObject({ done: last?.total });
    expect(events.at(-1)).toMatchObject({
      type: "step-end",
      outcome: "done",
      detail: `${cells.length} attempts, all as expected`,
    });
    const printed = JSON.stringify({ cells, events });
    for (const { password } of CREDENTIALS.values()) expect(printed).not.toContain(password.reveal());
  });

  /** One way to break isolation: what is done, how it is undone, and the cells that have to go wrong, and no others. */
  const breaks: { name: string; when: string[]; undo: string[]; wrong: string[] }[] = [
    {
      name: "CONNECT for PUBLIC",
      when: ["GRANT CONNECT ON DATABASE spar TO PUBLIC"],
      undo: ["REVOKE CONNECT ON DATABASE spar FROM PUBLIC"],
      wrong: [
        "dev/pbms/main > dev/spar/main: connect allowed",
        "dev/pbms/registry > dev/spar/main: connect allowed",
        "dev/pbms2/main > dev/spar/main: connect allowed",
        "dev/registry/main > dev/spar/main: connect allowed",
      ],
    },
    {
      name: "CONNECT for one other login",
      when: ["GRANT CONNECT ON DATABASE spar TO registry"],
      undo: ["REVOKE CONNECT ON DATABASE spar FROM registry"],
      wrong: ["dev/registry/main > dev/spar/main: connect allowed"],
    },
    {
      name: "CONNECT on the ledger",
      when: [`GRANT CONNECT ON DATABASE ${LEDGER} TO spar`],
      undo: [`REVOKE CONNECT ON DATABASE ${LEDGER} FROM spar`],
      wrong: [`dev/spar/main > ${LEDGER}: connect allowed`],
    },
    {
      name: "CONNECT on postgres for a login that did not ask for it",
      when: ["GRANT CONNECT ON DATABASE postgres TO spar"],
      undo: ["REVOKE CONNECT ON DATABASE postgres FROM spar"],
      wrong: ["dev/spar/main > postgres: connect allowed"],
    },
    {
      name: "TEMP in postgres",
      when: ["GRANT TEMP ON DATABASE postgres TO PUBLIC"],
      undo: ["REVOKE TEMP ON DATABASE postgres FROM PUBLIC"],
      wrong: [
        "dev/pbms/main > postgres: create temporary tables allowed",
        "dev/pbms2/main > postgres: create temporary tables allowed",
      ],
    },
    {
      name: "TEMP in the database that a reader reads",
      when: ["GRANT TEMP ON DATABASE registry TO registry_reader"],
      undo: ["REVOKE TEMP ON DATABASE registry FROM registry_reader"],
      wrong: ["dev/pbms/registry > dev/registry/main: create temporary tables allowed"],
    },
    {
      name: "membership in another's owner role",
      when: ["GRANT registry_owner TO spar"],
      undo: ["REVOKE registry_owner FROM spar"],
      wrong: [
        "dev/spar/main > dev/registry/main: connect allowed",
        "dev/spar/main > dev/registry/main: take its roles allowed",
      ],
    },
    {
      name: "membership in the owner role for a reader",
      when: ["GRANT registry_owner TO pbms_registry"],
      undo: ["REVOKE registry_owner FROM pbms_registry"],
      wrong: [
        "dev/pbms/registry > dev/registry/main: create schemas allowed",
        "dev/pbms/registry > dev/registry/main: create tables allowed",
        "dev/pbms/registry > dev/registry/main: create temporary tables allowed",
        "dev/pbms/registry > dev/registry/main: take its roles allowed",
        "dev/pbms/registry > dev/registry/main: write existing tables allowed",
        "dev/pbms/registry > dev/registry/main: write future tables allowed",
      ],
    },
    {
      name: "membership in another's login",
      when: ["GRANT spar TO pbms"],
      undo: ["REVOKE spar FROM pbms"],
      wrong: [
        "dev/pbms/main > dev/spar/main: connect allowed",
        "dev/pbms/main > dev/spar/main: take its roles allowed",
      ],
    },
    {
      name: "the right to end other sessions",
      when: ["GRANT pg_signal_backend TO spar"],
      undo: ["REVOKE pg_signal_backend FROM spar"],
      wrong: ["dev/spar/main > dev/pbms2/main: end its sessions allowed"],
    },
    {
      name: "the right to see other sessions",
      when: ["GRANT pg_read_all_stats TO spar"],
      undo: ["REVOKE pg_read_all_stats FROM spar"],
      wrong: ["dev/spar/main > dev/pbms2/main: see its statements allowed"],
    },
    {
      name: "CREATEDB",
      when: ["ALTER ROLE spar CREATEDB"],
      undo: ["ALTER ROLE spar NOCREATEDB"],
      wrong: ["dev/spar/main > server: create database allowed"],
    },
    {
      name: "REPLICATION, as legacy roles have it",
      when: ["ALTER ROLE spar REPLICATION"],
      undo: ["ALTER ROLE spar NOREPLICATION"],
      wrong: ["dev/spar/main > server: replicate the server allowed"],
    },
    {
      name: "files of the server",
      when: ["GRANT pg_read_server_files TO spar_owner", "GRANT pg_execute_server_program TO pbms_registry"],
      undo: ["REVOKE pg_read_server_files FROM spar_owner", "REVOKE pg_execute_server_program FROM pbms_registry"],
      wrong: [
        "dev/pbms/registry > server: run programs on the server allowed",
        "dev/spar/main > server: read the server's files allowed",
      ],
    },
    {
      name: "pg_read_all_data",
      when: ["GRANT pg_read_all_data TO spar"],
      undo: ["REVOKE pg_read_all_data FROM spar"],
      wrong: [
        "dev/spar/main > server: read all large objects allowed",
        "dev/spar/main > server: read password hashes allowed",
      ],
    },
    {
      name: "pg_write_all_data for a reader",
      when: ["GRANT pg_write_all_data TO pbms_registry"],
      undo: ["REVOKE pg_write_all_data FROM pbms_registry"],
      wrong: [
        "dev/pbms/registry > dev/registry/main: write existing tables allowed",
        "dev/pbms/registry > dev/registry/main: write future tables allowed",
      ],
    },
    {
      name: "a login without its owner role",
      when: ["REVOKE spar_owner FROM spar", "GRANT CONNECT ON DATABASE spar TO spar"],
      undo: ["GRANT spar_owner TO spar", "REVOKE CONNECT ON DATABASE spar FROM spar"],
      wrong: [
        "dev/spar/main > dev/spar/main: connect error",
        "dev/spar/main > dev/spar/main: create temporary tables refused",
        "dev/spar/main > dev/spar/main: create, write, read and drop tables refused",
        ...[
          "change the server's settings",
          "create an untrusted extension",
          "create database",
          "create role",
          "forge the mark",
          "lift its connection limit",
          "read all large objects",
          "read password hashes",
          "read the server's files",
          "replicate the server",
          "run programs on the server",
          "write the server's files",
        ].map((attempt) => `dev/spar/main > server: ${attempt} error`),
        ...["dev/pbms/main", "dev/pbms/registry", "dev/pbms2/main", "dev/registry/main"].map(
          (other) => `dev/spar/main > ${other}: take its roles error`,
        ),
        "dev/spar/main > dev/pbms2/main: end its sessions error",
        "dev/spar/main > dev/pbms2/main: see its statements error",
      ],
    },
    {
      name: "a wrong password",
      when: ["ALTER ROLE spar PASSWORD 'another'"],
      undo: [`ALTER ROLE spar PASSWORD ${literal("secret-of-spar-7f3a")}`],
      wrong: [
        ...[
          "dev/pbms/main",
          "dev/pbms2/main",
          "dev/registry/main",
          "dev/spar/main",
          LEDGER,
          "postgres",
          "template1",
        ].map((to) => `dev/spar/main > ${to}: connect error`),
        "dev/spar/main > server: all attempts from a session of its own error",
        ...["see its statements", "end its sessions"].flatMap((attempt) => [
          `dev/spar/main > dev/pbms2/main: ${attempt} error`,
          `dev/pbms2/main > dev/spar/main: ${attempt} error`,
        ]),
      ],
    },
  ];

  test.each(breaks)("exactly the cells concerned go wrong: $name", async (one) => {
    undo.push(...one.undo);
    await run(one.when);
    expect(wrong(await verify())).toEqual([...one.wrong].sort());
  });

  test("a default privilege to write is found in the tables to come", async () => {
    undo.push("ALTER DEFAULT PRIVILEGES FOR ROLE registry_owner REVOKE INSERT ON TABLES FROM registry_reader");
    await inside("registry", [
      "ALTER DEFAULT PRIVILEGES FOR ROLE registry_owner GRANT INSERT ON TABLES TO registry_reader",
    ]);
    const cells = await verify();
    await inside("registry", undo.splice(0));
    expect(wrong(cells)).toEqual(["dev/pbms/registry > dev/registry/main: write future tables allowed"]);
    const detail = cells.find((cell) => !cell.ok)?.detail;
    expect(detail).toBe("has INSERT on a table in a new schema; has INSERT on a table in public");
  });

  test("a table that the reader may write, and one it may not read, are found", async () => {
    await inside("registry", [
      "GRANT DELETE ON people TO registry_reader",
      'REVOKE SELECT ON app."Two Words" FROM registry_reader',
    ]);
    const cells = await verify();
    await inside("registry", [
      "REVOKE DELETE ON people FROM registry_reader",
      'GRANT SELECT ON app."Two Words" TO registry_reader',
    ]);
    expect(wrong(cells)).toEqual([
      "dev/pbms/registry > dev/registry/main: read existing tables refused",
      "dev/pbms/registry > dev/registry/main: write existing tables allowed",
    ]);
  });

  test("a superuser passes for nothing: every refusal expected of it goes wrong", async () => {
    undo.push("ALTER ROLE spar NOSUPERUSER");
    await run(["ALTER ROLE spar SUPERUSER"]);
    const before = await everything();
    const cells = (await verify()).filter((cell) => cell.from === "dev/spar/main");
    expect(cells.filter((cell) => cell.expected === "refused" && cell.actual !== "allowed")).toEqual([]);
    expect(cells.filter((cell) => cell.expected === "allowed" && !cell.ok)).toEqual([]);
    expect(await everything()).toEqual(before);
  });

  test("a large object of the owner stays closed, and its SECURITY DEFINER functions are printed", async () => {
    await inside("registry", [
      "SET ROLE registry_owner",
      "SELECT lo_create(4242)",
      "CREATE FUNCTION app.fix() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.people'",
    ]);
    const cells = await verify();
    await inside("registry", ["SET ROLE registry_owner", "SELECT lo_unlink(4242)", "DROP FUNCTION app.fix()"]);
    expect(wrong(cells)).toEqual([]);
    const of = (attempt: string) => cells.find((cell) => cell.attempt === attempt);
    expect(of("read the owner's large objects")).toMatchObject({ actual: "refused", how: "tried" });
    expect(of("run the owner's SECURITY DEFINER functions")).toMatchObject({
      accepted: true,
      detail: expect.stringContaining("app.fix"),
    });
  });

  test("on a server that is not the environment's, open maintenance databases are an accepted exception", async () => {
    undo.push("REVOKE ALL ON DATABASE postgres FROM PUBLIC", "REVOKE ALL ON DATABASE template1 FROM PUBLIC");
    await run(["GRANT CONNECT, TEMP ON DATABASE postgres TO PUBLIC", "GRANT CONNECT ON DATABASE template1 TO PUBLIC"]);
    const cells = await verify({ desired: { ...DESIRED, closeMaintenance: false } });
    expect(wrong(cells)).toEqual([]);
    const maintenance = cells.filter(
      (cell) => ["postgres", "template1"].includes(cell.to) && cell.attempt === "connect",
    );
    expect(maintenance.filter((cell) => cell.accepted !== true)).toEqual([]);
    expect(maintenance.filter((cell) => cell.to === "template1").map((cell) => cell.how)).toEqual(
      Array(5).fill("asked"),
    );
  });

  test("with a sample, near databases and so many others are tried and the rest is asked", async () => {
    undo.push("REVOKE CONNECT ON DATABASE spar FROM pbms_registry");
    await run(["GRANT CONNECT ON DATABASE spar TO pbms_registry"]);
    const cells = await verify({ sample: 0 });
    expect(wrong(cells)).toEqual(["dev/pbms/registry > dev/spar/main: connect allowed"]);
    const how = new Map(
      cells.filter((cell) => cell.attempt === "connect").map((cell) => [`${cell.from} > ${cell.to}`, cell.how]),
    );
    expect(how.get("dev/pbms/main > dev/registry/main")).toBe("tried");
    expect(how.get("dev/pbms/main > dev/spar/main")).toBe("asked");
    expect(how.get("dev/spar/main > dev/registry/main")).toBe("asked");
    expect(how.get("dev/spar/main > postgres")).toBe("tried");

    const drawn = (await verify({ sample: 1 })).filter(
      (cell) => cell.attempt === "connect" && cell.from === "dev/spar/main" && cell.to.endsWith("/main"),
    );
    expect(drawn.filter((cell) => cell.how === "tried").length).toBe(2);
  });

  test("a full connection limit is an error, not a refusal", async () => {
    undo.push("ALTER ROLE spar CONNECTION LIMIT 20");
    await run(["ALTER ROLE spar CONNECTION LIMIT 1"]);
    const { password } = CREDENTIALS.get("dev/spar/main") as Credential;
    const busy = await connect({ server: server.admin, database: "spar", user: "spar", password });
    const cells = await verify();
    await busy.end();
    const connects = cells.filter((cell) => cell.from === "dev/spar/main" && cell.attempt === "connect");
    expect(new Set(connects.map((cell) => cell.actual))).toEqual(new Set(["error"]));
    expect(connects[0]?.detail).toContain("53300");
  }, 20_000);

  test("a connection limit of one is enough for verify itself", async () => {
    undo.push("ALTER ROLE spar CONNECTION LIMIT 20");
    await run(["ALTER ROLE spar CONNECTION LIMIT 1"]);
    expect(wrong(await verify())).toEqual([]);
  }, 20_000);

  test("a login without a stored password is an error in all its cells", async () => {
    const credentials = new Map([...CREDENTIALS].filter(([key]) => key !== "dev/registry/main"));
    const cells = await verify({ credentials });
    const own = cells.filter((cell) => cell.from === "dev/registry/main" && cell.attempt === "connect");
    expect(own.every((cell) => cell.actual === "error" && !cell.ok)).toBe(true);
    expect(own[0]?.detail).toContain("no password is stored");
    expect(wrong(cells)).toContain("dev/pbms/registry > dev/registry/main: read future tables error");
  });

  test("an abort ends it with the signal's reason", async () => {
    const stop = new AbortController();
    const reason = new Error("stopped by the test");
    const emit = (event: EngineEvent) => event.type === "step-progress" && stop.abort(reason);
    await expect(verify({ emit, signal: stop.signal })).rejects.toBe(reason);
  });

  async function verify(changes: Partial<Parameters<typeof verifyServer>[0]> = {}): Promise<Cell[]> {
    // A wrong admin password shows that the admin is not used.
    const address = { ...server.admin, user: "nobody", password: new Secret("wrong") };
    const emit = () => {};
    const input = {
      server: address,
      desired: DESIRED,
      credentials: CREDENTIALS,
      ledgerDatabase: LEDGER,
      concurrency: 4,
      emit,
    };
    return verifyServer({ ...input, ...changes });
  }

  /** All that verify could have left behind. */
  async function everything(): Promise<unknown> {
    const shared = await admin.query(`
      SELECT 'role' AS what, rolname::text AS name, concat_ws(' ', rolpassword, rolconnlimit, shobj_description(oid, 'pg_authid')) AS more FROM pg_authid
      UNION ALL SELECT 'database', datname::text, datacl::text FROM pg_database
      UNION ALL SELECT 'membership', roleid::regrole::text, member::regrole::text FROM pg_auth_members
      UNION ALL SELECT 'slot', slot_name::text, '' FROM pg_replication_slots
      UNION ALL SELECT 'setting', name, setting FROM pg_settings WHERE name = 'work_mem'
      ORDER BY 1, 2, 3`);
    const held: unknown[] = [shared.rows];
    for (const database of ["postgres", ...DATABASES.map((one) => one.database)]) {
      const client = await connect({ server: server.admin, ...server.admin, database });
      const { rows } =
        await client.query(`SELECT relname::text AS name FROM pg_class WHERE oid >= 16384 UNION ALL SELECT nspname::text FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' UNION ALL SELECT oid::text FROM pg_largeobject_metadata UNION ALL SELECT extname::text FROM pg_extension ORDER BY 1`);
      held.push(rows);
      await client.end();
    }
    return held;
  }

  async function run(statements: readonly string[], client = admin): Promise<void> {
    for (const statement of statements) await client.query(statement);
  }

  async function inside(database: string, statements: readonly string[]): Promise<void> {
    const client = await connect({ server: server.admin, ...server.admin, database });
    await run(["SET search_path = public", ...statements], client);
    await client.end();
  }

  async function makeDatabase(claim: DesiredDatabase): Promise<void> {
    const { database, owner, login, reader } = claim;
    const { password } = CREDENTIALS.get(refKey(claim)) as Credential;
    await run([
      `CREATE ROLE ${ident(owner)} NOLOGIN`,
      `CREATE ROLE ${ident(login)} LOGIN PASSWORD ${literal(password.reveal())} CONNECTION LIMIT 20 IN ROLE ${ident(owner)}`,
      `CREATE DATABASE ${ident(database)} TEMPLATE template0 OWNER ${ident(owner)}`,
      `REVOKE ALL ON DATABASE ${ident(database)} FROM PUBLIC`,
      `ALTER ROLE ${ident(login)} IN DATABASE ${ident(database)} SET role = ${ident(owner)}`,
      ...(claim.spec.connectsToPostgres ? [`GRANT CONNECT ON DATABASE postgres TO ${ident(login)}`] : []),
    ]);
    if (reader === undefined) return;
    await run([
      `CREATE ROLE ${ident(reader)} NOLOGIN`,
      `GRANT CONNECT ON DATABASE ${ident(database)} TO ${ident(reader)}`,
    ]);
    await inside(database, [
      `SET ROLE ${ident(owner)}`,
      ...["USAGE ON SCHEMAS", "SELECT ON TABLES", "SELECT ON SEQUENCES"].map(
        (right) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(owner)} GRANT ${right} TO ${ident(reader)}`,
      ),
      "CREATE TABLE people (name text NOT NULL)",
      'CREATE SCHEMA app CREATE TABLE "Two Words" (v int)',
      "CREATE VIEW app.names AS SELECT name FROM people",
    ]);
  }

  async function makeAccess(access: DesiredAccess): Promise<void> {
    const { password } = CREDENTIALS.get(refKey(access)) as Credential;
    const reader = ident(access.target.reader ?? "");
    await run([
      `CREATE ROLE ${ident(access.login)} LOGIN PASSWORD ${literal(password.reveal())} CONNECTION LIMIT 10 IN ROLE ${reader}`,
    ]);
  }
});

function databaseOf(
  instance: string,
  changes: { reader?: string; connectsToPostgres?: boolean } = {},
): DesiredDatabase {
  return {
    kind: "database",
    sandbox: "dev",
    instance,
    claim: "main",
    id: `postgresql/dev/${instance}/main`,
    uuid: randomBytes(16).toString("hex"),
    database: instance,
    owner: `${instance}_owner`,
    login: instance,
    reader: changes.reader,
    spec: {
      extensions: [],
      connectionLimit: 20,
      settings: {},
      ownerVisible: false,
      connectsToPostgres: changes.connectsToPostgres ?? false,
      fixedName: {},
    },
    accept: [],
  };
}

const REGISTRY = databaseOf("registry", { reader: "registry_reader" });
const DATABASES = [
  REGISTRY,
  databaseOf("pbms", { connectsToPostgres: true }),
  databaseOf("spar"),
  databaseOf("pbms2", { connectsToPostgres: true }),
];
const ACCESSES: DesiredAccess[] = [
  {
    kind: "access",
    sandbox: "dev",
    instance: "pbms",
    claim: "registry",
    id: "postgresql/dev/pbms/registry",
    uuid: randomBytes(16).toString("hex"),
    login: "pbms_registry",
    target: REGISTRY,
    connectionLimit: 10,
    accept: [],
  },
];
const DESIRED: Desired = {
  environment: { id: "e", name: "test" },
  databases: DATABASES,
  accesses: ACCESSES,
  closeMaintenance: true,
};
const CREDENTIALS = new Map<string, Credential>(
  [...DATABASES, ...ACCESSES].map((claim) => [
    refKey(claim),
    { username: claim.login, password: new Secret(`secret-of-${claim.login}-7f3a`) },
  ]),
);

function wrong(cells: readonly Cell[]): string[] {
  return cells
    .filter((cell) => !cell.ok)
    .map((cell) => `${cell.from} > ${cell.to}: ${cell.attempt} ${cell.actual}`)
    .sort();
}

function accepted(cells: readonly Cell[]): string[] {
  const short = (cell: Cell) =>
    cell.attempt.startsWith("NOTIFY ") ? `${cell.attempt.slice(7)}: NOTIFY` : `${cell.to}: ${cell.attempt}`;
  return cells
    .filter((cell) => cell.accepted === true)
    .map((cell) => `${cell.from} > ${short(cell)}`)
    .sort();
}
