import { describe, expect } from "vitest";
import type { OtherService, ServiceAccess } from "../../../src/model/claim.ts";
import type { Cell } from "../../../src/model/plan.ts";
import { type ContractWorld, placedOf } from "../world.ts";
import { type Bench, law } from "./law.ts";

/** Sharing a server is not sharing data: what verify tries, and that it sees holes (see also damages with `opens`). */
export function isolated<S extends OtherService>(bench: Bench<S>): void {
  describe("isolated", () => {
    law(bench, "every login may use its own and is refused at everything of every other's", async (world) => {
      await world.apply();
      await world.writeData();
      const before = await world.snapshot();
      const result = await world.verify();
      expect(result.cells.filter((cell) => !cell.ok)).toEqual([]);
      expect(result.ok).toBe(true);
      expect(world.placed.filter((one) => !hasOwnUse(one, result.cells)).map((one) => fromOf(one))).toEqual([]);
      expect(untried(world, result.cells)).toEqual([]);
      expect(await world.snapshot()).toEqual(before);
      await world.expectClean();
    });

    law(bench, "a sample tries fewer pairs", async (world) => {
      await world.apply();
      const [all, some] = [await world.verify(), await world.verify({ sample: 1 })];
      expect(some.cells.length).toBeGreaterThan(0);
      expect(some.cells.length).toBeLessThan(all.cells.length);
      expect(some.ok).toBe(true);
    });

    law(bench, "verify of what was never made is not ok", async (world) => {
      const result = await world.verify();
      expect(result.ok).toBe(false);
    });
  });
}

interface Ref {
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
}

/** Who tries, as a cell may name it: `dev/pbms` or `dev/pbms/registry`. */
function fromOf({ sandbox, instance, claim }: Ref): readonly string[] {
  return [`${sandbox}/${instance}/${claim}`, `${sandbox}/${instance}`];
}

function hasOwnUse(one: Ref, cells: readonly Cell[]): boolean {
  return cells.some(
    (cell) => fromOf(one).includes(cell.from) && cell.expected === "allowed" && cell.actual === "allowed",
  );
}

/** Pairs of a login and another instance's claim that no refused attempt stands for. */
function untried<S extends OtherService>(world: ContractWorld<S>, cells: readonly Cell[]): string[] {
  const { claims } = world.placement;
  return placedOf(world.placement).flatMap((from) =>
    claims
      .filter((to) => to.sandbox !== from.sandbox || to.instance !== from.instance)
      .filter((to) => !isTarget(from, to))
      .filter((to) => !cells.some((cell) => isRefusal(cell) && fromOf(from).includes(cell.from) && isAt(cell, to)))
      .map((to) => `${fromOf(from)[0]} at ${fromOf(to)[0]}`),
  );
}

function isTarget(from: unknown, to: Ref): boolean {
  const { target } = from as Partial<ServiceAccess>;
  return target?.sandbox === to.sandbox && target.instance === to.instance && target.claim === to.claim;
}

function isRefusal(cell: Cell): boolean {
  return cell.expected === "refused" && cell.actual === "refused" && cell.how === "tried";
}

function isAt(cell: Cell, to: Ref): boolean {
  return cell.to === fromOf(to)[0] || cell.to.startsWith(`${fromOf(to)[0]}/`);
}
