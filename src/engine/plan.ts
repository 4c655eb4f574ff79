import type { Emit } from "../model/event.ts";
import type { PlanResult } from "../model/plan.ts";
import type { Depth, Policy } from "../providers/contract.ts";
import { type Place, settleAll, step, withSession } from "./place.ts";
import { planResult, resources } from "./summary.ts";

/** What would be done on all servers; nothing is written. */
export async function plan(
  places: readonly Place[],
  options: { readonly depth: Depth; readonly policy: Policy; readonly emit: Emit },
): Promise<PlanResult> {
  const items = await settleAll(
    places.map((place) =>
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
    ),
  );
  return planResult(items.flat());
}
