import { apply } from "../../engine/apply.ts";
import { status } from "../../engine/status.ts";
import { verify } from "../../engine/verify.ts";
import { ServiceError } from "../../model/error.ts";
import type { Emit } from "../../model/event.ts";
import { renderError } from "../../report/error.ts";
import { renderApplied } from "../../report/plan.ts";
import { renderSummary } from "../../report/summary.ts";
import { renderVerify } from "../../report/verify-matrix.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { UpOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { loadSession, places, type Session, serverId, startServers } from "../session.ts";
import { shellQuoted } from "../shell.ts";
import { applyExit } from "./apply.ts";

/**
 * `g2p up`: starts the servers, applies, verifies, and shows where all is. In the foreground it stays until Ctrl-C, which is its normal
 * end (exit code 0), and then stops the servers; where it ends earlier, it stops those that it started. `--detach` leaves them running.
 */
export async function run(_args: readonly string[], options: UpOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, true);
  const progress = await output.progress();
  let toStop: readonly string[] = [];
  try {
    const servers = await startServers(session, io.env, progress.emit);
    toStop = servers.started;
    await noteServersLeft(session, progress.emit);
    const work = {
      emit: progress.emit,
      signal: io.signal,
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    };
    const at = places(session, servers.addresses, work);
    const applied = await apply(at, { depth: "deep", policy: { adopt: [], recreate: [] }, emit: progress.emit });
    const code = applyExit(applied, io);
    if (code !== EXIT.done) {
      progress.stop();
      output.result({ ...applied, verify: null, servers: null }, (look) => renderApplied(applied, look));
      if (options.detach === true) toStop = [];
      return code;
    }
    const verified = await verify(at, {});
    const stands = await status(session.environment.name, at, progress.emit);
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
    if (ended === undefined) return verified.ok ? EXIT.done : EXIT.changes;
    // The result is out already, and with --json it is the only document on stdout.
    const look = { columns: output.err.columns, color: output.err.color };
    output.err.write(renderError(ended, look));
    return EXIT.failed;
  } finally {
    progress.stop();
    if (toStop.length > 0) await stop(session, toStop, io);
  }
}

/** Warns of servers that the state directory holds and the file does not ask for, since their data would seem to be gone. */
async function noteServersLeft(session: Session, emit: Emit): Promise<void> {
  const { embeddedScopes } = await import("../../targets/embedded/postgresql.ts");
  const left = (await embeddedScopes(session.state.dir)).filter((scope) => !session.desired.has(scope)).map(serverId);
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
    for (const [scope, pid] of running)
      if (!isAlive(pid))
        return new ServiceError(`${serverId(scope)} has ended by itself.`, {
          code: "EMBEDDED_ENDED",
          resource: serverId(scope),
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

async function stop(session: Session, scopes: readonly string[], io: Io): Promise<void> {
  const { stopPostgresql } = await import("../../targets/embedded/postgresql.ts");
  const stopped: string[] = [];
  for (const scope of scopes)
    if (await stopPostgresql({ stateDir: session.state.dir, scope })) stopped.push(serverId(scope));
  if (stopped.length > 0)
    io.stderr.write(`Stopped ${stopped.join(", ")}. Data and credentials stay in ${session.state.dir}.\n`);
}
