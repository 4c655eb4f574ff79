import type { Policy } from "../contract.ts";
import type { Desired, DesiredClient } from "./desired.ts";
import { holder, refText } from "./mark.ts";
import type { ObservedRealm } from "./observe.ts";

/**
 * Whose a client is, judged before anything is compared or changed.
 *
 * | on the server                                | verdict | then                             |
 * | -------------------------------------------- | ------- | -------------------------------- |
 * | nothing                                      | absent  | make it                          |
 * | marked for this claim                        | ours    | compare and repair               |
 * | not marked                                   | foreign | refuse; `--adopt` takes it over  |
 * | marked for another environment or claim      | held    | refuse and name the holder       |
 *
 * A client holds no data, so one that was deleted by hand is just made again.
 */
export type Verdict =
  | { readonly verdict: "absent" | "ours" }
  | { readonly verdict: "foreign" | "held"; readonly reason: string; readonly hint: string };

/** Judges a client by its mark, and lets through what the policy allows. Pure. */
export function judge(
  wanted: DesiredClient,
  desired: Desired,
  realm: ObservedRealm | undefined,
  policy: Policy,
): Verdict {
  const found = realm?.clients.get(wanted.clientId);
  if (found === undefined) return { verdict: "absent" };
  const { mark } = found;
  if (mark === undefined) {
    if ([wanted.id, wanted.clientId, "all"].some((word) => policy.adopt.includes(word))) return { verdict: "ours" };
    return {
      verdict: "foreign",
      reason: `client "${wanted.clientId}" exists already and is not ours: it carries no mark of ours`,
      hint: `Take it over with --adopt ${wanted.id}, or choose another name.`,
    };
  }
  const sameClaim = mark.claim !== undefined && refText(mark.claim) === refText(wanted);
  if (mark.environment === desired.environment.id && sameClaim) return { verdict: "ours" };
  return {
    verdict: "held",
    reason: `client "${wanted.clientId}" carries the mark of ${holder(mark)} (environment ${mark.environment})`,
    hint: "Another environment uses this realm with the same names: give one of them a prefix or a realm of its own in g2p.yaml.",
  };
}
