import pLimit from "p-limit";
import type { ClaimRef } from "../../model/environment.ts";
import { CommonsError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { ProviderContext, Removal } from "../contract.ts";
import type { Admin } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { itemOf } from "./diff.ts";
import { parseMark, refText } from "./mark.ts";
import { type Observed, observe } from "./observe.ts";
import type { ClientRepresentation } from "./representation.ts";

/** What one removal takes away. */
interface Going {
  readonly item: PlanItem;
  readonly ref: ClaimRef;
  /** Absent where only the stored credential is left. */
  readonly uuid: string | undefined;
}

/**
 * What a removal takes away: every client in its scope that carries this environment's mark, and credentials that an interrupted run
 * left. A client holds no data; users, and with them the realm, always stay.
 */
export async function planRemoval(
  admin: Admin,
  desired: Desired,
  context: ProviderContext,
  removal: Removal,
): Promise<PlanItem[]> {
  const observed = await observe(admin, desired, new Map(), "quick", context.concurrency);
  return (await going(observed, desired, context, removal)).map((one) => one.item);
}

/**
 * Removes clients, with their roles and service accounts, then client scopes of this environment that no client uses any more, and
 * the stored credentials last. The realm stays even when it was made here: it holds users, and clients of others may live in it.
 */
export async function remove(
  admin: Admin,
  desired: Desired,
  context: ProviderContext,
  removal: Removal,
): Promise<PlanItem[]> {
  const observed = await observe(admin, desired, new Map(), "quick", context.concurrency);
  const all = await going(observed, desired, context, removal);
  const items = await pLimit(Math.max(1, context.concurrency)).map(
    all,
    async ({ item, ref, uuid }): Promise<PlanItem> => {
      if (context.signal.aborted) return { ...item, outcome: "not started", reason: "the run was stopped" };
      try {
        if (uuid !== undefined) await removeClient(admin, desired, uuid, item);
        await context.credentials.remove(ref);
        return { ...item, outcome: "done" };
      } catch (error) {
        if (!(error instanceof CommonsError)) throw error;
        const hint = error.hint === undefined ? {} : { hint: error.hint };
        return { ...item, outcome: "failed", reason: error.message, ...hint };
      }
    },
  );
  if (!context.signal.aborted) await removeUnusedScopes(admin, desired, context);
  return items;
}

async function going(
  observed: Observed,
  desired: Desired,
  context: ProviderContext,
  { scope }: Removal,
): Promise<Going[]> {
  const isIn = (ref: ClaimRef) =>
    ref.sandbox === scope.sandbox && (scope.instance === undefined || ref.instance === scope.instance);
  const found = new Map<string, Going>();
  for (const [clientId, { mark, representation }] of observed.realm?.clients ?? []) {
    const ref = mark?.claim;
    if (ref === undefined || mark?.environment !== desired.environment.id || !isIn(ref)) continue;
    const item: PlanItem = { ...itemOf(ref, clientId, context.server), action: "remove", findings: [] };
    // One claim may have left clients under several names.
    found.set(clientId, { item, ref, uuid: representation.id });
  }
  const marked = new Set([...found.values()].map((one) => refText(one.ref)));
  const rest = desired.clients.filter((one) => isIn(one) && !marked.has(refText(one)));
  const stored = await context.credentials.read(rest);
  for (const one of rest) {
    if (!stored.has(refText(one))) continue;
    const base = itemOf(one, one.clientId, context.server);
    const item: PlanItem = { ...base, action: "remove", findings: [], reason: "only its stored secret is left" };
    found.set(one.clientId, { item, ref: { ...base }, uuid: undefined });
  }
  return [...found.values()];
}

/** Looks once more at the mark right before, since the client may have been given to somebody else in between. */
async function removeClient(admin: Admin, desired: Desired, uuid: string, item: PlanItem): Promise<void> {
  const path = `${admin.realmPath}/clients/${uuid}`;
  const answer = await admin.request(path, {
    doing: `looking at client "${item.name}"`,
    resource: item.id,
    answers: [404],
  });
  if (answer.status === 404) return;
  const mark = parseMark((answer.json as ClientRepresentation).attributes);
  if (mark?.environment !== desired.environment.id) return;
  await admin.request(path, {
    method: "DELETE",
    doing: `removing client "${item.name}"`,
    resource: item.id,
    answers: [404],
  });
}

async function removeUnusedScopes(admin: Admin, desired: Desired, context: ProviderContext): Promise<void> {
  const { realm } = await observe(admin, desired, new Map(), "quick", context.concurrency);
  for (const [name, { id, mark }] of realm?.scopes ?? []) {
    const isUsed = (realm?.scopeUsers.get(name)?.length ?? 0) > 0;
    if (mark?.environment !== desired.environment.id || isUsed) continue;
    if (realm?.defaultScopes.includes(name) === true || realm?.optionalScopes.includes(name) === true) continue;
    await admin.request(`${admin.realmPath}/client-scopes/${id}`, {
      method: "DELETE",
      doing: `removing client scope "${name}"`,
      answers: [404],
    });
  }
}
