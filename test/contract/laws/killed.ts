import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import { numbers, runWorker } from "../killed-worker.ts";
import type { Job } from "../worker.ts";
import { type ContractWorld, troubles, undone } from "../world.ts";
import { type Bench, law } from "./law.ts";

const USUAL = { applies: 12, removals: 6 };

/** A process killed at any instant leaves what the next one completes. */
export function killed<S extends OtherService>(bench: Bench<S>): void {
  const { applies, removals } = bench.subject.kills ?? USUAL;

  describe("killed", () => {
    let cache = "";

    beforeAll(async () => {
      cache = await mkdtemp(join(tmpdir(), "g2p-killed-"));
    });

    afterAll(() => rm(cache, { recursive: true, force: true }));

    law(
      bench,
      `an apply killed ${applies} times, spread over its duration, is completed by the next`,
      async (world) => {
        const base = await world.snapshot();
        const removeAll = async (run: number) => {
          expect(troubles(await world.remove(true), "remove"), `run ${run}`).toEqual([]);
          expect(await world.snapshot(), `run ${run}`).toEqual(base);
        };
        const kill = await killer(world, cache, "apply", applies, 20_260_401);
        for (let run = 0; run < applies; run += 1) {
          await removeAll(run);
          await kill.at(run);
          // Some processes are killed where another one was killed before, and some are followed by a removal.
          if (run % 3 === 2) await kill.again(applies - 1 - run);
          if (run % 4 === 3) await removeAll(run);
          expect(undone((await world.apply()).items), `run ${run}`).toEqual([]);
          await world.expectClean();
        }
        kill.expectInterrupted();
      },
    );

    law(
      bench,
      `a removal killed ${removals} times, spread over its duration, is completed by the next`,
      async (world) => {
        const base = await world.snapshot();
        await world.apply();
        const kill = await killer(world, cache, "remove", removals, 20_260_402);
        for (let run = 0; run < removals; run += 1) {
          expect(undone((await world.apply()).items), `run ${run}`).toEqual([]);
          await kill.at(run);
          if (run % 2 === 0) {
            expect(troubles(await world.remove(true), "remove"), `run ${run}`).toEqual([]);
            expect(await world.snapshot(), `run ${run}`).toEqual(base);
          } else {
            // What is lost was taken away by the killed removal, and is made anew only when that is said.
            const again = await world.apply({ depth: "deep", recreate: world.ids });
            expect(undone(again.items), `run ${run}`).toEqual([]);
            await world.expectClean();
          }
        }
        kill.expectInterrupted();
      },
    );
  });
}

/** What {@link killer} gives: `at` kills work from its beginning, `again` what may be half done already. */
interface Killer {
  readonly at: (part: number) => Promise<void>;
  readonly again: (part: number) => Promise<void>;
  readonly expectInterrupted: () => void;
}

/** Measures how long the work takes in a process of its own, and then kills such processes in the middle of it. */
async function killer<S extends OtherService>(
  world: ContractWorld<S>,
  cache: string,
  verb: Job["verb"],
  parts: number,
  seed: number,
): Promise<Killer> {
  const random = numbers(seed);
  const first = await runWorker(world, verb, cache);
  expect([first.whole, first.stderr]).toEqual([true, ""]);
  let wholeMs = first.ms;
  let interrupted = 0;
  const again = async (part: number) => {
    const ended = await runWorker(world, verb, cache, (wholeMs * (part + random())) / parts);
    if (!ended.whole) interrupted += 1;
    return ended;
  };
  return {
    at: async (part) => {
      const { whole, ms } = await again(part);
      // A server grows faster while it runs, and the machine less busy.
      if (whole) wholeMs = Math.min(wholeMs, ms);
    },
    again: async (part) => void (await again(part)),
    // Otherwise nothing was tried.
    expectInterrupted: () => expect(interrupted).toBeGreaterThan(parts / 3),
  };
}
