import { hash } from "node:crypto";
import pLimit from "p-limit";
import { type Credential, credentialKey } from "../../model/credential.ts";
import type { OpensearchEndpoint } from "../../model/endpoint.ts";
import type { Cell } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import { connect, type Connection } from "./connection.ts";
import { deleteData } from "./data.ts";
import type { Desired } from "./desired.ts";
import { type Login, loginOf, probesOf } from "./verify/login.ts";
import { verifyAccess, verifyOwn } from "./verify/own.ts";
import { verifyPair } from "./verify/pair.ts";
import { PROBE, verifyServerWide } from "./verify/server-wide.ts";

/** Connections of one login: its attempts are made one after the other, those of others at the same time. */
const CONNECTIONS = 2;

/**
 * Tries, as every login, what must work and what must be refused: own use, shared indices, every other claim's indices and tenant, and what
 * belongs to the server. Each owner makes small indices for it first; the administrator deletes them by name in the end, whatever happened.
 *
 * @param sample at most so many pairs of a login and another's claim
 */
export async function verifyServer(
  endpoint: OpensearchEndpoint,
  admin: Connection,
  desired: readonly Desired[],
  context: ProviderContext,
  sample: number | undefined,
): Promise<Cell[]> {
  const { server, emit, signal } = context;
  const stored = await context.credentials.read(desired);
  const logins = await Promise.all(desired.map((one) => openLogin(endpoint, one, stored, server)));
  const owners = logins.filter(({ wanted }) => wanted.kind === "indices");
  const pairs = choosePairs(logins, owners, sample);
  const step = `verify ${server}`;
  const total = owners.length + logins.length + pairs.length;
  const begun = performance.now();
  let done = 0;
  emit({ type: "step-start", step, title: `Trying ${pairs.length} pairs on ${server}`, total });
  const end = (outcome: "done" | "failed", detail: string) =>
    emit({ type: "step-end", step, outcome, detail, ms: performance.now() - begun });
  const limit = pLimit(context.concurrency);
  const each = async <T>(list: readonly T[], doing: (one: T) => string, work: (one: T) => Promise<Cell[]>) => {
    const found = await limit.map(list, async (one) => {
      signal.throwIfAborted();
      const cells = await work(one);
      emit({ type: "step-progress", step, done: ++done, total, doing: doing(one) });
      return cells;
    });
    return found.flat();
  };
  try {
    const cells = [
      ...(await each(
        owners,
        ({ key }) => key,
        (login) => verifyOwn(login, logins),
      )),
      ...(await each(
        logins,
        ({ key }) => key,
        (login) => alone(login, owners, server),
      )),
      ...(await each(
        pairs,
        ([login, owner]) => `${login.key} on ${owner.key}`,
        ([login, owner]) => verifyPair(login, owner, logins),
      )),
    ];
    const wrong = cells.filter((cell) => !cell.ok).length;
    end("done", `${cells.length} attempts, ${wrong === 0 ? "all" : `${wrong} not`} as expected`);
    return cells;
  } catch (error) {
    end("failed", `stopped after ${done} of ${total}`);
    throw error;
  } finally {
    for (const { connection } of logins) connection?.close();
    await cleanUp(admin, owners, logins);
  }
}

async function alone(login: Login, owners: readonly Login[], server: string): Promise<Cell[]> {
  const target = owners.find(({ wanted }) => wanted.id === login.wanted.target);
  return [
    ...(target === undefined ? [] : await verifyAccess(login, target)),
    ...(await verifyServerWide(login, server)),
  ];
}

async function openLogin(
  endpoint: OpensearchEndpoint,
  wanted: Desired,
  stored: ReadonlyMap<string, Credential>,
  server: string,
): Promise<Login> {
  const credential = stored.get(credentialKey(wanted));
  const options = { connections: CONNECTIONS };
  return loginOf(wanted, credential === undefined ? undefined : await connect(endpoint, credential, server, options));
}

/** Every login with every claim but its own; of too many those with the lowest hashes, the same in every run. */
function choosePairs(logins: readonly Login[], owners: readonly Login[], sample: number | undefined): [Login, Login][] {
  const pairs = logins.flatMap((login) =>
    owners.filter((owner) => owner !== login).map((owner): [Login, Login] => [login, owner]),
  );
  if (sample === undefined || pairs.length <= sample) return pairs;
  const drawn = pairs.map((pair) => ({ pair, lot: hash("sha256", `${pair[0].key} ${pair[1].key}`) }));
  return drawn
    .sort((a, b) => (a.lot < b.lot ? -1 : 1))
    .slice(0, sample)
    .map(({ pair }) => pair);
}

/** Deletes all that was, or could have been, made. */
async function cleanUp(admin: Connection, owners: readonly Login[], logins: readonly Login[]): Promise<void> {
  const indices = owners.flatMap(({ wanted }) => {
    const { own, words, intruded } = probesOf(wanted, logins);
    return [own, ...words, intruded].map((name) => ({ name, documents: 0 }));
  });
  await deleteData(admin, { indices, streams: [], aliases: [] });
  for (const path of [
    `/_index_template/${PROBE}`,
    `/_ingest/pipeline/${PROBE}`,
    `/_plugins/_security/api/tenants/${PROBE}`,
  ])
    await admin.ask("removing probes", path, { method: "DELETE" }, [404]);
}
