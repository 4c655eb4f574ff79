import { createHash, randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import * as z from "zod";
import { TimeoutError } from "../../model/error.ts";
import { createOnce, readIfThere } from "../create-once.ts";
import { until } from "./until.ts";

const holderShape = z.object({ pid: z.number().int(), startedAt: z.string() });
type Holder = z.infer<typeof holderShape>;

const WAIT_MS = 180_000;

/**
 * Runs `work` while this process holds the lock file; others wait. A lock whose holder has died is taken over by exactly
 * one of those that wait. Also works between callers inside one process.
 *
 * @param onWait called once with the holder's process id when the lock is not free at once.
 * @throws TimeoutError `LOCK_TIMEOUT` after three minutes; whatever `work` throws.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait: (pid: number) => void = () => {},
): Promise<T> {
  const startedAt = (await processStart(process.pid)) ?? "";
  const mine = JSON.stringify({ pid: process.pid, startedAt, nonce: randomUUID() });
  let waitedFor: number | undefined;
  const acquired = await until(async () => {
    const held = (await readIfThere(file)) ?? (await createOnce(file, mine));
    if (held === mine) return true;
    const holder = await livingHolder(held);
    if (holder === undefined) {
      await breakLock(file, held);
    } else if (waitedFor === undefined) {
      waitedFor = holder.pid;
      onWait(holder.pid);
    }
    return undefined;
  }, WAIT_MS);
  if (acquired === undefined) {
    throw new TimeoutError(`The lock ${file} is still held by process ${waitedFor ?? "?"} after ${WAIT_MS / 1000} s.`, {
      code: "LOCK_TIMEOUT",
      hint: "Wait for that process, or end it, and try again.",
    });
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/**
 * Removes a dead holder's lock. The removal itself is locked under a name made from the lock's content, and looks
 * again inside, so a process that was slow to notice can never remove the lock of the one that took over.
 */
async function breakLock(file: string, held: string): Promise<void> {
  const inner = `${file}.${createHash("sha256").update(held).digest("hex").slice(0, 12)}`;
  await withLock(inner, async () => {
    if ((await readIfThere(file)) === held) await rm(file, { force: true });
  });
}

/** The holder, when it lives; a text that is no holder can only be the remains of a power failure. */
async function livingHolder(held: string): Promise<Holder | undefined> {
  let holder: Holder;
  try {
    holder = holderShape.parse(JSON.parse(held));
  } catch {
    return undefined;
  }
  return (await processStart(holder.pid)) === holder.startedAt ? holder : undefined;
}

/**
 * When a process started, so that another one which later got the same id is not mistaken for it: field 22 of Linux's
 * `/proc/<pid>/stat` (man proc_pid_stat), elsewhere empty. `undefined` when there is no such process or it is a zombie.
 */
async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return isAlive(pid) ? "" : undefined;
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field, the command's name in parentheses, may hold spaces.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
