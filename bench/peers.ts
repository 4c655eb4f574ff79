import { type Bench, ratio } from "./context.ts";
import { g2p } from "./command.ts";
import { writeEnvironment } from "./environment.ts";
import type { Figure } from "./figure.ts";
import { ansible } from "./peers/ansible.ts";
import { type PeerClaim, peerClaims } from "./peers/claims.ts";
import { psqlScript } from "./peers/psql-script.ts";
import { psqlStatement } from "./peers/psql-statement.ts";
import type { ServerAddress } from "../src/model/environment.ts";
import { withServer, writeTransactions } from "./server.ts";

/** The slow ones get fewer databases, so that a run takes minutes. */
const PEERS: readonly {
  readonly name: string;
  readonly n: number;
  readonly run: (server: ServerAddress, claims: readonly PeerClaim[], tell: (text: string) => void) => Promise<number>;
}[] = [
  { name: "psql script", n: 200, run: psqlScript },
  { name: "psql a statement", n: 200, run: psqlStatement },
  { name: "ansible", n: 20, run: ansible },
];

/** What people use today, against g2p for as many databases: a first and a second run, each on a new server. */
export const peers: Bench = {
  title: "first and second run of a psql script, psql a statement, Ansible",
  run: async (context) => {
    const figures: Figure[] = [];
    for (const peer of PEERS) {
      const n = Math.min(context.n ?? peer.n, peer.n);
      const ours = await withServer(context.version, async ({ admin }) => {
        context.tell(`g2p, N=${n}`);
        const environment = writeEnvironment(admin, { databases: n });
        const result = await twice(admin, async () => (await g2p(["apply"], environment)).ms);
        environment.remove();
        return result;
      });
      const theirs = await withServer(context.version, async ({ admin }) => {
        const claims = peerClaims(n);
        context.tell(`${peer.name}, N=${n}`);
        return twice(admin, () => peer.run(admin, claims, context.tell));
      });
      const row = (what: string, value: number, of: number): Figure => ({
        bench: "peers",
        what: `${peer.name}, N=${n}: ${what}`,
        value: value / 1000,
        unit: "s",
        ratio: ratio("g2p", value, of),
      });
      figures.push(row("first run", theirs.first, ours.first), row("second run", theirs.second, ours.second));
      figures.push({
        bench: "peers",
        what: `${peer.name}, N=${n}: writes of the second run`,
        value: theirs.written,
        unit: "transactions",
      });
    }
    return figures;
  },
};

async function twice(
  server: ServerAddress,
  work: () => Promise<number>,
): Promise<{ first: number; second: number; written: number }> {
  const first = await work();
  const before = await writeTransactions(server);
  const second = await work();
  return { first, second, written: (await writeTransactions(server)) - before };
}
