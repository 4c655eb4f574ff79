import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { loadSession, serverId } from "../session.ts";

/** `g2p down`: stops the embedded servers; data, ledger and credentials stay. */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  if (session.environment.commons.postgresql?.mode !== "embedded") {
    output.result({ stopped: [] }, () => "No server of this environment is embedded: nothing to stop.\n");
    return EXIT.done;
  }
  const { stopPostgresql } = await import("../../targets/embedded/postgresql.ts");
  const stopped: string[] = [];
  for (const scope of session.desired.keys()) if (await stopPostgresql({ stateDir: session.state.dir, scope })) stopped.push(serverId(scope));
  output.result({ stopped }, () => (stopped.length === 0 ? "No embedded server was running.\n" : `Stopped ${stopped.join(", ")}. Data and credentials stay.\n`));
  return EXIT.done;
}
