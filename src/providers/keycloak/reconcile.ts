import pLimit from "p-limit";
import type { Credential } from "../../model/credential.ts";
import { CommonsError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { Policy, ProviderContext } from "../contract.ts";
import type { Admin } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { diff, type KeycloakChange } from "./diff.ts";
import { makeClient, makeRealm, makeScope, repair, writeRealm } from "./execute.ts";
import { refText } from "./mark.ts";
import { type Observed, type ObservedRealm, observe } from "./observe.ts";

/** Times that an item is looked at again because another run was faster. */
const ROUNDS = 4;

/** After these the server as a whole is in trouble, and further items need not be tried. */
const SERVER_WIDE = ["UNREACHABLE", "TIMEOUT", "TLS", "CONNECTION_LOST", "STARTING", "ADMIN_PASSWORD"].map(
  (word) => `KEYCLOAK_${word}`,
);

/** What reconciling works with. */
export interface Reconciling {
  readonly admin: Admin;
  readonly desired: Desired;
  readonly context: ProviderContext;
  readonly policy: Policy;
}

/** How one change went; `again` when somebody else was faster and it has to be judged anew. */
type Outcome = { readonly item: PlanItem } | "again";

/**
 * Carries out changes. The realm comes first, then client scopes, then clients in parallel. Every step can be repeated, and a client
 * appears together with its mark and secret, so a killed run leaves only what the next one completes.
 *
 * @returns every item with its outcome; after a failure that concerns the whole server the rest is "not started"
 */
export async function reconcile(
  { admin, desired, context, policy }: Reconciling,
  changes: readonly KeycloakChange[],
  first: Observed | undefined,
): Promise<PlanItem[]> {
  const results = new Map<string, PlanItem>();
  let stopped: CommonsError | undefined;
  const isStopped = () => stopped !== undefined || context.signal.aborted;
  let pending = changes.filter(isWork);
  if (pending.length > 0 && !isStopped()) {
    const refs = pending.flatMap(({ wanted }) => wanted ?? []);
    const usernames = new Map(refs.map((one) => [refText(one), one.clientId]));
    const credentials = await context.credentials.getOrCreate(refs, (ref) => usernames.get(refText(ref)) ?? "");
    const look = () => observe(admin, desired, credentials, "quick", context.concurrency);
    let observed = first ?? (await look());
    for (let round = 1; pending.length > 0 && !isStopped(); round++) {
      const realm = await ready(admin, desired, observed, pending, look);
      const outcomes = await pLimit(Math.max(1, context.concurrency)).map(pending, async (change) => {
        if (isStopped()) return undefined;
        const outcome = await carryOut(change, admin, desired, realm, credentials);
        if (outcome !== "again" && "failure" in outcome && SERVER_WIDE.includes(outcome.failure.code))
          stopped ??= outcome.failure;
        return outcome;
      });
      const again: string[] = [];
      outcomes.forEach((outcome, index) => {
        const change = pending[index];
        if (outcome === undefined || change === undefined) return;
        if (outcome === "again" && round < ROUNDS) again.push(change.item.id);
        else if (outcome === "again") results.set(change.item.id, contested(change));
        else results.set(change.item.id, outcome.item);
      });
      if (again.length === 0) break;
      observed = await look();
      const fresh = diff(desired, observed, policy, context.server).filter((one) => again.includes(one.item.id));
      for (const one of fresh) if (!isWork(one)) results.set(one.item.id, settled(one, changes));
      pending = fresh.filter(isWork);
    }
  }
  return changes.map((change) => results.get(change.item.id) ?? untouched(change, stopped));
}

function isWork({ item }: KeycloakChange): boolean {
  return item.action === "create" || item.action === "update";
}

/** Sees to it that the realm and the client scopes that are asked for exist. */
async function ready(
  admin: Admin,
  desired: Desired,
  observed: Observed,
  pending: readonly KeycloakChange[],
  look: () => Promise<Observed>,
): Promise<ObservedRealm | undefined> {
  let { realm } = observed;
  if (realm === undefined) {
    await makeRealm(admin, desired);
    realm = (await look()).realm;
  }
  const missing = new Set(
    pending.flatMap((one) => one.wanted?.spec.scopes ?? []).filter((scope) => realm?.scopes.has(scope) !== true),
  );
  if (missing.size === 0) return realm;
  for (const scope of missing) await makeScope(admin, desired, scope);
  return (await look()).realm;
}

async function carryOut(
  change: KeycloakChange,
  admin: Admin,
  desired: Desired,
  realm: ObservedRealm | undefined,
  credentials: ReadonlyMap<string, Credential>,
): Promise<Outcome | { readonly item: PlanItem; readonly failure: CommonsError }> {
  const { item, wanted, drifts } = change;
  try {
    if (wanted === undefined) {
      await writeRealm(admin);
      return { item: { ...item, outcome: "done" } };
    }
    if (realm === undefined) return "again";
    const work = { admin, desired, realm, wanted, credential: credentials.get(refText(wanted)) };
    if (item.action === "create") return (await makeClient(work)) ? { item: { ...item, outcome: "done" } } : "again";
    const found = realm.clients.get(wanted.clientId);
    if (found === undefined) return "again";
    const fixes = drifts.map(({ fix }) => fix);
    const writes = fixes.filter((fix) => fix.do === "write");
    for (const fix of [...writes.slice(0, 1), ...fixes.filter((one) => one.do !== "write")])
      await repair(work, found.representation.id, fix);
    return { item: { ...item, outcome: "done" } };
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    // The client went away while it was being repaired.
    if (error.code === "KEYCLOAK_HTTP_404") return "again";
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { item: { ...item, outcome: "failed", reason: error.message, ...hint }, failure: error };
  }
}

/** What another run did in the meantime. */
function settled(fresh: KeycloakChange, changes: readonly KeycloakChange[]): PlanItem {
  if (fresh.item.action === "refuse") return { ...fresh.item, outcome: "failed" };
  const before = changes.find((one) => one.item.id === fresh.item.id);
  return { ...(before ?? fresh).item, outcome: "done" };
}

function contested({ item }: KeycloakChange): PlanItem {
  const reason = `client "${item.name}" is being made and removed by somebody else again and again`;
  return { ...item, outcome: "failed", reason, hint: "Run it again when nobody else works on this realm." };
}

function untouched({ item }: KeycloakChange, stopped: CommonsError | undefined): PlanItem {
  if (item.action === "refuse") return { ...item, outcome: "failed" };
  if (item.action !== "create" && item.action !== "update") return item;
  const reason = stopped?.message ?? "the run was stopped";
  return { ...item, outcome: "not started", reason, ...(stopped?.hint === undefined ? {} : { hint: stopped.hint }) };
}
