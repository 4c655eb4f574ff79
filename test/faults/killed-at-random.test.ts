import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLAIMS, leftAfterRemove, troublesAfterApply, troublesOfApply } from "../support/kill.ts";
import { credentialFiles, openWorld, type World } from "../support/world.ts";

const RUNS = 30;
const REMOVE = ["remove", "dev", "--delete-data", "--yes"];

let world: World;

beforeAll(async () => {
  world = await openWorld({ as: "superuser" });
  await world.g2p("apply");
  await world.reset();
}, 90_000);

afterAll(async () => {
  await world?.close();
}, 60_000);

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs a command, and kills it after some milliseconds unless it has ended by then. */
async function killedAfter(milliseconds: number, ...args: string[]): Promise<void> {
  const running = await world.start(...args);
  const timer = setTimeout(() => running.kill(), milliseconds);
  await running.ended;
  clearTimeout(timer);
}

test(`runs killed ${RUNS} times at any moment, in files or on the server, leave what the next run completes`, async () => {
  const random = numbers(20_260_101);
  const wrong: string[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const milliseconds = 60 + random() * 500;
    const note = (what: string, troubles: readonly string[]) =>
      wrong.push(...troubles.map((one) => `run ${run}, ${what} killed after ${Math.round(milliseconds)} ms: ${one}`));
    if (run % 2 === 0) {
      await killedAfter(milliseconds, "apply");
      note("apply", await troublesOfApply(world));
    } else {
      await killedAfter(milliseconds, ...REMOVE);
      note("remove", await leftAfterRemove(world, "dev", 1));
    }
  }
  wrong.push(...(await troublesAfterApply(world)));
  expect(wrong).toEqual([]);
}, 300_000);

test("what a killed run left half written beside a credential goes with the credential", async () => {
  await world.g2p("apply");
  // The name that such a file has: of the credential, a process that has ended, and a random part.
  await writeFile(join(world.state, "credentials/dev/farm", ".main.json.999999999-0123456789ab"), '{"username":"a"');
  expect((await credentialFiles(world)).length).toBe(CLAIMS + 1);
  expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
}, 60_000);
