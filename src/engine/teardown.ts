import type { Emit } from "../model/event.ts";
import type { PlanResult } from "../model/plan.ts";
import type { Removal } from "../providers/contract.ts";
import { type Place, settleAll, step, withSession } from "./place.ts";
import { planResult, summarise, summaryText } from "./summary.ts";

/** What a removal would take away on all servers; nothing is written. */
export async function planRemoval(places: readonly Place[], removal: Removal): Promise<PlanResult> {
  const items = await settleAll(places.map((place) => withSession(place, (session) => session.planRemoval(removal))));
  return planResult(items.flat());
}

/** Removes a sandbox or an instance from all servers, one server after the other, and nothing that is not ours. */
export async function remove(places: readonly Place[], removal: Removal, emit: Emit): Promise<PlanResult> {
  const items = [];
  for (const place of places)
    items.push(
      ...(await step(
        emit,
        `remove ${place.id}`,
        `Removing from ${place.id}`,
        () =>
          withSession(place, async (session) => {
            await session.prepare();
            return session.remove(removal);
          }),
        (done) => summaryText(summarise(done)),
      )),
    );
  return planResult(items);
}
