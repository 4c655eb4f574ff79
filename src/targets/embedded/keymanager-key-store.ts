import { randomUUID } from "node:crypto";
import { chown, copyFile, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type pg from "pg";
import { RefusedError, ServiceError } from "../../model/error.ts";
import { connect } from "../../providers/postgresql/connection.ts";
import { createOnce, readIfThere } from "../create-once.ts";
import { KEYMANAGER_SCHEMA } from "./keymanager-schema.ts";
import type { KeymanagerDatabase } from "./keymanager-settings.ts";

/** Advisory lock of the schema's making: `CREATE … IF NOT EXISTS` of two at a time can still collide. */
const LOCK = 7_306_094;

/** Files of the key store in a server's data directory. */
export interface KeyStoreFiles {
  /** PKCS12 with the master keys; the server rewrites it in place for every new one. */
  readonly store: string;
  /** The key store as it was at the last start. */
  readonly copy: string;
  /** Id of the key store; the database holds the same. */
  readonly id: string;
}

/** Names the files; touches nothing. */
export function keyStoreFiles(dataDir: string): KeyStoreFiles {
  const store = join(dataDir, "keystore.p12");
  return { store, copy: `${store}.copy`, id: join(dataDir, "keystore.id") };
}

/**
 * Makes the schema and ties key store and database together: base keys in the database are encrypted by master keys in the key store,
 * so one without the other is lost. Call it while the server does not run.
 *
 * The server writes the key store in place; one that a kill left half written is replaced by the copy of the last start, where
 * no key was made since.
 *
 * @throws RefusedError `KEYMANAGER_DATABASE_LOST`, `KEYMANAGER_KEY_STORE_LOST`, `KEYMANAGER_KEY_STORE_OTHER`, `KEYMANAGER_KEY_STORE_DAMAGED`;
 * ServiceError `KEYMANAGER_DATABASE` when the database cannot be used
 */
export async function pairKeyStore(dataDir: string, database: KeymanagerDatabase): Promise<void> {
  const files = keyStoreFiles(dataDir);
  const client = await openDatabase(database);
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    await client.query(KEYMANAGER_SCHEMA);
    await client.query("COMMIT");
    const { rows } = await client.query<{ id: string }>("SELECT id FROM keymgr.g2p_key_store");
    const stored = rows[0]?.id;
    const own = await readIfThere(files.id);
    const hasStore = await exists(files.store);
    if (stored === undefined) {
      if (hasStore) throw lostDatabase(files, database);
      const id = own ?? (await createOnce(files.id, randomUUID()));
      await client.query("INSERT INTO keymgr.g2p_key_store (id) VALUES ($1) ON CONFLICT DO NOTHING", [id]);
      return;
    }
    if (own !== stored) throw otherStore(files, database, own);
    await heal(client, files, database, hasStore);
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    throw unusable(database, error);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Sees to it that the key store is there and whole wherever the database knows master keys, and copies it. */
async function heal(
  client: pg.Client,
  files: KeyStoreFiles,
  database: KeymanagerDatabase,
  hasStore: boolean,
): Promise<void> {
  if (hasStore && (await isWhole(files.store))) {
    await copyFile(files.store, `${files.copy}.new`);
    await rename(`${files.copy}.new`, files.copy);
    return;
  }
  const copied = (await stat(files.copy).catch(() => undefined))?.mtime;
  // Master keys are those without a reference id; the server records a key after it has stored it.
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM keymgr.key_alias WHERE ref_id = '' AND key_gen_dtimes > $1::timestamptz AT TIME ZONE 'UTC'`,
    [copied ?? new Date(0)],
  );
  if ((rows[0]?.count ?? 0) === 0) {
    if (copied === undefined) await rm(files.store, { force: true });
    else await restore(files, dirname(files.store));
    return;
  }
  if (!hasStore) throw lostStore(files, database);
  throw new RefusedError(
    `Keymanager's key store ${files.store} is damaged, and ${rows[0]?.count} master keys were made since its last copy. Nothing was changed.`,
    {
      code: "KEYMANAGER_KEY_STORE_DAMAGED",
      hint: `Restore it from a backup; the copy of the last start is ${files.copy}.`,
    },
  );
}

/** Puts the copy back, for the user that owns the data directory. */
async function restore({ copy, store }: KeyStoreFiles, dataDir: string): Promise<void> {
  const { uid, gid } = await stat(dataDir);
  await copyFile(copy, `${store}.new`);
  await chown(`${store}.new`, uid, gid);
  await rename(`${store}.new`, store);
}

/** PKCS12 is one DER sequence, whose header tells its length. */
async function isWhole(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    if (bytesRead < 6 || buffer[0] !== 0x30) return false;
    const first = buffer[1] ?? 0;
    if (first < 0x80) return size === first + 2;
    const bytes = first & 0x7f;
    if (bytes < 1 || bytes > 4) return false;
    return size === buffer.readUIntBE(2, bytes) + 2 + bytes;
  } finally {
    await handle.close();
  }
}

async function openDatabase(database: KeymanagerDatabase): Promise<pg.Client> {
  try {
    return await connect({ server: { ...database, sslmode: "disable" }, ...database, user: database.username });
  } catch (error) {
    throw unusable(database, error);
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

function where({ host, port, database }: KeymanagerDatabase): string {
  return `database "${database}" on ${host}:${port}`;
}

function unusable(database: KeymanagerDatabase, error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ServiceError(`Keymanager's ${where(database)} cannot be used: ${message}. Keymanager was not started.`, {
    code: "KEYMANAGER_DATABASE",
    hint: "Keymanager's database must be applied before Keymanager starts; see `g2p status`.",
    cause: error,
  });
}

function lostDatabase(files: KeyStoreFiles, database: KeymanagerDatabase): RefusedError {
  return new RefusedError(
    `Keymanager's ${where(database)} is empty, but the key store ${files.store} holds master keys: the database was reset without it. Nothing was changed.`,
    {
      code: "KEYMANAGER_DATABASE_LOST",
      hint: `Restore the database from a backup, or delete ${files.store} and ${files.id} to begin anew: what was encrypted so far can then never be read again.`,
    },
  );
}

function lostStore(files: KeyStoreFiles, database: KeymanagerDatabase): RefusedError {
  return new RefusedError(
    `Keymanager's key store ${files.store} is gone, but ${where(database)} knows keys in it. Nothing was changed.`,
    {
      code: "KEYMANAGER_KEY_STORE_LOST",
      hint: `Restore it from a backup, or drop the schema keymgr to begin anew: what was encrypted so far can then never be read again.`,
    },
  );
}

function otherStore(files: KeyStoreFiles, database: KeymanagerDatabase, own: string | undefined): RefusedError {
  return new RefusedError(
    `Keymanager's ${where(database)} belongs to another key store than ${own === undefined ? "that of this new data directory" : files.store}. Nothing was changed.`,
    {
      code: "KEYMANAGER_KEY_STORE_OTHER",
      hint: "Restore the data directory that this database was used with, or drop the schema keymgr to begin anew: what was encrypted so far can then never be read again.",
    },
  );
}
