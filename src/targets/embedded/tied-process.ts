import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/**
 * Waits for the program, and ends it when standard input does, which is when whoever holds the other end has ended. A program in the background of
 * a shell ignores Ctrl-C, so that is passed on.
 */
const SCRIPT = `
exec 3<&0
"$@" </dev/null 3<&- &
work=$!
trap 'kill "$work"; exit 130' INT TERM
(while read -r _; do :; done <&3; kill "$work") 2>/dev/null &
watch=$!
exec 3<&-
wait "$work"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`;

/**
 * Runs a program that ends when we do, however we end: an installer that went on by itself after a SIGKILL would write into the same files as
 * the next one. Its standard input is empty.
 */
export function spawnTied(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly timeout?: number },
): ChildProcessByStdio<Writable, Readable, Readable> {
  const child = spawn("/bin/sh", ["-c", SCRIPT, "sh", program, ...args], {
    ...options,
    stdio: ["pipe", "pipe", "pipe"],
  });
  // The pipe breaks when the program ends first.
  child.stdin.on("error", () => {});
  return child;
}
