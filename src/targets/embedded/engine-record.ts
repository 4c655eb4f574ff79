import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as z from "zod";
import { ServiceError } from "../../model/error.ts";
import type { Service } from "../../model/service.ts";
import { errorCode } from "../../providers/postgresql/connection.ts";
import { readIfThere } from "../create-once.ts";
import type { ServerFiles } from "./server-files.ts";

const recordShape = z.object({
  scope: z.string(),
  /** Program and version that made the data, e.g. `Kafka 4.3.1`. */
  title: z.string(),
  ports: z.record(z.string(), z.number().int()),
  /** Absolute, where the data had to move out of the state directory; otherwise absent, so the directory can be moved. */
  dataDir: z.string().optional(),
});

/** What is known about an embedded server of a service beside PostgreSQL while it is down (`server.json`). */
export type EngineRecord = z.infer<typeof recordShape>;

/**
 * What is recorded of the server; `undefined` when there is none.
 *
 * @throws ServiceError `EMBEDDED_RECORD_DAMAGED`.
 */
export async function readEngineRecord(file: string): Promise<EngineRecord | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return recordShape.parse(JSON.parse(text));
  } catch (error) {
    throw new ServiceError(`${file} is damaged. Nothing was changed.`, {
      code: "EMBEDDED_RECORD_DAMAGED",
      hint: "Restore it from a backup; the server's data beside it is untouched.",
      cause: error,
    });
  }
}

/** Replaces what is recorded, atomically. */
export async function writeEngineRecord(files: Pick<ServerFiles, "record">, record: EngineRecord): Promise<void> {
  await writeFileAtomic(files.record, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}

/**
 * Scopes of all servers of a service that a state directory holds, in the order of their folders' names.
 *
 * @throws ServiceError `EMBEDDED_RECORD_DAMAGED`.
 */
export async function engineScopes(stateDir: string, service: Service): Promise<string[]> {
  const parent = join(resolve(stateDir), "servers", service);
  const folders = await readdir(parent).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  const records = folders.sort().map((folder) => readEngineRecord(join(parent, folder, "server.json")));
  return (await Promise.all(records)).flatMap((record) => (record === undefined ? [] : [record.scope]));
}
