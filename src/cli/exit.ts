import { once } from "node:events";
import type { Writable } from "node:stream";

/** Exit codes of every command; the same words stand in each command's help. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Changes are needed, drift was found, or isolation does not hold. */
  changes: 2,
  /** We will not do it; nothing was changed. */
  refused: 3,
  timedOut: 4,
  interrupted: 130,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * Waits until everything written to a stream has left the process, so that exiting cuts nothing off. A reader that went
 * away (`g2p names | head -1`) counts as done.
 */
export async function flush(stream: Writable): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return;
  await Promise.race([once(stream, "drain"), once(stream, "close")]);
}

/**
 * Makes writes to a closed pipe silent: what reads our output may stop at any time, and a half-finished apply is worse
 * than lost output. Any other error of the stream is thrown.
 */
export function ignoreClosedPipe(stream: Writable): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
