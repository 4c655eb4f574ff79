import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { literal } from "../../src/providers/postgresql/sql.ts";
import { type IsolatedServer, LEDGER, startIsolatedServer, wrong } from "../support/isolation.ts";

describe.each([15, 16, 18] as const)("PostgreSQL %i", (version) => {
  let isolated: IsolatedServer;
  const undo: string[] = [];
  const verify: IsolatedServer["verify"] = (changes) => isolated.verify(changes);

  beforeAll(async () => {
    isolated = await startIsolatedServer(version);
  }, 90_000);

  afterEach(async () => {
    await isolated.run(undo.splice(0).reverse());
  });

  afterAll(async () => {
    await isolated?.stop();
  }, 60_000);

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
    await isolated.run(one.when);
    expect(wrong(await verify())).toEqual([...one.wrong].sort());
  });

  test("a default privilege to write is found in the tables to come", async () => {
    undo.push("ALTER DEFAULT PRIVILEGES FOR ROLE registry_owner REVOKE INSERT ON TABLES FROM registry_reader");
    await isolated.inside("registry", [
      "ALTER DEFAULT PRIVILEGES FOR ROLE registry_owner GRANT INSERT ON TABLES TO registry_reader",
    ]);
    const cells = await verify();
    await isolated.inside("registry", undo.splice(0));
    expect(wrong(cells)).toEqual(["dev/pbms/registry > dev/registry/main: write future tables allowed"]);
    const detail = cells.find((cell) => !cell.ok)?.detail;
    expect(detail).toBe("has INSERT on a table in a new schema; has INSERT on a table in public");
  });

  test("a table that the reader may write, and one it may not read, are found", async () => {
    await isolated.inside("registry", [
      "GRANT DELETE ON people TO registry_reader",
      'REVOKE SELECT ON app."Two Words" FROM registry_reader',
    ]);
    const cells = await verify();
    await isolated.inside("registry", [
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
    await isolated.run(["ALTER ROLE spar SUPERUSER"]);
    const before = await isolated.everything();
    const cells = (await verify()).filter((cell) => cell.from === "dev/spar/main");
    expect(cells.filter((cell) => cell.expected === "refused" && cell.actual !== "allowed")).toEqual([]);
    expect(cells.filter((cell) => cell.expected === "allowed" && !cell.ok)).toEqual([]);
    expect(await isolated.everything()).toEqual(before);
  });
});
