import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { found, maySecret, nearest, quoted } from "../../../src/modules/wording.ts";

describe("the nearest word", () => {
  const cases = [
    { word: "postgres", known: ["postgresql", "kafka"], near: "postgresql", reason: "a beginning" },
    { word: "bridge", known: ["pbms", "g2p-bridge"], near: "g2p-bridge", reason: "a part" },
    { word: "TimeZone", known: ["timezone"], near: "timezone", reason: "another case" },
    { word: "mian", known: ["main", "pbms"], near: "main", reason: "two letters swapped" },
    { word: "x", known: ["main", "pbms"], near: undefined, reason: "nothing near" },
    { word: "rabbitmq", known: ["postgresql"], near: undefined, reason: "nothing near" },
  ];
  for (const { word, known, near, reason } of cases) {
    it(`of ${word} is ${near ?? "none"}: ${reason}`, () => {
      expect(nearest(word, known)).toBe(near);
    });
  }
});

describe("what is shown of a user's file", () => {
  it("never holds a control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (word) => {
        expect(quoted(word) + found(word, false)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
  });

  it("leaves out values that may be secrets", () => {
    expect(found("hunter2", true)).toBe("text");
    expect(found("postgres://u:hunter2@host", false)).toBe("text");
    expect(
      ["password", "DB_PASSWORD", "API_TOKEN", "clientSecret", "DATABASE_URL", "SIGN_KEY"].filter(maySecret),
    ).toHaveLength(6);
  });
});
