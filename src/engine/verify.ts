import type { VerifyResult } from "../model/plan.ts";
import { type Place, settleAll, withSession } from "./place.ts";

/** Tries on all servers what must work and what must be refused, from every login's own connection. */
export async function verify(places: readonly Place[], options: { readonly sample?: number }): Promise<VerifyResult> {
  const attempts = options.sample === undefined ? {} : { sample: options.sample };
  const cells = await settleAll(places.map((place) => withSession(place, (session) => session.verify(attempts))));
  const all = cells.flat();
  // Where there is a server, nothing tried proves nothing.
  return { ok: (all.length > 0 || places.length === 0) && all.every((cell) => cell.ok), cells: all };
}
