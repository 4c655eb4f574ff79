import { plan } from "../../engine/plan.ts";
import { hasChanges } from "../../engine/summary.ts";
import { renderPlan } from "../../report/plan.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { PlanOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { places } from "../places.ts";
import { Servers } from "../servers.ts";
import { loadSession } from "../session.ts";

/** `g2p plan`: what apply would do; writes nothing. Exit code 2 when something would change, 3 when something is refused. */
export async function run(_args: readonly string[], options: PlanOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const servers = new Servers(session, io.env);
  const progress = await output.progress();
  try {
    const result = await plan(places(session, servers, { emit: progress.emit, signal: io.signal }), {
      depth: options.quick === true ? "quick" : "deep",
      policy: { adopt: options.adopt ?? [], recreate: [] },
      emit: progress.emit,
    });
    progress.stop();
    output.result(result, (look) => renderPlan(result, look, { verbose: options.verbose }));
    if (result.items.some((item) => item.action === "unknown")) return EXIT.failed;
    if (result.items.some((item) => item.action === "refuse")) return EXIT.refused;
    return hasChanges(result) ? EXIT.changes : EXIT.done;
  } finally {
    progress.stop();
  }
}
