import { expect, test } from "vitest";
import { longestPause, poll } from "../../../src/engine/poll.ts";
import { waitForTargets } from "../../../src/engine/wait.ts";
import type { CheckResult } from "../../../src/model/check.ts";

const READY: CheckResult = { state: "ready" };
const waiting = (reason: string): CheckResult => ({ state: "waiting", reason });
const unhealthy = (reason: string): CheckResult => ({ state: "unhealthy", reason });

/** A check that gives these results in turn, the last one for ever. */
function sequence(...results: CheckResult[]) {
  const times: number[] = [];
  const check = () => {
    times.push(performance.now());
    return Promise.resolve(results[Math.min(times.length, results.length) - 1]!);
  };
  return { check, times };
}

test("looks before it pauses", async () => {
  const { check, times } = sequence(READY);
  expect(await poll(check, { timeoutMs: 10_000 })).toBe(READY);
  expect(times).toHaveLength(1);
});

test.each([0, -1])("looks once where the timeout is %d", async (timeoutMs) => {
  const { check, times } = sequence(waiting("no"));
  expect(await poll(check, { timeoutMs })).toEqual(waiting("no"));
  expect(times).toHaveLength(1);
});

test("pauses begin short and grow", async () => {
  const { check, times } = sequence(...Array<CheckResult>(8).fill(waiting("no")), READY);
  await poll(check, { timeoutMs: 10_000 });
  const pauses = times.slice(1).map((time, index) => time - times[index]!);
  expect(pauses[0]).toBeGreaterThan(20);
  expect(pauses.at(-1)).toBeGreaterThan(90);
});

test("the longest pause is 100 ms for 30 s and grows to a second in five minutes", () => {
  expect([0, 30_000, 60_000, 150_000, 300_000, 3_600_000].map(longestPause)).toEqual([100, 100, 200, 500, 1000, 1000]);
});

test("tells a result only when state or reason changed", async () => {
  const told: CheckResult[] = [];
  const { check } = sequence(waiting("a"), waiting("a"), unhealthy("a"), waiting("b"), waiting("b"), READY);
  await poll(check, { timeoutMs: 10_000, onChange: (result) => told.push(result) });
  expect(told).toEqual([waiting("a"), unhealthy("a"), waiting("b"), READY]);
});

test("unhealthy ends the wait only with fail-fast", async () => {
  const results = [unhealthy("wrong password"), READY];
  expect(await poll(sequence(...results).check, { timeoutMs: 10_000 })).toBe(READY);
  expect(await poll(sequence(...results).check, { timeoutMs: 10_000, failFast: true })).toBe(results[0]);
});

test("a look that never ends is given up when the signal is aborted", async () => {
  const hanging = () => new Promise<CheckResult>(() => {});
  const signal = AbortSignal.timeout(30);
  await expect(poll(hanging, { timeoutMs: 10_000, signal })).rejects.toThrow("aborted due to timeout");
});

test("a check that throws ends the wait for all targets with its error", async () => {
  const targets = [
    { name: "broken", check: () => Promise.reject(new Error("a fault")) },
    { name: "slow", check: sequence(waiting("no")).check },
  ];
  await expect(waitForTargets(targets, { timeoutMs: 10_000 })).rejects.toThrow("a fault");
});

test("fail-fast names what is unhealthy and leaves out what merely waits", async () => {
  const targets = [
    { name: "bad", check: sequence(unhealthy("wrong password")).check },
    { name: "slow", check: sequence(waiting("no")).check },
  ];
  const error = await waitForTargets(targets, { timeoutMs: 10_000, failFast: true }).catch((thrown: unknown) => thrown);
  expect((error as Error).message).toMatch(/^Waiting stopped after 0\.\d s, since .*:\n {2}bad: wrong password$/);
});

test("no targets are ready at once", async () => {
  expect(await waitForTargets([], { timeoutMs: 0 })).toEqual([]);
});
