import { apply } from "../../engine/apply.ts";
import type { PlanResult } from "../../model/plan.ts";
import { renderApplied } from "../../report/plan.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { ApplyOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { places } from "../places.ts";
import { Servers } from "../servers.ts";
import { loadSession } from "../session.ts";

/** `g2p apply`: makes the servers hold what the file says. */
export async function run(_args: readonly string[], options: ApplyOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, true);
  const servers = new Servers(session, io.env);
  const progress = await output.progress();
  try {
    const work = {
      emit: progress.emit,
      signal: io.signal,
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    };
    const result = await apply(places(session, servers, work), {
      depth: options.quick === true ? "quick" : "deep",
      policy: { adopt: options.adopt ?? [], recreate: options.recreate ?? [] },
      emit: progress.emit,
    });
    progress.stop();
    output.result(result, (look) => renderApplied(result, look, { verbose: options.verbose }));
    return applyExit(result, io);
  } finally {
    progress.stop();
  }
}

/** Exit code of an apply: interrupted, failed, refused or done. */
export function applyExit(result: PlanResult, io: Pick<Io, "signal">): number {
  if (io.signal.aborted) return EXIT.interrupted;
  const failed = result.items.filter((item) => item.outcome === "failed" || item.outcome === "not started");
  if (failed.some((item) => item.action !== "refuse")) return EXIT.failed;
  return failed.length > 0 ? EXIT.refused : EXIT.done;
}
