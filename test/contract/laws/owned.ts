import { describe, expect, test } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import { troubles, undone } from "../world.ts";
import { type Bench, inWorld, law } from "./law.ts";

/** Only what the mark proves ours is touched. */
export function owned<S extends OtherService>(bench: Bench<S>): void {
  const { subject } = bench;

  describe("owned", () => {
    test("what is not ours is refused and left as it is, and everything else is made", async () => {
      const { endpoint } = bench.engine();
      const empty = await subject.snapshot(endpoint);
      await inWorld(bench, {}, async (world) => {
        const foreign = await subject.foreign(endpoint, world.placement);
        try {
          const alone = await subject.snapshot(endpoint);
          const { items } = await world.apply();
          const refused = items.find((item) => item.id === foreign.item);
          expect(refused?.action).toBe("refuse");
          expect(refused?.reason).toMatch(/is not ours: /);
          expect(refused?.hint).toContain(`--adopt ${foreign.item}`);
          const others = items.filter((item) => item.id !== foreign.item && !dependsOn(item.reason, foreign.item));
          expect(others.length).toBeGreaterThan(0);
          expect(undone(others)).toEqual([]);
          await world.remove(true);
          expect(await subject.snapshot(endpoint)).toEqual(alone);
        } finally {
          await foreign.remove();
        }
        expect(await subject.snapshot(endpoint)).toEqual(empty);
      });
    });

    law(bench, "what is not ours is taken over with --adopt", async (world) => {
      const foreign = await subject.foreign(world.endpoint, world.placement);
      try {
        const { items } = await world.apply({ adopt: [foreign.item] });
        expect(undone(items)).toEqual([]);
        await world.expectClean();
        expect(troubles(await world.remove(true), "remove")).toEqual([]);
      } finally {
        await foreign.remove();
      }
    });

    law(bench, "another environment's things are refused by its name and left as they are", async (world) => {
      expect(undone((await world.apply()).items)).toEqual([]);
      const own = await world.snapshot();
      await inWorld(bench, { environment: { id: "gamma-id", name: "gamma" } }, async (other) => {
        const { items } = await other.apply({ adopt: other.ids });
        expect(items.map((item) => item.id)).toEqual(other.ids);
        for (const item of items) {
          expect([item.id, item.action]).toEqual([item.id, "refuse"]);
          expect(item.reason).toContain("alpha");
        }
        expect(await other.list()).toEqual([]);
        await other.remove(true);
        expect(await other.snapshot()).toEqual(own);
      });
      await world.expectClean();
    });
  });
}

/** An access to what is refused is refused with it. */
function dependsOn(reason: string | undefined, item: string): boolean {
  return reason?.includes(item) === true;
}
