import type { TestServer } from "../test/support/postgres.ts";
import { g2p } from "./command.ts";
import { type Bench, ratio } from "./context.ts";
import { writeEnvironment } from "./environment.ts";
import type { Figure } from "./figure.ts";
import { withServer, writeTransactions } from "./server.ts";

const FEW = 5;
const MANY = 50;

/** Autovacuum writes by itself, which would be counted. */
const PARAMETERS = { log_statement: "all", autovacuum: "off" };

/** Round trips of the commands that ask the cluster-wide catalogues only, and what runs with nothing to do write. */
export const queries: Bench = {
  title: `round trips of --quick at N=${FEW} and N=${MANY}; transactions that write with nothing to do`,
  run: async (context) => {
    const few = await count(FEW, context);
    const many = await count(MANY, context);
    return [
      ...[...many.trips].map(([what, value]): Figure => {
        const of = ratio(`N=${FEW}`, value, few.trips.get(what) ?? 0);
        return { bench: "queries", what: `${what}, N=${MANY}`, value, unit: "queries", ratio: of, target: 1 };
      }),
      {
        bench: "queries",
        what: `writes with nothing to do, N=${MANY}`,
        value: many.written,
        unit: "transactions",
        target: 0,
      },
    ];
  },
};

async function count(
  databases: number,
  context: Parameters<Bench["run"]>[0],
): Promise<{ trips: Map<string, number>; written: number }> {
  const measure = async (server: TestServer) => {
    context.tell(`N=${databases}`);
    const environment = writeEnvironment(server.admin, { databases });
    await g2p(["apply"], environment);
    const before = await writeTransactions(server.admin);
    const trips = new Map<string, number>();
    for (const command of ["apply", "plan"]) {
      const logged = await statements(server);
      await g2p([command, "--quick"], environment);
      trips.set(`${command} --quick`, (await statements(server)) - logged);
      await g2p([command], environment);
    }
    const written = (await writeTransactions(server.admin)) - before;
    environment.remove();
    return { trips, written };
  };
  return withServer(context.version, measure, PARAMETERS);
}

/** Statements sent together in one message are one line of the log. */
async function statements(server: TestServer): Promise<number> {
  return (await server.logText()).split("\n").filter((line) => line.includes("LOG:  statement:")).length;
}
