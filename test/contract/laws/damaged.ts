import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import type { Damage } from "../subject.ts";
import { ContractWorld, undone } from "../world.ts";
import type { Bench } from "./law.ts";

/** What hands and accidents change is found and repaired, one change at a time. */
export function damaged<S extends OtherService>(bench: Bench<S>): void {
  describe("damaged", () => {
    let world: ContractWorld<S>;
    let whole: unknown;

    beforeAll(async () => {
      world = await ContractWorld.open(bench.subject, bench.engine().endpoint);
      expect(undone((await world.apply()).items)).toEqual([]);
      await world.expectClean();
      whole = await world.snapshot();
    });

    afterAll(async () => {
      await world?.close();
    });

    const heal = async () => {
      await world.apply({ depth: "deep", recreate: world.ids, adopt: world.ids });
    };

    for (const damage of bench.subject.damages)
      test(`${damage.name}: found, and ${damage.shows === "update" ? "repaired" : "refused until --recreate"}`, async () => {
        await damage.make(world.endpoint, world.placement);
        try {
          await (damage.shows === "update" ? repaired(world, damage) : refused(world, damage));
          await world.expectClean();
          expect(await world.snapshot()).toEqual(whole);
          await world.expectNoSecrets();
        } catch (error) {
          await heal().catch(() => {});
          throw error;
        }
      });
  });
}

async function repaired<S extends OtherService>(world: ContractWorld<S>, damage: Damage<S>): Promise<void> {
  const before = await world.snapshot();
  const planned = await world.plan();
  expect(await world.snapshot()).toEqual(before);
  const item = planned.items.find((one) => one.id === damage.item);
  expect(item?.action).toBe("update");
  expect(item?.findings.map((finding) => finding.repair)).not.toContain("manual");
  if (damage.aspect !== undefined)
    expect(item?.findings.map((finding) => finding.aspect).join("\n")).toMatch(damage.aspect);
  expect(planned.items.filter((one) => one.id !== damage.item && one.action !== "unchanged")).toEqual([]);
  if (damage.opens === true) expect((await world.verify()).ok).toBe(false);
  expect(undone((await world.apply({ depth: "deep" })).items)).toEqual([]);
  if (damage.opens === true) expect((await world.verify()).cells.filter((cell) => !cell.ok)).toEqual([]);
}

async function refused<S extends OtherService>(world: ContractWorld<S>, damage: Damage<S>): Promise<void> {
  const before = await world.snapshot();
  const applied = await world.apply({ depth: "deep" });
  const item = applied.items.find((one) => one.id === damage.item);
  expect(item?.action).toBe("refuse");
  expect(`${item?.reason} ${item?.hint}`).toContain(`--recreate ${damage.item}`);
  expect(await world.snapshot()).toEqual(before);
  expect(undone((await world.apply({ depth: "deep", recreate: [damage.item] })).items)).toEqual([]);
}
