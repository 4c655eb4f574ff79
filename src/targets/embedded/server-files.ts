import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as z from "zod";
import type { ServerAddress } from "../../model/environment.ts";
import { ServiceError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import type { Service } from "../../model/service.ts";
import { errorCode } from "../../providers/postgresql/connection.ts";
import { createOnce, readIfThere } from "../create-once.ts";
import { randomPassword } from "../random-password.ts";
import { createStateDir } from "../state.ts";
import { canPass, runAs } from "./run-as.ts";
import { SYSTEM_DIR } from "./system-dir.ts";

const recordShape = z.object({
  scope: z.string(),
  version: z.number().int(),
  port: z.number().int(),
  maxConnections: z.number().int(),
  /** Absolute, where the data had to move out of the state directory; otherwise absent, so the directory can be moved. */
  dataDir: z.string().optional(),
  /** True once the data directory was complete: from then on a missing one is a loss, not a beginning. */
  initialized: z.boolean(),
});

/** What is known about an embedded server while it is down (`server.json`). */
export type ServerRecord = z.infer<typeof recordShape>;

/** Where the files of one embedded server are. */
export interface ServerFiles {
  readonly stateDir: string;
  readonly scope: string;
  /** `<state>/servers/<service>/<scope>`. */
  readonly dir: string;
  readonly record: string;
  readonly log: string;
  readonly lock: string;
  readonly adminPassword: string;
}

/** Names the files of a service's server of a scope; touches nothing. The environment's own server is called `environment`. */
export function serverFiles(stateDir: string, scope: string, service: Service = "postgresql"): ServerFiles {
  const folder = scope === "" ? "environment" : scope.replaceAll("/", "__");
  const dir = join(resolve(stateDir), "servers", service, folder);
  return {
    stateDir: resolve(stateDir),
    scope,
    dir,
    record: join(dir, "server.json"),
    log: join(dir, "log"),
    lock: join(dir, "lock"),
    adminPassword: join(dir, "admin-password"),
  };
}

/**
 * Scopes of all servers that a state directory holds, in the order of their folders' names.
 *
 * @throws ServiceError `EMBEDDED_RECORD_DAMAGED`.
 */
export async function embeddedScopes(stateDir: string): Promise<string[]> {
  const parent = join(resolve(stateDir), "servers/postgresql");
  const folders = await readdir(parent).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  const records = folders.sort().map((folder) => readRecord({ record: join(parent, folder, "server.json") }));
  return (await Promise.all(records)).flatMap((record) => (record === undefined ? [] : [record.scope]));
}

/** Creates the server's folder; for root passable like the state directory, see {@link createStateDir}. */
export async function createServerDir(files: ServerFiles): Promise<void> {
  await createStateDir(files.stateDir);
  await mkdir(files.dir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
}

/**
 * What is recorded of the server; `undefined` when there is none.
 *
 * @throws ServiceError `EMBEDDED_RECORD_DAMAGED`.
 */
export async function readRecord(files: Pick<ServerFiles, "record">): Promise<ServerRecord | undefined> {
  const text = await readIfThere(files.record);
  if (text === undefined) return undefined;
  try {
    return recordShape.parse(JSON.parse(text));
  } catch (error) {
    throw new ServiceError(`${files.record} is damaged. Nothing was changed.`, {
      code: "EMBEDDED_RECORD_DAMAGED",
      hint: "Restore it from a backup; the server's data beside it is untouched.",
      cause: error,
    });
  }
}

/** Replaces what is recorded, atomically. */
export async function writeRecord(files: ServerFiles, record: ServerRecord): Promise<void> {
  await writeFileAtomic(files.record, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}

/** Real path of the data directory; it need not exist yet, its parent must. */
export async function dataDirOf(files: ServerFiles, record: ServerRecord): Promise<string> {
  return record.dataDir ?? join(await realpath(files.dir), "data");
}

/**
 * Where a new server's data goes: `undefined` for the state directory, or a fresh path below {@link SYSTEM_DIR} when the
 * user it runs as cannot reach the state directory. The path is random, since a state directory that was deleted and
 * made again is a new one and must not find the old data.
 *
 * @returns also the folders that earlier state directories at the same place left there.
 */
export async function placeData(
  files: ServerFiles,
): Promise<{ dataDir: string | undefined; leftovers: readonly string[] }> {
  const user = await runAs(undefined);
  const dir = await realpath(files.dir);
  if (user === undefined || (await canPass(user, dir))) return { dataDir: undefined, leftovers: [] };
  const home = join(SYSTEM_DIR, "servers", createHash("sha256").update(dir).digest("hex").slice(0, 16));
  const leftovers = await readdir(home).catch(() => []);
  return {
    dataDir: join(home, randomBytes(6).toString("hex"), "data"),
    leftovers: leftovers.map((name) => join(home, name)),
  };
}

/** Creates the folder that holds a data directory outside the state directory. */
export async function createDataHome(dataDir: string): Promise<void> {
  await mkdir(dirname(dataDir), { recursive: true, mode: 0o711 });
}

/** The superuser's password, made at the first call and kept in a file of mode 0600. */
export async function adminPassword(files: ServerFiles): Promise<Secret> {
  const stored =
    (await readIfThere(files.adminPassword)) ?? (await createOnce(files.adminPassword, randomPassword().reveal()));
  if (stored.trim() !== "") return new Secret(stored.trim());
  throw new ServiceError(`${files.adminPassword} is empty; expected the password of this server's superuser.`, {
    code: "EMBEDDED_PASSWORD_LOST",
    hint: "Restore the file from a backup.",
  });
}

/** Address of the server with its superuser. */
export function addressOf(files: ServerFiles, port: number, password: Secret): ServerAddress {
  return {
    service: "postgresql",
    scope: files.scope,
    host: "127.0.0.1",
    port,
    user: "postgres",
    password,
    database: "postgres",
    sslmode: "disable",
  };
}
