import { execFile } from "node:child_process";
import { lstat, opendir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pLimit from "p-limit";
import type { ServerFootprint } from "../../model/footprint.ts";
import type { Service } from "../../model/service.ts";
import { findEngine } from "./engine-process.ts";
import { readEngineRecord } from "./engine-record.ts";
import { engineDataDir } from "./engine.ts";
import { findPostmaster } from "./postmaster.ts";
import { dataDirOf, readRecord, serverFiles } from "./server-files.ts";

const PARALLEL_FILES = 64;
const BLOCK = 512;

/**
 * Measures one embedded server.
 *
 * @returns `undefined` when it does not run.
 */
export async function measureServer(
  stateDir: string,
  server: { readonly id: string; readonly service: Service; readonly scope: string },
): Promise<ServerFootprint | undefined> {
  const files = serverFiles(stateDir, server.scope, server.service);
  let dataDir: string;
  let roots: readonly number[];
  if (server.service === "postgresql") {
    const record = await readRecord(files);
    if (record === undefined) return undefined;
    dataDir = await dataDirOf(files, record);
    const postmaster = await findPostmaster(dataDir);
    roots = postmaster === undefined ? [] : [postmaster.pid];
  } else {
    const record = await readEngineRecord(files.record);
    if (record === undefined) return undefined;
    dataDir = await engineDataDir(files, record);
    roots = await findEngine(dataDir, files.log);
  }
  if (roots.length === 0) return undefined;
  const pids = await withChildren(roots);
  const memory = (await Promise.all(pids.map(residentMemory))).reduce((sum, one) => sum + one, 0);
  const { id, service } = server;
  return { id, service, processes: pids.length, memory, disk: await diskUsage(dataDir) };
}

/** The processes and everything that they started. */
async function withChildren(roots: readonly number[]): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid="]);
  const parents = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const found = new Set(roots);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Proportional set size in bytes (man proc_pid_smaps); where the system has none, the resident set. 0 for a process that has just ended. */
async function residentMemory(pid: number): Promise<number> {
  try {
    if (process.platform === "linux") {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
    }
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
    return Number(stdout.trim()) * 1024;
  } catch {
    return 0;
  }
}

/** Bytes that a folder takes on disk. */
async function diskUsage(folder: string): Promise<number> {
  const limit = pLimit(PARALLEL_FILES);
  const sizes: Promise<number>[] = [];
  const entries = await readdir(folder).catch(() => []);
  if (entries.length === 0) return 0;
  for await (const entry of await opendir(folder, { recursive: true }))
    sizes.push(
      limit(
        async () => ((await lstat(join(entry.parentPath, entry.name)).catch(() => undefined))?.blocks ?? 0) * BLOCK,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0);
}
