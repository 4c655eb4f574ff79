import { apply } from "../../engine/apply.ts";
import { status } from "../../engine/status.ts";
import { verify } from "../../engine/verify.ts";
import { ServiceError } from "../../model/error.ts";
import type { Emit } from "../../model/event.ts";
import type { PlanResult } from "../../model/plan.ts";
import { renderError } from "../../report/error.ts";
import { renderApplied } from "../../report/plan.ts";
import { renderSummary } from "../../report/summary.ts";
import { renderVerify } from "../../report/verify-matrix.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { UpOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { places } from "../places.ts";
import { Servers } from "../servers.ts";
import { loadSession, type Session } from "../session.ts";
import { shellQuoted } from "../shell.ts";
import { embeddedServers, stopServers } from "../stop-servers.ts";
import { applyExit } from "./apply.ts";

/**
 * `g2p up`: starts the servers, applies, verifies, and shows where all is. In the foreground it stays until Ctrl-C, which is its normal
 * end (exit code 0), and then stops the servers; where it ends earlier, it stops those that it started. `--detach` leaves them running.
 * A server that cannot run here keeps the others from nothing; the exit code then is that of a failure.
 */
export async function run(_args: readonly string[], options: UpOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, true);
  const progress = await output.progress();
  const servers = new Servers(session, io.env, progress.emit);
  let toStop: readonly string[] = servers.started;
  try {
    await noteServersLeft(session, progress.emit);
    const at = places(session, servers, { emit: progress.emit, signal: io.signal, concurrency: options.concurrency });
    const applied = await apply(at, { depth: "deep", policy: { adopt: [], recreate: [] }, emit: progress.emit });
    const code = applyExit(applied, io);
    if (code !== EXIT.done && !onlyUnreached(applied)) {
      progress.stop();
      output.result({ ...applied, verify: null, servers: null }, (look) => renderApplied(applied, look));
      if (options.detach === true) toStop = [];
      return code;
    }
    const unreached = new Set(applied.items.flatMap((item) => (item.action === "unknown" ? [item.server] : [])));
    const reached = at.filter((place) => !unreached.has(place.id));
    const verified = await verify(reached, {});
    const stands = await status(session.environment.name, reached);
    io.signal.throwIfAborted();
    progress.stop();
    const stays = options.detach !== true && servers.running.size > 0;
    output.result({ ...applied, verify: verified, servers: stands.servers }, (look) =>
      [
        renderApplied(applied, look),
        renderVerify(verified, look, { brief: !options.verbose }),
        renderSummary(stands, look, { foreground: stays, options: repeated(options) }),
      ].join("\n"),
    );
    toStop = stays ? [...servers.running.keys()] : [];
    const ended = stays ? await stay(servers.running, io) : undefined;
    if (ended === undefined) return code !== EXIT.done ? code : verified.ok ? EXIT.done : EXIT.changes;
    // The result is out already, and with --json it is the only document on stdout.
    const look = { columns: output.err.columns, color: output.err.color };
    output.err.write(renderError(ended, look));
    return EXIT.failed;
  } finally {
    progress.stop();
    if (toStop.length > 0) await stop(session, toStop, io);
  }
}

/** Did everything come about but what belongs to servers that cannot run here? */
function onlyUnreached(applied: PlanResult): boolean {
  const failed = applied.items.filter((item) => item.action === "refuse" || (item.outcome ?? "done") !== "done");
  return failed.every((item) => item.action === "unknown");
}

/** Warns of servers that the state directory holds and the file does not ask for, since their data would seem to be gone. */
async function noteServersLeft(session: Session, emit: Emit): Promise<void> {
  const held = await embeddedServers(session.state.dir);
  const left = held.map(({ id }) => id).filter((id) => !session.servers.has(id));
  if (left.length === 0) return;
  const [are, their, them] = left.length === 1 ? ["is", "its", "it"] : ["are", "their", "them"];
  const text = `${left.join(", ")} ${are} not asked for any more (sharing or sandboxes changed): ${their} data stays in ${session.state.dir}, and nothing of ${them} was moved.`;
  emit({ type: "note", level: "warning", text });
}

/** The options that commands shown must repeat to mean the same environment. */
function repeated({ file, state }: UpOptions): string {
  return [...(file === undefined ? [] : ["-f", file]), ...(state === undefined ? [] : ["--state", state])]
    .map(shellQuoted)
    .join(" ");
}

/** Stays until Ctrl-C; returns early when a server has ended by itself. */
async function stay(running: ReadonlyMap<string, number>, io: Io): Promise<ServiceError | undefined> {
  io.announceInterrupt = () => io.stderr.write("Stopping. Ctrl-C again does not wait for it.\n");
  while (!io.signal.aborted) {
    for (const [id, pid] of running)
      if (!isAlive(pid))
        return new ServiceError(`${id} has ended by itself.`, {
          code: "EMBEDDED_ENDED",
          resource: id,
          hint: "Its log is in the state directory, below servers/; g2p up starts it again.",
        });
    await untilAborted(io.signal, 500);
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function untilAborted(signal: AbortSignal, atMost: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, atMost);
    signal.addEventListener("abort", end);
  });
}

async function stop(session: Session, ids: readonly string[], io: Io): Promise<void> {
  const held = await embeddedServers(session.state.dir);
  const stopped = await stopServers(
    session.state.dir,
    held.filter(({ id }) => ids.includes(id)),
  );
  if (stopped.length > 0)
    io.stderr.write(`Stopped ${stopped.join(", ")}. Data and credentials stay in ${session.state.dir}.\n`);
}
