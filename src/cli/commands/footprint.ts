import { resolve } from "node:path";
import { compareFootprint } from "../../engine/footprint.ts";
import { ServiceError } from "../../model/error.ts";
import { isOwnServer, type ServerFootprint } from "../../model/footprint.ts";
import { renderFootprint } from "../../report/footprint.ts";
import { type Io, stateDirectory } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { FootprintOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { loadSession } from "../session.ts";
import { embeddedServers } from "../stop-servers.ts";

/**
 * `g2p footprint`: measures what the running embedded servers use, and compares it with a server for each instance: measured too, where
 * `--against` names the state directory of an environment that runs so (`sharing: instance`), else scaled.
 */
export async function run(_args: readonly string[], options: FootprintOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const here = await measure(stateDirectory(options, io));
  const against = options.against === undefined ? [] : await measure(resolve(io.cwd, options.against));
  const own = [...here, ...against].filter(isOwnServer);
  const result = compareFootprint(session.environment, here, own);
  output.result(result, (look) => renderFootprint(result, look));
  return EXIT.done;
}

async function measure(stateDir: string): Promise<ServerFootprint[]> {
  const { measureServer } = await import("../../targets/embedded/footprint.ts");
  const servers = await embeddedServers(stateDir);
  const measured = await Promise.all(servers.map((server) => measureServer(stateDir, server)));
  const running = measured.filter((one) => one !== undefined);
  if (running.length > 0) return running;
  throw new ServiceError(`No embedded server of ${stateDir} runs, so there is nothing to measure.`, {
    code: "EMBEDDED_STOPPED",
    hint: "Start them with g2p up --detach.",
  });
}
