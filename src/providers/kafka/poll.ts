import { setTimeout as delay } from "node:timers/promises";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;

/** Looks at once, then again after growing pauses, until `check` is true; false when the time is over. */
export async function poll(check: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    if (await check()) return true;
    if (performance.now() + pause > deadline) return false;
    await delay(pause);
  }
}
