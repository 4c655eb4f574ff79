import { loadEnvironment } from "../../config/load.ts";
import { nameRows } from "../../naming/rows.ts";
import { renderNames } from "../../report/names-table.ts";
import { environmentFile, type Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";

/** `g2p names`: lists every name that the environment's instances would have. */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const rows = nameRows(await loadEnvironment(environmentFile(options, io)));
  openOutput(io, options).result(rows, (look) => renderNames(rows, look));
  return EXIT.done;
}
