import type { Emit } from "../model/event.ts";
import type { PlanResult } from "../model/plan.ts";
import type { Depth, Policy } from "../providers/contract.ts";
import { itemsOf, onPlaces, type Place, step, withSession } from "./place.ts";
import { planResult, resources } from "./summary.ts";

/**
 * What would be done on all servers; nothing is written.
 *
 * @throws the error of a server when none could be looked at.
 */
export async function plan(
  places: readonly Place[],
  options: { readonly depth: Depth; readonly policy: Policy; readonly emit: Emit },
): Promise<PlanResult> {
  const results = await onPlaces(places, (place) =>
    step(
      options.emit,
      `observe ${place.id}`,
      `Looking at ${place.id}`,
      () =>
        withSession(place, async (session) =>
          session.diff(await session.observe(options.depth), options.policy).map((change) => change.item),
        ),
      (found) => resources(found.length),
    ),
  );
  return planResult(itemsOf(results));
}
