import { execFile, spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { readdir, readlink, realpath, rename, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { ServiceError, TimeoutError } from "../../model/error.ts";
import { errorCode } from "../../providers/postgresql/connection.ts";
import { readIfThere } from "../create-once.ts";
import type { EngineCommand } from "./engine-definition.ts";
import type { RunAs } from "./run-as.ts";
import { until } from "./until.ts";

const LOG_LIMIT_BYTES = 10_000_000;
const TERM_MS = 30_000;
const KILL_MS = 10_000;

/** A server process of ours that was just started. */
export interface EngineProcess {
  readonly pid: number;
  readonly hasEnded: () => boolean;
}

/**
 * Starts a server in a session of its own, so that neither Ctrl-C in the terminal nor our end stops it. It runs in its data
 * directory, by which {@link findEngine} knows it, and writes to the log file, which is put aside as `<log>.old` when it has grown
 * over 10 MB.
 *
 * @throws ServiceError `EMBEDDED_START_FAILED` when the program cannot be run at all.
 */
export async function launchEngine(
  title: string,
  command: EngineCommand,
  dataDir: string,
  user: RunAs | undefined,
  log: string,
): Promise<EngineProcess> {
  if (((await stat(log).catch(() => undefined))?.size ?? 0) > LOG_LIMIT_BYTES) await rename(log, `${log}.old`);
  const output = openSync(log, "a", 0o600);
  const { PATH, TZ } = process.env;
  const env = { PATH, ...(TZ === undefined ? {} : { TZ }), HOME: dataDir, LC_ALL: "C.UTF-8", ...command.env };
  try {
    writeSync(output, beginning(title));
    const child = spawn(command.program, command.args, {
      cwd: dataDir,
      env,
      detached: true,
      stdio: ["ignore", output, output],
      ...user,
    });
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    return {
      pid: child.pid as number,
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    };
  } catch (error) {
    throw new ServiceError(`${title} could not be started: ${(error as Error).message}.`, {
      code: "EMBEDDED_START_FAILED",
      cause: error,
    });
  } finally {
    closeSync(output);
  }
}

/**
 * Ids of the processes that work in this data directory (a real path) and write to this log, the oldest first: a server, however it
 * was started. The directory alone proves nothing, since somebody's shell may stand in it; nor does the environment, over which
 * some servers write their title.
 */
export async function findEngine(dataDir: string, log: string): Promise<readonly number[]> {
  if (process.platform !== "linux") return findByCommand(dataDir);
  const output = await realpath(log).catch(() => log);
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        // Zombies have no working directory.
        if ((await readlink(`/proc/${name}/cwd`)) !== dataDir) return [];
        return (await readlink(`/proc/${name}/fd/1`)).startsWith(output) ? [Number(name)] : [];
      } catch {
        return [];
      }
    }),
  );
  return found.flat().sort((a, b) => a - b);
}

async function findByCommand(dataDir: string): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)("lsof", ["-a", "-d", "cwd", "-Fp", dataDir]).catch(() => ({
    stdout: "",
  }));
  return [...stdout.matchAll(/^p(\d+)$/gm)].map(([, pid]) => Number(pid)).sort((a, b) => a - b);
}

/**
 * Stops whatever runs in the data directory: SIGTERM, and SIGKILL after 30 s.
 *
 * @returns false when nothing ran.
 * @throws TimeoutError `EMBEDDED_STOP_TIMEOUT` when it survives both; ServiceError `EMBEDDED_STOP_DENIED`.
 */
export async function stopProcesses(title: string, dataDir: string, log: string): Promise<boolean> {
  let ran = false;
  for (const [signal, timeoutMs] of [
    ["SIGTERM", TERM_MS],
    ["SIGKILL", KILL_MS],
  ] as const) {
    const pids = await findEngine(dataDir, log);
    if (pids.length === 0) return ran;
    ran = true;
    for (const pid of pids) send(title, pid, signal);
    const ended = async () => ((await findEngine(dataDir, log)).length === 0 ? true : undefined);
    if ((await until(ended, timeoutMs)) === true) return true;
  }
  throw new TimeoutError(`${title} (data in ${dataDir}) still runs after SIGTERM and SIGKILL.`, {
    code: "EMBEDDED_STOP_TIMEOUT",
    hint: "See its log; its data is left as it is.",
  });
}

function send(title: string, pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return;
    throw new ServiceError(`${title} (process ${pid}) cannot be stopped: ${(error as Error).message}.`, {
      code: "EMBEDDED_STOP_DENIED",
      hint: "Stop it as the user that started it.",
      cause: error,
    });
  }
}

/** What the server wrote to its log since it was started last, by whomever. */
export async function lastSaid(title: string, log: string): Promise<string> {
  const text = (await readIfThere(log)) ?? "";
  const at = text.lastIndexOf(beginning(title));
  return at === -1 ? text : text.slice(at + beginning(title).length);
}

/** What is written to a log before each start. */
function beginning(title: string): string {
  return `\n=== ${title} is started ===\n`;
}
