import { status } from "../../engine/status.ts";
import { renderStatus } from "../../report/status-tree.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { loadSession, places, serverAddresses } from "../session.ts";

/** `g2p status`: how servers and resources stand. */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const addresses = await serverAddresses(session, io.env);
  const progress = await output.progress();
  try {
    const result = await status(session.environment.name, places(session, addresses, { emit: progress.emit, signal: io.signal }), progress.emit);
    progress.stop();
    output.result(result, (look) => renderStatus(result, look));
    const ready = [...result.servers, ...result.items].every((one) => one.state === "ready");
    return ready ? EXIT.done : EXIT.changes;
  } finally {
    progress.stop();
  }
}
