import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RefusedError, ServiceError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { keyStoreFiles, pairKeyStore } from "../../src/targets/embedded/keymanager-key-store.ts";
import type { KeymanagerDatabase } from "../../src/targets/embedded/keymanager-settings.ts";
import { databaseFor } from "../contract/keymanager.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";

/** A file that is whole by its DER header: a sequence of two bytes. */
const WHOLE = Buffer.from([0x30, 0x82, 0x00, 0x02, 0x05, 0x00]);

describe("Keymanager's key store and its database", () => {
  let server: TestServer;
  let database: KeymanagerDatabase;
  let dir: string;

  beforeAll(async () => {
    server = await startTestServer();
    database = await databaseFor(server, "km");
  });

  afterAll(async () => {
    await server?.stop();
  });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "g2p-key-store-"));
    await sql("DROP SCHEMA IF EXISTS keymgr CASCADE");
    return () => rm(dir, { recursive: true, force: true });
  });

  const sql = async (text: string) => {
    const client = await connect({ server: server.admin, ...server.admin, database: "km" });
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  const pair = () => pairKeyStore(dir, database);
  const masterKey = (when: string) =>
    sql(`INSERT INTO keymgr.key_alias (id, app_id, ref_id, key_gen_dtimes, cr_by, cr_dtimes)
         VALUES ('a', 'ROOT', '', (now() AT TIME ZONE 'UTC') + interval '${when}', 'test', now())`);
  const refused = (code: string) => expect(pair()).rejects.toMatchObject({ code, name: RefusedError.name });

  test("are tied together once, and again without a change, also by several at a time", async () => {
    await Promise.all([pair(), pair(), pair()]);
    const id = await readFile(keyStoreFiles(dir).id, "utf8");
    await writeFile(keyStoreFiles(dir).store, WHOLE);
    await pair();
    expect(await readFile(keyStoreFiles(dir).id, "utf8")).toBe(id);
    expect(await readFile(keyStoreFiles(dir).copy)).toEqual(WHOLE);
  });

  test("a database that was reset without the key store is refused", async () => {
    await pair();
    await writeFile(keyStoreFiles(dir).store, WHOLE);
    await sql("DROP SCHEMA keymgr CASCADE");
    await refused("KEYMANAGER_DATABASE_LOST");
  });

  test("a new data directory with an old database is refused", async () => {
    await pair();
    await rm(keyStoreFiles(dir).id);
    await refused("KEYMANAGER_KEY_STORE_OTHER");
  });

  test("a key store that is gone while the database knows its keys is refused", async () => {
    await pair();
    await masterKey("0 s");
    await refused("KEYMANAGER_KEY_STORE_LOST");
  });

  test("a key store that a kill left half written is replaced by its copy, where no key was made since", async () => {
    const { store } = keyStoreFiles(dir);
    await pair();
    await masterKey("-1 hour");
    await writeFile(store, WHOLE);
    await pair();
    for (const half of [WHOLE.subarray(0, 5), Buffer.alloc(0)]) {
      await writeFile(store, half);
      await pair();
      expect(await readFile(store)).toEqual(WHOLE);
    }
    await sql("UPDATE keymgr.key_alias SET key_gen_dtimes = (now() AT TIME ZONE 'UTC') + interval '1 hour'");
    await writeFile(store, WHOLE.subarray(0, 5));
    await refused("KEYMANAGER_KEY_STORE_DAMAGED");
    expect(existsSync(store)).toBe(true);
  });

  test("a first key store that a kill left half written is taken away", async () => {
    const { store } = keyStoreFiles(dir);
    await pair();
    await writeFile(store, WHOLE.subarray(0, 5));
    await pair();
    expect(existsSync(store)).toBe(false);
  });

  test("a database that cannot be used is a service error", async () => {
    const error = await pairKeyStore(dir, { ...database, password: new Secret("wrong") }).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).code).toBe("KEYMANAGER_DATABASE");
  });
});
