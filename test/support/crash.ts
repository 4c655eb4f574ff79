import { readdirSync, readFileSync } from "node:fs";
import type { TestServer } from "./postgres.ts";

/** Ends the server and all its processes without warning, as a power failure would. */
export function crash(server: TestServer): void {
  const family = [server.pid, ...childrenOf(server.pid)];
  for (const pid of family) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

/** Field 4 of `/proc/<pid>/stat`; the second field, in parentheses, may hold spaces (man proc_pid_stat). */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
