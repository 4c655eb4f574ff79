import { g2p } from "./command.ts";
import { type Bench, ratio } from "./context.ts";
import { writeEnvironment } from "./environment.ts";
import type { Figure } from "./figure.ts";
import { withServer } from "./server.ts";

/** Many databases, as superuser and as an administrator with CREATEDB and CREATEROLE only. */
export const scale: Bench = {
  title: "first apply and nothing to do, as superuser and as lesser admin (N=1000)",
  run: async (context) => {
    const n = context.n ?? 1000;
    const figures: Figure[] = [];
    for (const kind of ["superuser", "lesser admin"]) {
      await withServer(context.version, async (server) => {
        const environment = writeEnvironment(kind === "superuser" ? server.admin : await server.createLesserAdmin(), {
          databases: n,
        });
        context.tell(`first apply as ${kind}`);
        const first = await g2p(["apply"], environment, { memory: true });
        const add = (what: string, ran: { readonly ms: number }) =>
          figures.push({
            bench: "scale",
            what: `${kind}: ${what}`,
            value: ran.ms / 1000,
            unit: "s",
            ratio: ratio("first", ran.ms, first.ms),
          });
        figures.push({ bench: "scale", what: `${kind}: first apply, N=${n}`, value: first.ms / 1000, unit: "s" });
        figures.push({ bench: "scale", what: `${kind}: resident memory`, value: first.peakMb, unit: "MB" });
        context.tell(`nothing to do as ${kind}`);
        add("apply, nothing to do", await g2p(["apply"], environment));
        add("apply, nothing to do, again", await g2p(["apply"], environment));
        add("apply --quick", await g2p(["apply", "--quick"], environment));
        environment.remove();
      });
    }
    return figures;
  },
};
