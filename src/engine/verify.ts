import type { Emit } from "../model/event.ts";
import type { VerifyResult } from "../model/plan.ts";
import { type Place, settleAll, step, withSession } from "./place.ts";

/** Tries on all servers what must work and what must be refused, from every login's own connection. */
export async function verify(places: readonly Place[], options: { readonly sample?: number; readonly emit: Emit }): Promise<VerifyResult> {
  const cells = await settleAll(
    places.map((place) =>
      step(
        options.emit,
        `verify ${place.id}`,
        `Verifying isolation on ${place.id}`,
        () => withSession(place, (session) => session.verify(options.sample === undefined ? {} : { sample: options.sample })),
        (found) => `${found.length} attempts`,
      ),
    ),
  );
  const all = cells.flat();
  // Nothing tried proves nothing.
  return { ok: all.length > 0 && all.every((cell) => cell.ok), cells: all };
}
