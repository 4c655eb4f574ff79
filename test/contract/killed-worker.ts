import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { OtherService } from "../../src/model/claim.ts";
import { encode } from "./secrets.ts";
import type { Job } from "./worker.ts";
import type { ContractWorld } from "./world.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** How a worker ended. */
export interface Ended {
  /** It had done everything before it was killed. */
  readonly whole: boolean;
  /** Milliseconds from the beginning of its work to its end. */
  readonly ms: number;
  readonly stderr: string;
}

/**
 * Applies or removes a world's environment in a process of its own.
 *
 * @param cache folder of compiled modules, which the first process fills and the others start faster with
 * @param killAfterMs milliseconds of work after which it gets SIGKILL; never, where absent
 */
export async function runWorker<S extends OtherService>(
  world: ContractWorld<S>,
  verb: Job["verb"],
  cache: string,
  killAfterMs?: number,
): Promise<Ended> {
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  const child = spawn(process.execPath, [WORKER], { stdio: ["pipe", "pipe", "pipe"], env });
  const job = {
    module: world.subject.module,
    endpoint: world.endpoint,
    environment: world.placement.environment,
    prefix: world.prefix,
    folder: world.folder,
    verb,
  };
  child.stdin.end(encode(job));
  let stdout = "";
  let stderr = "";
  let begun: number | undefined;
  let ended: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    if (begun === undefined && stdout.includes("begin\n")) {
      begun = performance.now();
      if (killAfterMs !== undefined) timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    }
    if (stdout.includes("end\n")) ended ??= performance.now();
  });
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  return { whole: ended !== undefined, ms: (ended ?? performance.now()) - (begun ?? performance.now()), stderr };
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
