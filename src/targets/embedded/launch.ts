import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ServerAddress } from "../../model/environment.ts";
import { ServiceError, TimeoutError } from "../../model/error.ts";
import { connect, errorCode } from "../../providers/postgresql/connection.ts";
import type { Binaries } from "./binaries.ts";
import { serverEnv } from "./initdb.ts";
import type { RunAs } from "./run-as.ts";
import { until } from "./until.ts";

/** Recovery after a crash replays at most a few hundred megabytes of log. */
const READY_TIMEOUT_MS = 120_000;
const LOG_LIMIT_BYTES = 10_000_000;
const LOG_LINES_SHOWN = 12;
const ATTEMPT_TIMEOUT_MS = 5_000;
const STRANGER_MS = 2_000;

/** Answers that further waiting does not change: wrong password, no such role or database, no free connection. */
const FINAL_ANSWERS = new Set(["28P01", "28000", "3D000", "53300"]);

/** A server process of ours. */
export interface Launched {
  readonly pid: number;
  readonly isAlive: () => Promise<boolean>;
  /** What it wrote to its log since it was started; once it has ended, all of it. */
  readonly said: () => Promise<string>;
}

/** What a ready server tells about itself. */
export interface Ready {
  readonly maxConnections: number;
  /** Sessions of others at this moment. */
  readonly sessions: number;
}

/**
 * Starts PostgreSQL in a session of its own, so that neither Ctrl-C in the terminal nor our end stops it. It writes to
 * the log file, which is put aside as `<log>.old` when it has grown over 10 MB.
 *
 * @throws ServiceError `EMBEDDED_START_FAILED` when the program cannot be run at all.
 */
export async function launch(
  binaries: Binaries,
  dataDir: string,
  user: RunAs | undefined,
  parameters: Readonly<Record<string, string>>,
  log: string,
): Promise<Launched> {
  const size = await sizeOf(log);
  if (size > LOG_LIMIT_BYTES) await rename(log, `${log}.old`);
  const from = size > LOG_LIMIT_BYTES ? 0 : size;
  const output = openSync(log, "a", 0o600);
  try {
    const child = spawn(
      join(binaries.root, "bin/postgres"),
      ["-D", dataDir, ...Object.entries(parameters).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      { cwd: "/", env: serverEnv(), detached: true, stdio: ["ignore", output, output], ...user },
    );
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    return {
      pid: child.pid as number,
      isAlive: () => Promise.resolve(child.exitCode === null && child.signalCode === null),
      said: () => textFrom(log, from),
    };
  } catch (error) {
    throw new ServiceError(`PostgreSQL could not be started: ${(error as Error).message}.`, {
      code: "EMBEDDED_START_FAILED",
      cause: error,
    });
  } finally {
    closeSync(output);
  }
}

/**
 * Waits until the server lets its superuser in.
 *
 * @returns `undefined` when the process ended instead.
 * @throws ServiceError `EMBEDDED_START_FAILED` when the server refuses the superuser, or another server answers on
 * the port; TimeoutError `EMBEDDED_START_TIMEOUT` after two minutes, leaving the server running.
 */
export async function waitUntilReady(
  address: ServerAddress,
  dataDir: string,
  log: string,
  isAlive: () => Promise<boolean>,
): Promise<Ready | undefined> {
  const begin = performance.now();
  let last = "no answer";
  const result = await until<Ready | "ended">(async () => {
    try {
      return await ask(address, dataDir, log);
    } catch (error) {
      if (!(await isAlive())) return "ended";
      last = (error as Error).message;
      const final = error instanceof ServiceError || FINAL_ANSWERS.has(errorCode(error) ?? "");
      // For a moment the answer may come from a stranger whose port our server is still trying to get.
      if (!final || performance.now() - begin < STRANGER_MS) return undefined;
      throw error instanceof ServiceError ? error : notOurs(address, log, last, error);
    }
  }, READY_TIMEOUT_MS);
  if (result === "ended") return undefined;
  if (result !== undefined) return result;
  throw new TimeoutError(
    `PostgreSQL on port ${address.port} is not ready after ${READY_TIMEOUT_MS / 1000} s (${last}). It was left running.`,
    {
      code: "EMBEDDED_START_TIMEOUT",
      hint: `See ${log}; after a crash it may still be recovering: run the command again.`,
    },
  );
}

/** The last lines of a text, for an error message. */
export function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-LOG_LINES_SHOWN).join("\n");
}

async function ask(address: ServerAddress, dataDir: string, log: string): Promise<Ready> {
  const client = await connect({ server: address, ...address }, ATTEMPT_TIMEOUT_MS);
  try {
    const { rows } = await client.query<{ data: string; max: number; sessions: number }>(
      `SELECT current_setting('data_directory') AS data, current_setting('max_connections')::int AS max,
              (SELECT count(*)::int FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS sessions`,
    );
    const [row] = rows;
    if (row?.data !== dataDir) throw notOurs(address, log, `its data directory is ${row?.data}, expected ${dataDir}`);
    return { maxConnections: row.max, sessions: row.sessions };
  } finally {
    await client.end().catch(() => {});
  }
}

function notOurs(address: ServerAddress, log: string, found: string, cause?: unknown): ServiceError {
  return new ServiceError(
    `The embedded PostgreSQL on port ${address.port} cannot be used by its superuser: ${found}.`,
    {
      code: "EMBEDDED_START_FAILED",
      hint: `See ${log}; if the superuser's password was changed by hand, write it into admin-password beside that file.`,
      cause,
    },
  );
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

async function textFrom(file: string, from: number): Promise<string> {
  const handle = await open(file);
  try {
    const length = Math.max((await handle.stat()).size - from, 0);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, from);
    return buffer.toString("utf8");
  } finally {
    await handle.close();
  }
}
