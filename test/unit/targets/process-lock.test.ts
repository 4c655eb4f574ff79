import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLock } from "../../../src/targets/embedded/process-lock.ts";

const run = promisify(execFile);
let dir: string;
let lock: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "g2p-lock-"));
  lock = join(dir, "lock");
});

afterEach(() => rm(dir, { recursive: true }));

/** Adds one to the number in a file, `times` times, each under the lock: increments get lost when two hold it. */
function counting(times: number): Promise<unknown> {
  const module = new URL("../../../src/targets/embedded/process-lock.ts", import.meta.url).href;
  const script = `
    import { readFile, writeFile } from "node:fs/promises";
    const { withLock } = await import(${JSON.stringify(module)});
    const file = ${JSON.stringify(join(dir, "count"))};
    for (let i = 0; i < ${times}; i++)
      await withLock(${JSON.stringify(lock)}, async () => writeFile(file, String(Number(await readFile(file, "utf8")) + 1)));`;
  return run(process.execPath, ["--input-type=module", "-e", script]);
}

test("only one process at a time holds the lock, also when it must be taken over from a dead one first", async () => {
  await writeFile(join(dir, "count"), "0");
  await writeFile(lock, JSON.stringify({ pid: 2_147_483_646, startedAt: "1", nonce: "x" }));
  await Promise.all([counting(20), counting(20), counting(20)]);
  expect(await readFile(join(dir, "count"), "utf8")).toBe("60");
  expect(await readdir(dir)).toEqual(["count"]);
});

test.each([
  {
    reason: "its process id belongs to another process now",
    text: JSON.stringify({ pid: process.pid, startedAt: "1", nonce: "x" }),
  },
  { reason: "a power failure left it empty", text: "" },
])("a lock is taken over when $reason", async ({ text }) => {
  await writeFile(lock, text);
  expect(await withLock(lock, () => Promise.resolve("done"))).toBe("done");
  expect(await readdir(dir)).toEqual([]);
});

test("callers in one process wait for each other and are told for whom; an error frees the lock", async () => {
  const order: string[] = [];
  const waits: number[] = [];
  const held = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const first = withLock(lock, async () => {
    held.resolve();
    await finish.promise;
    order.push("first");
    throw new Error("failed");
  });
  await held.promise;
  const second = withLock(
    lock,
    () => Promise.resolve(order.push("second")),
    (pid) => {
      waits.push(pid);
      finish.resolve();
    },
  );
  await expect(first).rejects.toThrow("failed");
  await second;
  expect(order).toEqual(["first", "second"]);
  expect(waits).toEqual([process.pid]);
});
