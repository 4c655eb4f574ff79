import { execFile } from "node:child_process";
import { readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import writeFileAtomic from "write-file-atomic";
import { ServiceError, TimeoutError } from "../../model/error.ts";
import { errorCode } from "../../providers/postgresql/connection.ts";
import { readIfThere } from "../create-once.ts";
import type { RunAs } from "./run-as.ts";
import { until } from "./until.ts";

/** A running PostgreSQL's first process. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/** A fast shutdown ends sessions at once and then writes a checkpoint, which takes long only on a slow disk. */
const FAST_SHUTDOWN_MS = 30_000;
const IMMEDIATE_SHUTDOWN_MS = 10_000;
/** Larger than any process id of any system, and still an `int`. */
const NO_PROCESS = 2_147_483_647;

/**
 * The server that runs on this data directory (a real path), or `undefined`. The file `postmaster.pid` alone proves
 * nothing, since it outlives a crash and its id may belong to another process by now: that process must work in the
 * data directory. (Lines of the file: src/include/utils/pidfile.h.)
 */
export async function findPostmaster(dataDir: string): Promise<Postmaster | undefined> {
  const text = await readIfThere(pidFile(dataDir));
  const [pid, , , port] = (text ?? "").split("\n").map(Number);
  if (pid === undefined || port === undefined || !(pid > 0) || !(port > 0)) return undefined;
  return (await worksIn(pid, dataDir)) ? { pid, port } : undefined;
}

/**
 * Makes a `postmaster.pid` that a crash left behind harmless; call it only when {@link findPostmaster} found nothing.
 * PostgreSQL itself removes a stale one, but not when it is empty or its id now belongs to another process (or a zombie)
 * of the same user. Only the id is replaced: the file's shared memory key still keeps a new server from starting
 * while sessions of a killed one live on.
 */
export async function disarmPidFile(dataDir: string, owner: RunAs | undefined): Promise<void> {
  const file = pidFile(dataDir);
  const text = await readIfThere(file);
  if (text === undefined) return;
  const [pid, ...rest] = text.split("\n");
  if (!(Number(pid) > 0)) return rm(file, { force: true });
  const chown = owner === undefined ? {} : { chown: owner };
  await writeFileAtomic(file, [NO_PROCESS, ...rest].join("\n"), { mode: 0o600, ...chown });
}

/**
 * Stops a server: fast shutdown (SIGINT), and immediate shutdown (SIGQUIT, safe: the next start recovers from the log)
 * when that takes too long.
 *
 * @throws TimeoutError `EMBEDDED_STOP_TIMEOUT` when it survives both; ServiceError `EMBEDDED_STOP_DENIED`.
 */
export async function stopPostmaster(pid: number, dataDir: string): Promise<void> {
  for (const [signal, timeoutMs] of [
    ["SIGINT", FAST_SHUTDOWN_MS],
    ["SIGQUIT", IMMEDIATE_SHUTDOWN_MS],
  ] as const) {
    if (!(await worksIn(pid, dataDir))) return;
    send(pid, signal);
    if ((await until(async () => ((await worksIn(pid, dataDir)) ? undefined : true), timeoutMs)) === true) return;
  }
  throw new TimeoutError(`PostgreSQL (process ${pid}, data in ${dataDir}) still runs after SIGINT and SIGQUIT.`, {
    code: "EMBEDDED_STOP_TIMEOUT",
    hint: "See its log; the data stays safe when the process is killed.",
  });
}

function pidFile(dataDir: string): string {
  return join(dataDir, "postmaster.pid");
}

async function worksIn(pid: number, dataDir: string): Promise<boolean> {
  try {
    if (process.platform === "linux") return (await readlink(`/proc/${pid}/cwd`)) === dataDir;
    const { stdout } = await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)]);
    return stdout.includes(dataDir);
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return;
    throw new ServiceError(`PostgreSQL (process ${pid}) cannot be stopped: ${(error as Error).message}.`, {
      code: "EMBEDDED_STOP_DENIED",
      hint: "Stop it as the user that started it.",
      cause: error,
    });
  }
}
