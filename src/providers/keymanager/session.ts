import { createHash } from "node:crypto";
import type { KeymanagerEndpoint } from "../../model/endpoint.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Found, Placement, ProviderContext, ServerSession } from "../contract.ts";
import { Api } from "./api.ts";
import { Database } from "./database.ts";
import { desire } from "./desired.ts";
import { diff, type KeymanagerChange, ownPolicies } from "./diff.ts";
import { type Observed, observe } from "./observe.ts";
import { reconcile } from "./reconcile.ts";
import { planRemoval, remove } from "./remove.ts";
import { verify } from "./verify.ts";

/** Advisory lock of everybody who writes keys: the server itself makes two keys where two ask at a time. */
const LOCK = createHash("sha256").update("g2p-commons keymanager").digest().readInt32BE(0);

/** Opens a session with one Keymanager; connects at the first request. */
export function openSession(
  endpoint: KeymanagerEndpoint,
  placement: Placement<"keymanager">,
  context: ProviderContext,
): ServerSession<Observed, KeymanagerChange> {
  const { server } = context;
  const desired = desire(endpoint, placement);
  const database = new Database(endpoint.database, server);
  const api = new Api(endpoint, server, Math.max(2, context.concurrency));
  const look = (depth: "quick" | "deep") => observe(database, api, desired, depth);
  let last: Observed | undefined;
  return {
    observe: async (depth) => {
      await api.reach();
      return (last = await look(depth));
    },
    diff: (observed, policy) => diff(desired, observed, policy, server),
    prepare: async () => {
      const [row] = await database.query<{ got: boolean }>("SELECT pg_try_advisory_lock($1) AS got", [LOCK], "locking");
      if (row?.got === true) return;
      context.emit({ type: "note", level: "info", text: `another run works on ${server}; waiting for it to end` });
      await database.query("SELECT pg_advisory_lock($1)", [LOCK], "locking");
    },
    reconcile: async (changes) =>
      reconcile({ database, api, context, look: () => look("quick") }, changes, last ?? (await look("quick"))),
    planRemoval: async (removal) => planRemoval(desired, await look("quick"), removal, server),
    remove: async (removal) => {
      const items = planRemoval(desired, await look("quick"), removal, server);
      return remove(database, desired, items, removal, context);
    },
    verify: async ({ sample }) => {
      const observed = await look("quick");
      const clients = desired.applications.flatMap((one) => one.client ?? []);
      const credentials = await context.credentials.read(clients);
      return verify({ endpoint, api, desired, observed, credentials, concurrency: context.concurrency }, sample);
    },
    list: async () => found(desired, await look("quick")),
    status: async () => status(endpoint, api, context),
    close: async () => {
      await Promise.all([database.close(), api.close()]);
    },
  };
}

function found(desired: ReturnType<typeof desire>, observed: Observed): Found[] {
  return ownPolicies(desired, observed).map(({ applicationId, claim }) => ({
    ...claim,
    kind: "key-application",
    name: applicationId,
    inLedger: false,
    onServer: true,
  }));
}

async function status(endpoint: KeymanagerEndpoint, api: Api, context: ProviderContext): Promise<ServerStatus> {
  const [first] = endpoint.hosts;
  await api.reach();
  const version = await api.version();
  return {
    id: context.server,
    service: "keymanager",
    address: `${first?.host}:${first?.port}`,
    ...(version === undefined ? {} : { version }),
    state: "ready",
    ...(endpoint.auth === undefined ? { reason: "it asks nobody who he is: applications are not kept apart" } : {}),
  };
}
