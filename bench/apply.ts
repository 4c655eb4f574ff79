import { DEFAULT_CONCURRENCY } from "../src/cli/session.ts";
import type { ServerAddress } from "../src/model/environment.ts";
import { ident } from "../src/providers/postgresql/sql.ts";
import { g2p } from "./command.ts";
import { type Bench, type Context, ratio } from "./context.ts";
import { type BenchEnvironment, writeEnvironment } from "./environment.ts";
import { type Figure, median } from "./figure.ts";
import { floor } from "./floor.ts";
import { peakConnections, withClient, withServer } from "./server.ts";

const ROUNDS = 2;
const REPEATS = 5;

/** The admin's own connections beside those for work on items: the catalogue's and the one that holds the lock. */
const STANDING_CONNECTIONS = 2;

/** First apply, runs with nothing to do, repair, memory and connections; claims without readers and extensions. */
export const apply: Bench = {
  title: "first apply, nothing to do, --quick, repair, memory, connections (N=200)",
  run: async (context) => {
    const n = context.n ?? 200;
    const figures: Figure[] = [];
    const floors: number[] = [];
    const firsts: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      context.tell(`floor, round ${round} of ${ROUNDS}`);
      floors.push(await floor(context.version, n));
      await withServer(context.version, async ({ admin }) => {
        const environment = writeEnvironment(admin, { databases: n });
        context.tell(`first apply, round ${round} of ${ROUNDS}`);
        const first = await g2p(["apply"], environment, { memory: true });
        firsts.push(first.ms);
        if (round === ROUNDS) {
          figures.push({
            bench: "apply",
            what: "resident memory, first apply",
            value: first.peakMb,
            unit: "MB",
            target: 150,
          });
          figures.push(...(await afterwards(admin, environment, context, Math.min(...firsts))));
        }
        environment.remove();
      });
    }
    const bare = Math.min(...floors);
    const first = Math.min(...firsts);
    return [
      { bench: "apply", what: `floor: ${n} bare CREATE DATABASE`, value: bare, unit: "ms" },
      {
        bench: "apply",
        what: "first apply",
        value: first,
        unit: "ms",
        ratio: ratio("floor", first, bare),
        target: 1.5,
      },
      ...figures,
    ];
  },
};

/** The same with a reader of each database. */
export const readers: Bench = {
  title: "first apply with a reader of each database (N=200)",
  run: async (context) => {
    const n = context.n ?? 200;
    context.tell("floor");
    const bare = await floor(context.version, n);
    return withServer(context.version, async ({ admin }) => {
      const environment = writeEnvironment(admin, { databases: n, readers: true });
      context.tell("first apply");
      const first = (await g2p(["apply"], environment)).ms;
      context.tell("nothing to do");
      const nothing = await repeat(3, () => g2p(["apply"], environment));
      environment.remove();
      return [
        { bench: "readers", what: `floor: ${n} bare CREATE DATABASE`, value: bare, unit: "ms" },
        {
          bench: "readers",
          what: "first apply",
          value: first,
          unit: "ms",
          ratio: ratio("floor", first, bare),
          target: 2.2,
        },
        {
          bench: "readers",
          what: "apply, nothing to do",
          value: nothing,
          unit: "ms",
          ratio: ratio("first", nothing, first),
          target: 0.4,
        },
      ];
    });
  },
};

async function afterwards(
  admin: ServerAddress,
  environment: BenchEnvironment,
  context: Context,
  first: number,
): Promise<Figure[]> {
  context.tell("nothing to do");
  let memory = 0;
  const applied: number[] = [];
  const planned: number[] = [];
  const quickApplied: number[] = [];
  const quickPlanned: number[] = [];
  for (let repeated = 0; repeated < REPEATS; repeated += 1) {
    const deep = await g2p(["apply"], environment, { memory: true });
    memory = Math.max(memory, deep.peakMb);
    applied.push(deep.ms);
    planned.push((await g2p(["plan"], environment)).ms);
    for (let twice = 0; twice < 2; twice += 1) {
      quickApplied.push((await g2p(["apply", "--quick"], environment)).ms);
      quickPlanned.push((await g2p(["plan", "--quick"], environment)).ms);
    }
  }
  const connections = await peakConnections(admin, () => g2p(["apply"], environment));

  context.tell("repair of one password");
  const login = await anyLogin(environment);
  const repaired: number[] = [];
  const idle: number[] = [];
  for (let repeated = 0; repeated < REPEATS; repeated += 1) {
    await withClient(admin, (client) => client.query(`ALTER ROLE ${ident(login)} PASSWORD 'drifted'`));
    const run = await g2p(["apply", "--json"], environment);
    if ((JSON.parse(run.stdout) as { summary: { updated: number } }).summary.updated !== 1)
      throw new Error("the drifted password was not repaired");
    repaired.push(run.ms);
    idle.push((await g2p(["apply"], environment)).ms);
  }
  const row = (what: string, values: readonly number[], target: number): Figure => {
    const value = median(values);
    return { bench: "apply", what, value, unit: "ms", ratio: ratio("first", value, first), target };
  };
  const repair = median(repaired);
  return [
    row("apply, nothing to do", applied, 0.4),
    row("plan, nothing to do", planned, 0.4),
    row("apply --quick, nothing to do", quickApplied, 0.05),
    row("plan --quick, nothing to do", quickPlanned, 0.05),
    {
      bench: "apply",
      what: "repair of one password",
      value: repair,
      unit: "ms",
      ratio: ratio("apply, nothing to do", repair, median(idle)),
      target: 1.5,
    },
    { bench: "apply", what: "resident memory, nothing to do", value: memory, unit: "MB", target: 150 },
    {
      bench: "apply",
      what: "peak connections",
      value: connections,
      unit: "connections",
      target: DEFAULT_CONCURRENCY + STANDING_CONNECTIONS,
    },
  ];
}

async function anyLogin(environment: BenchEnvironment): Promise<string> {
  const { stdout } = await g2p(["names", "--json"], environment);
  const rows = JSON.parse(stdout) as { service: string; kind: string; name: string }[];
  const found = rows.find((row) => row.service === "postgresql" && row.kind.startsWith("login"));
  if (found === undefined) throw new Error("g2p names lists no login");
  return found.name;
}

async function repeat(times: number, work: () => Promise<{ ms: number }>): Promise<number> {
  const values: number[] = [];
  for (let at = 0; at < times; at += 1) values.push((await work()).ms);
  return median(values);
}
