import fc from "fast-check";
import { expect, test } from "vitest";
import { hash60 } from "../../../src/naming/hash.ts";

test("a hash is twelve characters that every service allows, each of them drawn from all 32", () => {
  const seen = Array.from({ length: 12 }, () => new Set<string>());
  for (let count = 0; count < 2_000; count++) {
    const hash = hash60([String(count)]);
    expect(hash).toMatch(/^[a-z2-7]{12}$/);
    seen.forEach((characters, place) => characters.add(hash[place] ?? ""));
  }
  expect(seen.map((characters) => characters.size)).toEqual(Array(12).fill(32));
});

test("where one part ends and the next begins counts, whatever the parts hold", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "|", ",", '"', "\\", "\0", "_", "-"), maxLength: 4 });
  const parts = fc.array(text, { maxLength: 4 });
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(hash60(one) === hash60(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 2_000 },
  );
  for (const joint of ["", "|", ",", '","', "\0", "__"]) {
    expect(hash60(["a", "b"])).not.toBe(hash60([`a${joint}b`]));
    expect(hash60(["a", `b${joint}c`])).not.toBe(hash60([`a${joint}b`, "c"]));
  }
});

test("lone surrogates, which UTF-8 would fold into one character, stay apart", () => {
  expect(hash60(["\uD800"])).not.toBe(hash60(["\uD801"]));
  expect(hash60(["\uD800"])).not.toBe(hash60(["\uFFFD"]));
});
