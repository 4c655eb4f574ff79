import type { Emit } from "../model/event.ts";
import type { PlanResult } from "../model/plan.ts";
import type { Removal } from "../providers/contract.ts";
import { itemsOf, onPlaces, type Place, step, withSession } from "./place.ts";
import { planResult, summarise, summaryText } from "./summary.ts";

/** What a removal would take away on all servers; nothing is written. */
export async function planRemoval(places: readonly Place[], removal: Removal): Promise<PlanResult> {
  const results = await onPlaces(places, (place) => withSession(place, (session) => session.planRemoval(removal)));
  return planResult(itemsOf(results.map(only(removal))));
}

/**
 * Removes a sandbox or an instance from all servers, and nothing that is not ours. What a service uses
 * itself is removed after what it holds.
 */
export async function remove(places: readonly Place[], removal: Removal, emit: Emit): Promise<PlanResult> {
  const reversed = places.map((place) => ({
    ...place,
    after: places.filter((other) => other.after.includes(place.id)).map(({ id }) => id),
  }));
  const results = await onPlaces(reversed, (place) =>
    step(
      emit,
      `remove ${place.id}`,
      `Removing from ${place.id}`,
      () =>
        withSession(place, async (session) => {
          await session.prepare();
          return session.remove(removal);
        }),
      (done) => summaryText(summarise(done)),
    ),
  );
  return planResult(itemsOf(results.map(only(removal))));
}

/** A server that cannot be reached is told of only where the removed instance has claims on it. */
function only({ scope }: Removal) {
  return <T extends { readonly place: Place }>(result: T): T => ({
    ...result,
    place: {
      ...result.place,
      wanted: result.place.wanted.filter(
        ({ claim }) =>
          claim.sandbox === scope.sandbox && (scope.instance === undefined || claim.instance === scope.instance),
      ),
    },
  });
}
