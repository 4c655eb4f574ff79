import type { Emit } from "../model/event.ts";
import type { PlanResult } from "../model/plan.ts";
import type { Depth, Policy } from "../providers/contract.ts";
import { itemsOf, onPlaces, type Place, step, withSession } from "./place.ts";
import { planResult, summarise, summaryText, resources } from "./summary.ts";

/**
 * Makes all servers hold what is wanted. On each server: ready the ledger, take the environment's lock, look, compare, change.
 * Every item comes back with its outcome; a server that cannot be reached fails its own items before anything is changed there.
 *
 * @throws the error of a server when none could be worked on.
 */
export async function apply(
  places: readonly Place[],
  options: { readonly depth: Depth; readonly policy: Policy; readonly emit: Emit },
): Promise<PlanResult> {
  const { depth, policy, emit } = options;
  const results = await onPlaces(places, (place) =>
    withSession(place, async (session) => {
      await session.prepare();
      const changes = await step(
        emit,
        `observe ${place.id}`,
        `Looking at ${place.id}`,
        async () => session.diff(await session.observe(depth), policy),
        (found) => resources(found.length),
      );
      const todo = changes.filter((one) => !["unchanged", "retain", "refuse"].includes(one.item.action)).length;
      if (todo === 0) return session.reconcile(changes, policy);
      return step(
        emit,
        `apply ${place.id}`,
        `Applying ${todo} changes on ${place.id}`,
        () => session.reconcile(changes, policy),
        (done) => summaryText(summarise(done)),
      );
    }),
  );
  return planResult(itemsOf(results));
}
