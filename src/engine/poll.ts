import { setTimeout as sleep } from "node:timers/promises";
import type { Check, CheckResult } from "../model/check.ts";

/** First pause between two looks, in milliseconds. */
const FIRST_PAUSE_MS = 25;
const PAUSE_FACTOR = 1.6;
/** Longest pause in the first 30 seconds, so that what becomes ready is noticed within 150 ms. */
const SHORT_PAUSE_MS = 100;
/** Longest pause ever, reached after five minutes. */
const LONG_PAUSE_MS = 1_000;
const SHORT_PAUSES_UNTIL_MS = 30_000;
/** Longest and shortest time given to one look; the shortest holds even where less is left of the whole time. */
const LOOK_MS = 5_000;
const LAST_LOOK_MS = 1_000;

/** How {@link poll} waits. */
export interface PollOptions {
  /** Whole time; zero or less means: look once. */
  readonly timeoutMs: number;
  /** Return at the first `unhealthy` instead of waiting for somebody to mend it. */
  readonly failFast?: boolean;
  /** Ends the wait at once, also in the middle of a look. */
  readonly signal?: AbortSignal;
  /** Called with the first result and whenever state or reason differ from the last one. */
  readonly onChange?: (result: CheckResult) => void;
}

/**
 * Looks, then pauses and looks again until the check is ready, the time is over, or (with `failFast`) it is unhealthy.
 * Pauses grow from 25 ms by a factor of 1.6 up to {@link longestPause}.
 *
 * @returns the last result; `ready` may still come from a look begun at the very end.
 * @throws the signal's reason when it is aborted, and whatever the check throws.
 */
export async function poll(check: Check, options: PollOptions): Promise<CheckResult> {
  const { signal } = options;
  const start = performance.now();
  let pause = FIRST_PAUSE_MS;
  let last: CheckResult | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const left = options.timeoutMs - (performance.now() - start);
    const result = await orAborted(check(Math.min(LOOK_MS, Math.max(LAST_LOOK_MS, left))), signal);
    if (last === undefined || !sameResult(last, result)) options.onChange?.(result);
    last = result;
    if (result.state === "ready" || (result.state === "unhealthy" && options.failFast)) return result;

    const elapsed = performance.now() - start;
    if (elapsed >= options.timeoutMs) return result;
    await orAborted(sleep(Math.min(pause, options.timeoutMs - elapsed), undefined, signal && { signal }), signal);
    pause = Math.min(pause * PAUSE_FACTOR, longestPause(elapsed));
  }
}

/** The longest pause allowed so many milliseconds after the start: 100 ms for 30 s, then in proportion up to 1 s. */
export function longestPause(elapsedMs: number): number {
  return Math.min(LONG_PAUSE_MS, Math.max(SHORT_PAUSE_MS, (SHORT_PAUSE_MS * elapsedMs) / SHORT_PAUSES_UNTIL_MS));
}

function sameResult(a: CheckResult, b: CheckResult): boolean {
  return a.state === b.state && (a.state === "ready" || b.state === "ready" || a.reason === b.reason);
}

/** Settles as the promise does, or rejects with the signal's own reason as soon as that is aborted. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
