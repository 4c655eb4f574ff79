import { loadEnvironment } from "../../config/load.ts";
import { openState } from "../../targets/state.ts";
import { environmentFile, type Io, stateDirectory } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { embeddedServers, stopServers } from "../stop-servers.ts";

/**
 * `g2p down`: stops all embedded servers of the state directory, also those that the environment file no longer asks for; data, ledger
 * and credentials stay. The file is read only where there is no state directory, to tell a wrong path from an environment never started.
 */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const state = openState(stateDirectory(options, io));
  if (!state.exists()) await loadEnvironment(environmentFile(options, io));
  const stopped = await stopServers(state.dir, await embeddedServers(state.dir));
  output.result({ stopped }, () =>
    stopped.length === 0
      ? "No embedded server was running.\n"
      : `Stopped ${stopped.join(", ")}. Data and credentials stay.\n`,
  );
  return EXIT.done;
}
