import type { DesiredKeyspace } from "./desired.ts";
import { claimOf, isSame, type Mark } from "./mark.ts";
import type { Observed } from "./observe.ts";

/**
 * Whose a user and its keys are, judged before anything is compared or changed.
 *
 * | user's mark or register           | user  | verdict | then                                              |
 * | --------------------------------- | ----- | ------- | ------------------------------------------------- |
 * | one names another holder          | any   | held    | refuse and name the holder                        |
 * | one is ours                       | there | ours    | compare and repair                                |
 * | register is ours                  | none  | ours    | make the user again; its keys were kept           |
 * | neither                           | there | foreign | refuse; `--adopt` takes it over                   |
 * | neither, keys with its prefix     | none  | foreign | refuse; `--adopt` gives these keys to the claim   |
 * | neither                           | none  | absent  | make it                                           |
 *
 * Keys that are gone are no loss that could be told from an empty cache, so there is nothing to `--recreate`.
 */
export type Verdict = { readonly verdict: "absent" | "ours" } | Refusal;

/** Why something is not touched, and what to do. */
export interface Refusal {
  readonly verdict: "foreign" | "held";
  readonly reason: string;
  readonly hint: string;
}

/** Judges a claim. Pure. */
export function judge(wanted: DesiredKeyspace, observed: Observed): Verdict {
  const marks = [observed.marks.get(wanted.user), observed.register.get(wanted.user)].filter(
    (one) => one !== undefined,
  );
  const other = marks.find((one) => !isSame(one, wanted.mark));
  if (other !== undefined) return held(wanted.user, other);
  if (marks.length > 0) return { verdict: "ours" };
  if (observed.users.has(wanted.user))
    return foreign(`user "${wanted.user}" exists already and is not ours: it carries no mark of ours`, wanted.id);
  if (observed.strayPrefixes.has(wanted.keyPrefix))
    return foreign(
      `keys that begin with "${wanted.keyPrefix}" exist already and what they hold is not ours: no mark of ours names them`,
      wanted.id,
    );
  return { verdict: "absent" };
}

/** A name that another environment's or claim's mark stands on. */
export function held(user: string, holder: Mark): Refusal {
  const { environment } = holder;
  return {
    verdict: "held",
    reason: `user "${user}" is held by ${environment.name}/${claimOf(holder)} (environment ${environment.id})`,
    hint: "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml.",
  };
}

function foreign(reason: string, id: string): Refusal {
  return { verdict: "foreign", reason, hint: `Take it over with --adopt ${id}, or choose another name.` };
}
