import { setTimeout as delay } from "node:timers/promises";

const FIRST_DELAY_MS = 5;
const LONGEST_DELAY_MS = 100;

/**
 * Looks at once, then again after growing pauses (5 ms up to 100 ms), until `check` gives something.
 *
 * @returns what `check` gave, or `undefined` when the time is over.
 * @throws what `check` throws, at once.
 */
export async function until<T>(check: () => Promise<T | undefined>, timeoutMs: number): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = FIRST_DELAY_MS; ; pause = Math.min(pause * 1.5, LONGEST_DELAY_MS)) {
    const found = await check();
    if (found !== undefined) return found;
    if (performance.now() + pause > deadline) return undefined;
    await delay(pause);
  }
}
