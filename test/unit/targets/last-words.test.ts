import { expect, test } from "vitest";
import { lastWords } from "../../../src/targets/embedded/last-words.ts";

test("the last lines are shown, the oldest left out", () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  expect(lastWords(`${lines.join("\n")}\n\n`).split("\n")).toEqual(lines.slice(18));
});

test("the calls of a stack trace hide none of its causes", () => {
  const calls = Array.from({ length: 20 }, (_, index) => `\tat org.example.Server.call(Server.java:${index})`);
  const trace = ["Exception: cannot start", ...calls, "Caused by: no disk", ...calls, "\t... 17 more"];
  expect(lastWords(trace.join("\n"))).toBe("Exception: cannot start\nCaused by: no disk");
});

test("of a line in JSON, level, message and first cause are shown", () => {
  const stack =
    "BeanException: no bean; nested exception is x\n\tat a.b\nCaused by: Middle: m\n\tat c.d\nCaused by: First: wrong\n";
  const line = (more: object) => JSON.stringify({ "@timestamp": "2026-01-01T00:00:00Z", level: "ERROR", ...more });
  expect(lastWords(line({ message: "Application run failed; nested exception is y", stack_trace: stack }))).toBe(
    "ERROR Application run failed (First: wrong)",
  );
  expect(lastWords(line({ message: "failed", stack_trace: "Only: one\n\tat a.b" }))).toBe("ERROR failed (Only: one)");
  expect(lastWords(line({ message: "plain" }))).toBe("ERROR plain");
});

test("what only looks like JSON stays as it is, and long lines are cut", () => {
  expect(lastWords('{"a":\n{"a":1}\n')).toBe('{"a":\n{"a":1}');
  expect(lastWords("x".repeat(5_000)).length).toBe(400);
});
