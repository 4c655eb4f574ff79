import { describe, expect } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import { numbers, runWorker } from "../killed-worker.ts";
import type { Job } from "../worker.ts";
import { type ContractWorld, troubles, undone } from "../world.ts";
import { type Bench, law } from "./law.ts";

const APPLIES = 12;
const REMOVALS = 6;

/** A process killed at any instant leaves what the next one completes. */
export function killed<S extends OtherService>(bench: Bench<S>): void {
  describe("killed", () => {
    law(
      bench,
      `an apply killed ${APPLIES} times, spread over its duration, is completed by the next`,
      async (world) => {
        const base = await world.snapshot();
        const removeAll = async (run: number) => {
          expect(troubles(await world.remove(true), "remove"), `run ${run}`).toEqual([]);
          expect(await world.snapshot(), `run ${run}`).toEqual(base);
        };
        const kill = await killer(world, "apply", APPLIES, 20_260_401);
        for (let run = 0; run < APPLIES; run += 1) {
          await removeAll(run);
          await kill.at(run);
          // Some processes are killed where another one was killed before, and some are followed by a removal.
          if (run % 3 === 2) await kill.at(APPLIES - 1 - run);
          if (run % 4 === 3) await removeAll(run);
          expect(undone((await world.apply()).items), `run ${run}`).toEqual([]);
          await world.expectClean();
        }
        kill.expectInterrupted();
      },
    );

    law(
      bench,
      `a removal killed ${REMOVALS} times, spread over its duration, is completed by the next`,
      async (world) => {
        const base = await world.snapshot();
        await world.apply();
        const kill = await killer(world, "remove", REMOVALS, 20_260_402);
        for (let run = 0; run < REMOVALS; run += 1) {
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

/** Measures how long the work takes in a process of its own, and then kills such processes in the middle of it. */
async function killer<S extends OtherService>(
  world: ContractWorld<S>,
  verb: Job["verb"],
  parts: number,
  seed: number,
): Promise<{ readonly at: (part: number) => Promise<void>; readonly expectInterrupted: () => void }> {
  const random = numbers(seed);
  const { whole, ms, stderr } = await runWorker(world, verb);
  expect([whole, stderr]).toEqual([true, ""]);
  let interrupted = 0;
  return {
    at: async (part) => {
      const ended = await runWorker(world, verb, (ms * (part + random())) / parts);
      if (!ended.whole) interrupted += 1;
    },
    // Otherwise nothing was tried.
    expectInterrupted: () => expect(interrupted).toBeGreaterThan(parts / 3),
  };
}
