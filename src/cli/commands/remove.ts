import { planRemoval, remove } from "../../engine/teardown.ts";
import type { PlanResult } from "../../model/plan.ts";
import { ConfigError, InterruptedError, RefusedError } from "../../model/error.ts";
import { renderApplied, renderRemoval } from "../../report/plan.ts";
import { count } from "../../report/text.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { RemoveOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { places } from "../places.ts";
import { Servers } from "../servers.ts";
import { loadSession } from "../session.ts";
import { applyExit } from "./apply.ts";

/**
 * `g2p remove SANDBOX[/INSTANCE]`: shows what goes, then removes it from servers and ledger. Databases need `--delete-data`;
 * where there is a terminal the name must be typed as well, unless `--yes` is given.
 */
export async function run(args: readonly string[], options: RemoveOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const target = args[0] ?? "";
  const [sandbox = "", instance, ...rest] = target.split("/");
  if (sandbox === "" || instance === "" || rest.length > 0)
    throw new ConfigError(`"${target}" is not SANDBOX or SANDBOX/INSTANCE. Nothing was removed.`, [], {
      code: "USAGE",
      hint: "For example: g2p remove dev/pbms",
    });
  const session = await loadSession(options, io, false);
  const servers = new Servers(session, io.env);
  const progress = await output.progress();
  try {
    const at = places(session, servers, { emit: progress.emit, signal: io.signal });
    const removal = {
      scope: { sandbox, ...(instance === undefined ? {} : { instance }) },
      deleteData: options.deleteData === true,
    };
    const planned = await planRemoval(at, removal);
    progress.stop();
    if (planned.items.length === 0) {
      output.result(planned, () => `Nothing of ${target} is on the servers: nothing to remove.\n`);
      return EXIT.done;
    }
    if (options.dryRun === true) {
      output.result(planned, (look) => renderRemoval(planned, look));
      return EXIT.changes;
    }
    refuseData(planned, options, target);
    if (options.yes !== true && !options.json && io.stdin.isTTY === true) {
      output.err.write(renderRemoval(planned, output.err));
      await confirm(target, io);
    }
    const work = await output.progress();
    const result = await remove(
      places(session, servers, { emit: work.emit, signal: io.signal }),
      removal,
      work.emit,
    ).finally(() => work.stop());
    const named = session.environment.instances.some(
      (one) => one.sandbox === sandbox && (instance === undefined || one.instance === instance),
    );
    output.result(
      result,
      (look) =>
        renderApplied(result, look) +
        (named ? `The environment file still names ${target}: take it out, or the next apply makes it anew.\n` : ""),
    );
    return applyExit(result, io);
  } finally {
    progress.stop();
  }
}

/** Kinds of claims that hold data, as they are counted. */
const DATA = {
  database: ["database", "databases"],
  topics: ["set of topics", "sets of topics"],
  buckets: ["set of buckets", "sets of buckets"],
  indices: ["set of indices", "sets of indices"],
  "key-application": ["key application", "key applications"],
  keyspace: ["keyspace", "keyspaces"],
} as const;

function refuseData(planned: PlanResult, options: RemoveOptions, target: string): void {
  const held = planned.items.filter((item) => Object.hasOwn(DATA, item.kind) && item.action !== "unknown");
  if (held.length === 0 || options.deleteData === true) return;
  const sorted = held.toSorted((a, b) => a.name.localeCompare(b.name, "en"));
  const list = sorted.map((item) => `${item.name}${item.reason === undefined ? "" : ` (${item.reason})`}`).join(", ");
  const counts = Object.entries(DATA).flatMap(([kind, [one, many]]) => {
    const number = held.filter((item) => item.kind === kind).length;
    return number === 0 ? [] : [count(number, one, many)];
  });
  throw new RefusedError(
    `Removing ${target} would delete the data of ${counts.join(", ")}: ${list}. Nothing was removed.`,
    {
      code: "DATA_WOULD_BE_LOST",
      hint: `If that is what you want: g2p remove ${target} --delete-data. To see all that goes: --dry-run.`,
    },
  );
}

/** Has the name typed. */
async function confirm(target: string, io: Io): Promise<void> {
  const { isCancel, text } = await import("@clack/prompts");
  const answer = await text({ message: `Type ${target} to remove it`, output: io.stderr });
  if (isCancel(answer)) throw new InterruptedError("Cancelled. Nothing was removed.", { code: "CANCELLED" });
  if (answer !== target)
    throw new RefusedError(`"${answer}" is not "${target}". Nothing was removed.`, { code: "NOT_CONFIRMED" });
}
