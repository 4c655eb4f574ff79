import { DEFAULT_CONCURRENCY } from "../src/cli/places.ts";
import { g2p } from "./command.ts";
import type { Bench } from "./context.ts";
import { writeEnvironment } from "./environment.ts";
import { peakConnections, withServer } from "./server.ts";

/**
 * All pairs of logins and databases, each really tried. An attempt of one login on another takes two connections; one more is the
 * admin's.
 */
export const verify: Bench = {
  title: "verify, all pairs (N=50)",
  run: async (context) => {
    const n = context.n ?? 50;
    return withServer(context.version, async ({ admin }) => {
      const environment = writeEnvironment(admin, { databases: n });
      context.tell("apply");
      await g2p(["apply"], environment);
      context.tell("verify");
      let ms = 0;
      let cells = 0;
      const connections = await peakConnections(admin, async () => {
        const run = await g2p(["verify", "--json"], environment);
        ms = run.ms;
        cells = (JSON.parse(run.stdout) as { cells: unknown[] }).cells.length;
      });
      environment.remove();
      return [
        { bench: "verify", what: `${n} logins, ${cells} attempts`, value: ms / 1000, unit: "s", target: 15 },
        {
          bench: "verify",
          what: "peak connections",
          value: connections,
          unit: "connections",
          target: 2 * DEFAULT_CONCURRENCY + 1,
        },
      ];
    });
  },
};
