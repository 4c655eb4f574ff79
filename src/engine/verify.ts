import type { Cell, VerifyResult } from "../model/plan.ts";
import { onPlaces, type Place, type PlaceResult, withSession } from "./place.ts";

/**
 * Tries on all servers what must work and what must be refused, from every login's own connection. A server that cannot be reached
 * is a cell of its own, which is not ok.
 *
 * @throws the error of a server when none could be reached.
 */
export async function verify(places: readonly Place[], options: { readonly sample?: number }): Promise<VerifyResult> {
  const attempts = options.sample === undefined ? {} : { sample: options.sample };
  const results = await onPlaces(places, (place) => withSession(place, (session) => session.verify(attempts)));
  const cells = results.flatMap(cellsOf);
  // Where there is a server, nothing tried proves nothing.
  return { ok: (cells.length > 0 || places.length === 0) && cells.every((cell) => cell.ok), cells };
}

function cellsOf(result: PlaceResult<readonly Cell[]>): readonly Cell[] {
  if (!("error" in result)) return result.value;
  const { place, error } = result;
  return [
    {
      service: place.service,
      from: "g2p",
      to: place.id,
      attempt: "reach the server",
      expected: "allowed",
      actual: "error",
      ok: false,
      how: "tried",
      detail: error.message,
    },
  ];
}
