import pLimit from "p-limit";
import type { Check, CheckResult } from "../model/check.ts";
import { InterruptedError, ServiceError, TimeoutError } from "../model/error.ts";
import { poll } from "./poll.ts";

/** Looks that run at the same time; more would load a server that is just starting, or use up its connections. */
const PARALLEL_LOOKS = 16;

/** One thing to wait for. */
export interface WaitTarget {
  /** As shown to the user, e.g. `dev/registry main`. */
  readonly name: string;
  readonly check: Check;
}

/** How {@link waitForTargets} waits. */
export interface WaitOptions {
  /** For all targets together; zero or less means: look once. */
  readonly timeoutMs: number;
  /** Give up on everything as soon as one target is unhealthy. */
  readonly failFast?: boolean;
  readonly signal?: AbortSignal;
  /** Called when a target's state or reason is first known or changes, `ms` after the start. */
  readonly onChange?: (target: WaitTarget, result: CheckResult, ms: number) => void;
}

/** A target that is ready, and how long after the start it was found so. */
export interface ReadyTarget {
  readonly name: string;
  readonly ms: number;
}

/**
 * Waits until every target is ready; each is looked at by itself, with the pauses of {@link poll}.
 *
 * @returns the targets in their order.
 * @throws TimeoutError naming each target that is not ready with its last reason; ServiceError likewise when `failFast`
 * ended the wait; InterruptedError when the signal did. Nothing is ever changed on a server.
 */
export async function waitForTargets(
  targets: readonly WaitTarget[],
  options: WaitOptions,
): Promise<readonly ReadyTarget[]> {
  const start = performance.now();
  const looks = pLimit(PARALLEL_LOOKS);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const last = new Map<WaitTarget, CheckResult>();
  const ready = new Map<WaitTarget, ReadyTarget>();

  let fault: unknown;
  await Promise.all(
    targets.map(async (target) => {
      try {
        const result = await poll((timeoutMs) => looks(() => target.check(timeoutMs)), {
          timeoutMs: options.timeoutMs,
          failFast: options.failFast ?? false,
          signal,
          onChange: (change) => {
            last.set(target, change);
            options.onChange?.(target, change, performance.now() - start);
          },
        });
        if (result.state === "ready") {
          ready.set(target, { name: target.name, ms: Math.round(performance.now() - start) });
        } else if (result.state === "unhealthy" && options.failFast) stop.abort();
      } catch (error) {
        if (!signal.aborted) fault = error;
        stop.abort();
      }
    }),
  );

  const missing = targets.filter((target) => !ready.has(target));
  if (missing.length === 0) return targets.map((target) => ready.get(target)!);
  if (fault !== undefined) throw fault;
  const seconds = formatSeconds(performance.now() - start);
  const describe = (of: readonly WaitTarget[]) => of.map((target) => line(target, last.get(target))).join("\n");
  if (options.signal?.aborted) {
    throw new InterruptedError(`Waiting was interrupted after ${seconds}. Not ready:\n${describe(missing)}`, {
      code: "WAIT_INTERRUPTED",
    });
  }
  if (stop.signal.aborted) {
    const unhealthy = missing.filter((target) => last.get(target)?.state === "unhealthy");
    throw new ServiceError(
      `Waiting stopped after ${seconds}, since this will not mend itself:\n${describe(unhealthy)}`,
      {
        code: "WAIT_UNHEALTHY",
        hint: "Mend it, or leave out --fail-fast to go on waiting while somebody does.",
      },
    );
  }
  throw new TimeoutError(`Not ready after ${seconds}:\n${describe(missing)}`, {
    code: "WAIT_TIMEOUT",
    hint: "Mend what the reasons name, or allow more time with --timeout.",
  });
}

/** `1.2 s` for 1234. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function line(target: WaitTarget, result: CheckResult | undefined): string {
  return `  ${target.name}: ${result === undefined || result.state === "ready" ? "not looked at yet" : result.reason}`;
}
