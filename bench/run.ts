/**
 * Measures the figures that the README promises, and the tools that people use today.
 *
 *   node bench/run.ts [benchmark...] [--n N] [--version 15|16|18] [--json] [--write]
 *
 * Without a name all run, save `scale`, `peers`, `services` and `up`, which take many minutes. Exit code 1 when a target was missed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { apply, readers } from "./apply.ts";
import { ROOT, run } from "./command.ts";
import type { Bench } from "./context.ts";
import { type Figure, isMet, table } from "./figure.ts";
import { peers } from "./peers.ts";
import { queries } from "./queries.ts";
import { scale } from "./scale.ts";
import type { Version } from "./server.ts";
import { services, up } from "./services.ts";
import { verify } from "./verify.ts";
import { wait } from "./wait.ts";

const BENCHES: Readonly<Record<string, Bench>> = { apply, readers, queries, verify, wait, scale, peers, services, up };
const BY_NAME_ONLY = ["scale", "peers", "services", "up"];

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: "string" },
    version: { type: "string", default: "18" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const names =
  positionals.length > 0 ? positionals : Object.keys(BENCHES).filter((name) => !BY_NAME_ONLY.includes(name));
const unknown = names.filter((name) => BENCHES[name] === undefined);
const version = Number(flags.version);
const n = flags.n === undefined ? undefined : Number(flags.n);

if (
  flags.help ||
  unknown.length > 0 ||
  ![15, 16, 18].includes(version) ||
  (n !== undefined && !(Number.isInteger(n) && n > 0))
) {
  if (!flags.help) console.error(`wrong arguments: ${process.argv.slice(2).join(" ")}`);
  const list = Object.entries(BENCHES).map(([name, { title }]) => `  ${name.padEnd(8)} ${title}`);
  console.error(
    ["node bench/run.ts [benchmark...] [--n N] [--version 15|16|18] [--json] [--write]", ...list].join("\n"),
  );
  process.exit(flags.help ? 0 : 1);
}

await run(process.execPath, [join(ROOT, "scripts/build.ts")], { cwd: ROOT });
const loadBefore = loadavg()[0] ?? 0;
const figures: Figure[] = [];
for (const name of names) {
  const tell = (text: string) => console.error(`${name}: ${text}`);
  figures.push(...((await BENCHES[name]?.run({ version: version as Version, n, tell })) ?? []));
}
const loadAfter = loadavg()[0] ?? 0;
const machine = [
  `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown processor"}`,
  `${Math.round(totalmem() / 2 ** 30)} GB`,
  `Node.js ${process.version}`,
  `PostgreSQL ${version}, data in memory, fsync on`,
  `load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`,
].join("; ");

if (flags.json)
  console.log(JSON.stringify({ machine, figures: figures.map((one) => ({ ...one, met: isMet(one) })) }, null, 2));
else console.log(`${table(figures)}\n\n${machine}`);

if (flags.write) {
  const date = new Date().toISOString().slice(0, 10);
  const command = `node bench/run.ts ${process.argv.slice(2).join(" ")}`;
  mkdirSync(join(ROOT, "bench/results"), { recursive: true });
  writeFileSync(
    join(ROOT, "bench/results", `${date}.md`),
    `# ${date}\n\n${machine}\n\n    ${command}\n\n${table(figures)}\n`,
  );
}
if (figures.some((one) => isMet(one) === false)) process.exitCode = 1;
