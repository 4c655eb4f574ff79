import { DEFAULT_CONCURRENCY } from "../src/cli/places.ts";
import type { ServerAddress } from "../src/model/environment.ts";
import { ident } from "../src/providers/postgresql/sql.ts";
import { g2p } from "./command.ts";
import { type Bench, type Context } from "./context.ts";
import { type BenchEnvironment, writeEnvironment } from "./environment.ts";
import { type Figure, median } from "./figure.ts";
import { floor } from "./floor.ts";
import { peakConnections, withClient, withServer } from "./server.ts";

const ROUNDS = 3;

/** The admin's own connection beside those for work on items. */
const STANDING_CONNECTIONS = 1;

/** Times of one round in milliseconds, all taken within a minute so that other work on the machine meets them alike. */
interface Round {
  readonly floor: number;
  readonly first: number;
  readonly apply: number;
  readonly plan: number;
  readonly quickApply: number;
  readonly quickPlan: number;
  readonly repair: number;
  readonly firstMb: number;
  readonly applyMb: number;
  readonly connections: number;
}

/** First apply, runs with nothing to do, repair, memory and connections; claims without readers and extensions. */
export const apply: Bench = {
  title: "first apply, nothing to do, --quick, repair, memory, connections (N=200)",
  run: async (context) => figuresOf("apply", context.n ?? 200, await rounds(context, false), 1.5),
};

/** The same with a reader of each database. */
export const readers: Bench = {
  title: "the same with a reader of each database (N=200)",
  run: async (context) => figuresOf("readers", context.n ?? 200, await rounds(context, true), 2.2),
};

async function rounds(context: Context, withReaders: boolean): Promise<Round[]> {
  const databases = context.n ?? 200;
  const done: Round[] = [];
  while (done.length < ROUNDS) {
    const tell = (text: string) => context.tell(`${text}, round ${done.length + 1} of ${ROUNDS}`);
    tell("floor");
    const bare = await floor(context.version, databases);
    done.push(
      await withServer(context.version, async ({ admin }) => {
        const environment = writeEnvironment(admin, { databases, readers: withReaders });
        const times = await round(admin, environment, tell);
        environment.remove();
        return { ...times, floor: bare };
      }),
    );
  }
  return done;
}

async function round(
  admin: ServerAddress,
  environment: BenchEnvironment,
  tell: (text: string) => void,
): Promise<Omit<Round, "floor">> {
  tell("first apply");
  const first = await g2p(["apply"], environment, { memory: true });
  tell("nothing to do");
  // The first visit of each database, in which PostgreSQL writes its cache of the catalogue.
  const applied = await g2p(["apply"], environment, { memory: true });
  const plan: number[] = [];
  const apply: number[] = [];
  const quickApply: number[] = [];
  const quickPlan: number[] = [];
  const repair: number[] = [];
  const login = await anyLogin(environment);
  for (let repeated = 0; repeated < 3; repeated += 1) {
    plan.push((await g2p(["plan"], environment)).ms);
    await withClient(admin, (client) => client.query(`ALTER ROLE ${ident(login)} PASSWORD 'drifted'`));
    const repaired = await g2p(["apply", "--json"], environment);
    const { summary } = JSON.parse(repaired.stdout) as { summary: { updated: number } };
    if (summary.updated !== 1) throw new Error("the drifted password was not repaired");
    repair.push(repaired.ms);
    apply.push((await g2p(["apply"], environment)).ms);
    for (let twice = 0; twice < 2; twice += 1) {
      quickApply.push((await g2p(["apply", "--quick"], environment)).ms);
      quickPlan.push((await g2p(["plan", "--quick"], environment)).ms);
    }
  }
  return {
    first: first.ms,
    apply: median(apply),
    plan: median(plan),
    quickApply: median(quickApply),
    quickPlan: median(quickPlan),
    repair: median(repair),
    firstMb: first.peakMb,
    applyMb: applied.peakMb,
    connections: await peakConnections(admin, () => g2p(["apply"], environment)),
  };
}

/** Values are medians of the rounds, ratios the medians of each round's own ratio. */
function figuresOf(bench: string, n: number, all: readonly Round[], firstTarget: number): Figure[] {
  const of = (key: keyof Round) => median(all.map((one) => one[key]));
  const row = (what: string, key: keyof Round, to: keyof Round, target: number, word: string = to): Figure => {
    const value = median(all.map((one) => one[key] / one[to]));
    return { bench, what, value: of(key), unit: "ms", ratio: { to: word, value }, target };
  };
  const largest = (what: string, key: keyof Round, unit: Figure["unit"], target: number): Figure => {
    return { bench, what, value: Math.max(...all.map((one) => one[key])), unit, target };
  };
  return [
    { bench, what: `floor: ${n} bare CREATE DATABASE`, value: of("floor"), unit: "ms" },
    row("first apply", "first", "floor", firstTarget),
    row("apply, nothing to do", "apply", "first", 0.4),
    row("plan, nothing to do", "plan", "first", 0.4),
    row("apply --quick, nothing to do", "quickApply", "first", 0.05),
    row("plan --quick, nothing to do", "quickPlan", "first", 0.05),
    row("repair of one password", "repair", "apply", 1.5, "apply, nothing to do"),
    largest("resident memory, first apply", "firstMb", "MB", 150),
    largest("resident memory, nothing to do", "applyMb", "MB", 150),
    largest("peak connections", "connections", "connections", DEFAULT_CONCURRENCY + STANDING_CONNECTIONS),
  ];
}

async function anyLogin(environment: BenchEnvironment): Promise<string> {
  const { stdout } = await g2p(["names", "--json"], environment);
  const rows = JSON.parse(stdout) as { service: string; kind: string; name: string }[];
  const found = rows.find((row) => row.service === "postgresql" && row.kind.startsWith("login"));
  if (found === undefined) throw new Error("g2p names lists no login");
  return found.name;
}
