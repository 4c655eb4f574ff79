import type { TestServer } from "../test/support/postgres.ts";
import { g2p } from "./command.ts";
import { type Bench, ratio } from "./context.ts";
import { writeEnvironment } from "./environment.ts";
import type { Figure } from "./figure.ts";
import { withServer } from "./server.ts";

const FEW = 5;
const MANY = 50;

/** Round trips of the commands that ask the cluster-wide catalogues only: the same number whatever N is. */
export const queries: Bench = {
  title: `round trips of --quick at N=${FEW} and N=${MANY}`,
  run: async (context) => {
    const of = async (databases: number) =>
      withServer(
        context.version,
        async (server) => {
          context.tell(`N=${databases}`);
          const environment = writeEnvironment(server.admin, { databases });
          await g2p(["apply"], environment);
          const counts = new Map<string, number>();
          for (const command of ["apply", "plan"]) {
            const before = await statements(server);
            await g2p([command, "--quick"], environment);
            counts.set(command, (await statements(server)) - before);
          }
          environment.remove();
          return counts;
        },
        { log_statement: "all" },
      );
    const few = await of(FEW);
    const many = await of(MANY);
    return [...many].map(([command, count]): Figure => {
      const what = `${command} --quick, N=${MANY}`;
      return { bench: "queries", what, value: count, unit: "queries", ratio: ratio(`N=${FEW}`, count, few.get(command) ?? 0), target: 1 };
    });
  },
};

async function statements(server: TestServer): Promise<number> {
  return (await server.logText()).split("\n").filter((line) => line.includes("LOG:  statement:")).length;
}
