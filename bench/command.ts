import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchEnvironment } from "./environment.ts";

/** Root of the package. */
export const ROOT = join(import.meta.dirname, "..");

/** How a process ended. */
export interface Ran {
  /** From spawning it to its end. */
  readonly ms: number;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Largest resident memory in MB; 0 where it was not asked for. */
  readonly peakMb: number;
}

/** Settings of {@link run}. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Sample the process's memory, every few milliseconds. */
  readonly memory?: boolean;
  /** Exit codes that are no failure; 0 by default. */
  readonly codes?: readonly number[];
}

/**
 * Runs a program to its end and takes the time.
 *
 * @throws Error with its output when it ends with another exit code than expected
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const begin = performance.now();
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  // Who ends without reading it all says why on stderr.
  child.stdin.on("error", () => {}).end(options.stdin ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  let peakMb = 0;
  const sampler =
    options.memory === true ? setInterval(() => (peakMb = Math.max(peakMb, peakOf(child.pid))), 10) : undefined;
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).finally(() => clearInterval(sampler));
  const ms = performance.now() - begin;
  if (code === null || !(options.codes ?? [0]).includes(code))
    throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`);
  return { ms, code, stdout, stderr, peakMb };
}

/** Runs `bin/g2p` on an environment. */
export async function g2p(
  args: readonly string[],
  environment: BenchEnvironment,
  options: Omit<RunOptions, "cwd"> = {},
): Promise<Ran> {
  return run(join(ROOT, "bin/g2p"), [...args, "-f", environment.file], {
    ...options,
    cwd: environment.dir,
    env: { ...environment.env, ...options.env },
  });
}

/** The kernel keeps the largest resident size itself, so that sampling misses only the last milliseconds. */
function peakOf(pid: number | undefined): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
