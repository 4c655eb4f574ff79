import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NameTuple } from "../../../src/naming/name.ts";
import {
  everyTuple,
  folded,
  identity,
  NASTY,
  NIGHTLY,
  part,
  randomTuples,
  sameTextSplitTwice,
  SPACES,
  type Space,
  title,
} from "./tuples.ts";

/** For each service, shared by its spaces. */
const RANDOM_TUPLES = NIGHTLY ? 2_500_000 : 12_000;
const SEED = NIGHTLY ? Date.now() % 2 ** 31 : 1;
const PARTS = NIGHTLY ? NASTY : NASTY.slice(0, 12);
const PREFIXES = NIGHTLY ? NASTY : ["", "a", "a--b", "pg"];
const RUNS = { numRuns: NIGHTLY ? 20_000 : 300 };
const MINUTES = 60_000;

/** Names all tuples and returns the first two that share a name without being the same, if any. */
function firstClash(space: Space, tuples: Iterable<NameTuple>): string | undefined {
  const holders = new Map<string, string>();
  for (const tuple of tuples) {
    const named = folded(space, tuple);
    const id = identity(space, tuple);
    const holder = holders.get(named);
    if (holder === undefined) holders.set(named, id);
    else if (holder !== id) return `${named}: ${holder} and ${id}`;
  }
  return undefined;
}

describe.each(SPACES.map((space) => ({ title: title(space), space })))("$title", ({ space }) => {
  test("no two tuples over an alphabet of nasty parts share a name", { timeout: 30 * MINUTES }, () => {
    expect(firstClash(space, everyTuple(space, PREFIXES, PARTS))).toBeUndefined();
  });

  const count = Math.round(RANDOM_TUPLES / SPACES.filter(({ service }) => service === space.service).length);

  test(`no two of ${count} random tuples share a name (seed ${SEED})`, { timeout: 30 * MINUTES }, () => {
    expect(firstClash(space, randomTuples(space, count, SEED))).toBeUndefined();
  });

  test("one text split into parts in two ways gets two names", { timeout: 30 * MINUTES }, () => {
    const kind = fc.constantFrom(...space.kinds);
    fc.assert(
      fc.property(sameTextSplitTwice, kind, kind, ([one, other], kindOfOne, kindOfOther) => {
        const tuples = [
          { ...one, service: space.service, kind: kindOfOne },
          { ...other, service: space.service, kind: kindOfOther },
        ];
        expect(firstClash(space, tuples)).toBeUndefined();
      }),
      RUNS,
    );
  });

  test("tuples that differ in one part, or only by case, get two names", { timeout: 30 * MINUTES }, () => {
    const where = fc.constantFrom("prefix" as const, "sandbox" as const, "instance" as const, "claim" as const);
    fc.assert(
      fc.property(
        fc.tuple(part, part, part, part),
        fc.constantFrom(...space.kinds),
        where,
        part,
        ([prefix, sandbox, instance, claim], kind, changed, other) => {
          const tuple = { service: space.service, kind, prefix, sandbox, instance, claim };
          const tuples = [
            tuple,
            { ...tuple, [changed]: other },
            { ...tuple, [changed]: tuple[changed].toUpperCase() },
            { ...tuple, [changed]: tuple[changed].replaceAll("-", "_") },
            { ...tuple, [changed]: tuple[changed].normalize("NFKD") },
          ];
          expect(firstClash(space, tuples)).toBeUndefined();
        },
      ),
      RUNS,
    );
  });
});
