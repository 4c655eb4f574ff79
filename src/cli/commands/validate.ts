import { relative } from "node:path";
import { COMMONS } from "../../config/commons-instances.ts";
import { loadEnvironment } from "../../config/load.ts";
import { painter } from "../../report/style.ts";
import { count } from "../../report/text.ts";
import { environmentFile, type Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";

/** `g2p validate`: checks the environment file; every mistake is in the ConfigError that it throws. */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const environment = await loadEnvironment(environmentFile(options, io));
  const { name, file, instances } = environment;
  const claims = instances.flatMap((instance) => instance.claims);
  const asked = instances.filter(({ sandbox }) => sandbox !== COMMONS);
  const sandboxes = new Set(asked.map(({ sandbox }) => sandbox)).size;
  const databases = claims.filter(({ kind }) => kind === "database").length;
  const accesses = claims.filter(({ kind }) => kind === "access").length;
  const others = claims.length - databases - accesses;
  const counted = { sandboxes, instances: asked.length, databases, others, accesses };
  const data = { valid: true, file, environment: name, ...counted };
  openOutput(io, options).result(data, (look) => {
    const counts = [
      count(sandboxes, "sandbox", "sandboxes"),
      count(asked.length, "instance"),
      count(databases, "database"),
      ...(others === 0 ? [] : [count(others, "claim on other services", "claims on other services")]),
      count(accesses, "access", "accesses"),
    ];
    const shown = relative(io.cwd, file) || file;
    return `${painter(look)("good", "✓")} ${shown} is valid: environment ${name}, ${counts.join(", ")}.\n`;
  });
  return EXIT.done;
}
