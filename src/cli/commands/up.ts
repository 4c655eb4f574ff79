import { apply } from "../../engine/apply.ts";
import { status } from "../../engine/status.ts";
import { verify } from "../../engine/verify.ts";
import { ServiceError } from "../../model/error.ts";
import { renderApplied } from "../../report/plan.ts";
import { renderSummary } from "../../report/summary.ts";
import { renderVerify } from "../../report/verify-matrix.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { UpOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { loadSession, places, type Session, serverId, startServers } from "../session.ts";
import { applyExit } from "./apply.ts";

/**
 * `g2p up`: starts the servers, applies, verifies, and shows where all is. In the foreground it stays until Ctrl-C and then stops the
 * servers it started; `--detach` leaves them running.
 */
export async function run(_args: readonly string[], options: UpOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, true);
  const progress = await output.progress();
  let started: string[] = [];
  let keep = false;
  try {
    const servers = await startServers(session, io.env, progress.emit);
    started = servers.started;
    const work = { emit: progress.emit, signal: io.signal, ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }) };
    const at = places(session, servers.addresses, work);
    const applied = await apply(at, { depth: "deep", policy: { adopt: [], recreate: [] }, emit: progress.emit });
    const code = applyExit(applied, io);
    if (code !== EXIT.done) {
      progress.stop();
      output.result({ ...applied, verify: null }, (look) => renderApplied(applied, look));
      keep = options.detach === true;
      return code;
    }
    const verified = await verify(at, { emit: progress.emit });
    const stands = await status(session.environment.name, at, progress.emit);
    progress.stop();
    output.result({ ...applied, verify: verified, servers: stands.servers }, (look) =>
      [
        renderApplied(applied, look),
        renderVerify(verified, look),
        renderSummary(stands, look, { foreground: options.detach !== true, options: repeated(options) }),
      ].join("\n"),
    );
    keep = options.detach === true;
    const result = verified.ok ? EXIT.done : EXIT.changes;
    if (keep || servers.running.size === 0) return result;
    await stay(servers.running, io.signal);
    return result;
  } finally {
    progress.stop();
    if (!keep && started.length > 0) await stop(session, started, io);
  }
}

function repeated(options: UpOptions): string {
  return [options.file === undefined ? "" : `-f ${options.file}`, options.state === undefined ? "" : `--state ${options.state}`].filter((text) => text !== "").join(" ");
}

/** Stays until Ctrl-C; ends early, as a failure, when a server is gone. */
async function stay(running: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const [scope, pid] of running)
      if (!isAlive(pid)) throw new ServiceError(`${serverId(scope)} has ended.`, { code: "EMBEDDED_ENDED", hint: "Its log is in the state directory; g2p up starts it again." });
    await untilAborted(signal, 500);
  }
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
  for (const scope of scopes) {
    await stopPostgresql({ stateDir: session.state.dir, scope });
    io.stderr.write(`Stopped ${serverId(scope)}. Data and credentials stay in ${session.state.dir}.\n`);
  }
}
