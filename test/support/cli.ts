import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withLock } from "../../src/targets/embedded/process-lock.ts";
import { run as runProgram } from "../unit/cli/run.ts";

const ROOT = join(import.meta.dirname, "../..");
const NODE = join(ROOT, "node_modules/node/bin/node");
const CACHE = join(ROOT, "node_modules/.cache/g2p-tests");

/** How a run of g2p ended and what it wrote. `code` is null when a signal ended it. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running g2p. */
export interface Running {
  readonly pid: number;
  /** SIGKILL. */
  kill(): void;
  readonly ended: Promise<Ended>;
}

/** Starts `g2p ...args`, built from the sources as they are, as a process of its own. */
export async function startG2p(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const main = join(await built(), "g2p.js");
  const child = spawn(NODE, [main, ...args], {
    env: { PATH: process.env["PATH"] ?? "", XDG_CACHE_HOME: join(tmpdir(), "g2p-test-compile-cache"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { pid: child.pid ?? 0, kill: () => void child.kill("SIGKILL"), ended: ended(child) };
}

/** Runs `g2p ...args` to its end. */
export async function g2p(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return (await startG2p(args, env)).ended;
}

function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr?.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

let folder: Promise<string> | undefined;

/** Folder of a build of the present sources, which nobody rebuilds meanwhile; kept by content, so that code caches serve. */
export function built(): Promise<string> {
  folder ??= withBuildLock(async () => {
    if (await outdated()) {
      const { code, stderr } = await runProgram(NODE, [join(ROOT, "scripts/build.ts")]);
      if (code !== 0) throw new Error(`the build failed: ${stderr}`);
    }
    const dist = join(ROOT, "dist");
    const hash = createHash("sha256");
    for (const file of await filesOf(dist))
      if (file.endsWith(".js")) hash.update(file.slice(dist.length)).update(await readFile(file));
    const target = join(CACHE, hash.digest("hex").slice(0, 16));
    if (existsSync(target)) return target;
    const temporary = `${target}.${process.pid}`;
    await cp(dist, temporary, { recursive: true });
    await rename(temporary, target).catch(() => rm(temporary, { recursive: true }));
    return target;
  });
  return folder;
}

async function withBuildLock<T>(work: () => Promise<T>): Promise<T> {
  await mkdir(CACHE, { recursive: true });
  return withLock(join(CACHE, "lock"), work);
}

async function outdated(): Promise<boolean> {
  const made = await stat(join(ROOT, "dist/g2p.js")).catch(() => undefined);
  if (made === undefined) return true;
  const sources = await Promise.all((await filesOf(join(ROOT, "src"))).map(async (file) => (await stat(file)).mtimeMs));
  return sources.some((time) => time > made.mtimeMs);
}

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
