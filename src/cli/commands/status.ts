import { status } from "../../engine/status.ts";
import { renderStatus } from "../../report/status-tree.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { places } from "../places.ts";
import { Servers } from "../servers.ts";
import { loadSession } from "../session.ts";

/** `g2p status`: how servers and resources stand; a server that is stopped is shown as such, with what should be on it. */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const progress = await output.progress();
  try {
    const at = places(session, new Servers(session, io.env), { emit: progress.emit, signal: io.signal });
    const result = await status(session.environment.name, at);
    io.signal.throwIfAborted();
    progress.stop();
    output.result(result, (look) => renderStatus(result, look));
    const ready = [...result.servers, ...result.items].every((one) => one.state === "ready");
    return ready ? EXIT.done : EXIT.changes;
  } finally {
    progress.stop();
  }
}
