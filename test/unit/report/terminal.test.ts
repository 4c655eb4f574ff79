import { expect, it } from "vitest";
import { openTerminal } from "../../../src/report/terminal.ts";
import { alignColumns, clip, count, duration, wrap } from "../../../src/report/text.ts";

const stream = (more: { isTTY?: boolean; columns?: number } = {}) => ({ write: () => {}, ...more });

it.each([
  { reason: "a terminal", isTTY: true, env: {}, color: true },
  { reason: "a pipe", isTTY: false, env: {}, color: false },
  { reason: "NO_COLOR on a terminal", isTTY: true, env: { NO_COLOR: "1" }, color: false },
  { reason: "an empty NO_COLOR counts as unset", isTTY: true, env: { NO_COLOR: "" }, color: true },
  { reason: "FORCE_COLOR in a pipe", isTTY: false, env: { FORCE_COLOR: "1" }, color: true },
  { reason: "FORCE_COLOR wins over NO_COLOR", isTTY: false, env: { FORCE_COLOR: "1", NO_COLOR: "1" }, color: true },
  { reason: "FORCE_COLOR=0 on a terminal", isTTY: true, env: { FORCE_COLOR: "0" }, color: false },
  { reason: "a dumb terminal", isTTY: true, env: { TERM: "dumb" }, color: false },
])("decides on colour: $reason", ({ isTTY, env, color, reason }) => {
  expect(openTerminal(stream({ isTTY }), env).color, reason).toBe(color);
});

it("has no colour with --no-color, whatever the environment says", () => {
  expect(openTerminal(stream({ isTTY: true }), { FORCE_COLOR: "1" }, { color: false }).color).toBe(false);
});

it("is as wide as its window, at least 40 columns, and 120 where there is none", () => {
  expect(openTerminal(stream({ columns: 90 }), {}).columns).toBe(90);
  expect(openTerminal(stream({ columns: 10 }), {}).columns).toBe(40);
  expect(openTerminal(stream(), {}).columns).toBe(120);
  expect(openTerminal(stream(), { COLUMNS: "70" }).columns).toBe(70);
});

it("aligns columns by displayed width", () => {
  expect(alignColumns([["数", "a"], ["\u001b[32mabc\u001b[39m", "b"], ["x"]])).toEqual([
    "数   a",
    "\u001b[32mabc\u001b[39m  b",
    "x",
  ]);
});

it("cuts and wraps texts, also without blanks", () => {
  expect(clip("abcdef", 6)).toBe("abcdef");
  expect(clip("abcdefg", 6)).toBe("abcde…");
  expect(wrap(`one two ${"x".repeat(30)}`, 24, 2, 2)).toEqual([`  one two ${"x".repeat(12)}`, `    ${"x".repeat(18)}`]);
});

it("writes numbers and durations as people read them", () => {
  expect([count(1, "attempt"), count(1234567, "attempt"), count(2, "access", "accesses")]).toEqual([
    "1 attempt",
    "1,234,567 attempts",
    "2 accesses",
  ]);
  expect([85.4, 1_400, 9_960, 59_600, 125_000].map(duration)).toEqual([
    "85 ms",
    "1.4 s",
    "10 s",
    "1 min 00 s",
    "2 min 05 s",
  ]);
});
