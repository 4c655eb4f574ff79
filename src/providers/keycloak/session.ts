import type { Placement, ProviderContext, ServerSession } from "../contract.ts";
import { openAdmin } from "./admin.ts";
import { desire } from "./desired.ts";
import { diff, type KeycloakChange } from "./diff.ts";
import type { KeycloakEndpoint } from "../../model/endpoint.ts";
import { type Observed, observe } from "./observe.ts";
import { reconcile } from "./reconcile.ts";
import { planRemoval, remove } from "./remove.ts";
import { found, status } from "./status.ts";
import { verifyServer } from "./verify.ts";

/** Opens a session with one realm; connects at the first request. */
export async function openSession(
  endpoint: KeycloakEndpoint,
  placement: Placement<"keycloak">,
  context: ProviderContext,
): Promise<ServerSession<Observed, KeycloakChange>> {
  const desired = desire(placement);
  const admin = await openAdmin(endpoint, context.server, Math.max(2, context.concurrency));
  let last: Observed | undefined;
  const look = async (depth: "quick" | "deep"): Promise<Observed> => {
    const stored = await context.credentials.read(desired.clients);
    return observe(admin, desired, stored, depth, context.concurrency);
  };
  return {
    observe: async (depth) => (last = await look(depth)),
    diff: (observed, policy) => diff(desired, observed, policy, context.server),
    // There is no ledger, and no lock: concurrent runs settle by the server's unique client ids.
    prepare: async () => {},
    reconcile: async (changes, policy) => {
      const before = last;
      last = undefined;
      return reconcile({ admin, desired, context, policy }, changes, before);
    },
    planRemoval: (removal) => planRemoval(admin, desired, context, removal),
    remove: (removal) => remove(admin, desired, context, removal),
    verify: (options) => verifyServer(admin, desired, context, options.sample),
    list: async () => found(desired, await look("quick")),
    status: async () => status(admin, desired, context, await look("quick")),
    close: async () => admin.close(),
  };
}

/** The claim's own client among what a placement asks for. */
export function clientOf(placement: Placement<"keycloak">, claim: Placement<"keycloak">["claims"][number]) {
  const [client] = desire({ ...placement, claims: [claim] }).clients;
  if (client === undefined) throw new Error("a claim makes one client");
  return client;
}
