import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "./connection.ts";

/** Work on what we manage: the security plugin's index and configuration, index templates, deleted indices. */
const ACTIONS = [
  "indices:data/write*",
  "indices:admin/index_template*",
  "indices:admin/delete*",
  "cluster:admin/opendistro_security*",
].join(",");

/** The security plugin's index; other writes are the modules' own. */
const SECURITY_INDEX = ".opendistro_security";

const LONGEST_MS = 15_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

interface Task {
  readonly action: string;
  readonly description?: string;
}

/**
 * Waits until the server has ended what it was doing when we came, at most 15 s: the last request of a run that was killed goes on inside it,
 * and would undo or outlive what is done now. `wait_for_events=languid` answers when every queued change of the cluster's state has been
 * worked off (OpenSearch documentation, "Cluster health"), the task list names requests that have queued nothing yet.
 */
export async function catchUp(admin: Connection, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + LONGEST_MS;
  let quiet = 0;
  for (let pause = FIRST_PAUSE_MS; quiet < 2 && performance.now() < deadline;) {
    // What then is not begun is told item by item.
    if (signal.aborted) return;
    if (await isBusy(admin)) {
      quiet = 0;
      await delay(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      continue;
    }
    quiet += 1;
    const path = "/_cluster/health?wait_for_events=languid&timeout=5s";
    await admin.ask("waiting for queued changes", path, { method: "GET" }, [408]);
  }
}

async function isBusy(admin: Connection): Promise<boolean> {
  const path = `/_tasks?detailed&actions=${encodeURIComponent(ACTIONS)}`;
  const { json } = await admin.ask("looking at running tasks", path, { method: "GET" });
  const { nodes = {} } = (json ?? {}) as { nodes?: Record<string, { tasks?: Record<string, Task> }> };
  const tasks = Object.values(nodes).flatMap(({ tasks: running = {} }) => Object.values(running));
  return tasks.some(
    ({ action, description = "" }) => !action.startsWith("indices:data/write") || description.includes(SECURITY_INDEX),
  );
}
