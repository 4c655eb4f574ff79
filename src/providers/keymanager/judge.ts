import type { Policy } from "../contract.ts";
import type { Desired, DesiredApplication } from "./desired.ts";
import { holder, refText } from "./mark.ts";
import { NO_KEYS, type Observed } from "./observe.ts";

/**
 * Whose an application id is, judged before anything is compared or changed.
 *
 * | policy on the server              | keys                   | verdict | then                                       |
 * | --------------------------------- | ---------------------- | ------- | ------------------------------------------ |
 * | none                              | none                   | absent  | make it                                    |
 * | none                              | some                   | foreign | refuse; `--adopt` takes them over          |
 * | marked ours, not complete         | any                    | ours    | complete it                                |
 * | marked ours, complete             | all there              | ours    | compare and repair                         |
 * | marked ours, complete             | master or base key gone| lost    | refuse; `--recreate` makes new ones        |
 * | not marked                        | any                    | foreign | refuse; `--adopt` takes it over            |
 * | marked for another                | any                    | held    | refuse and name the holder                 |
 */
export type Verdict =
  | { readonly verdict: "absent" | "ours" | "recreate" }
  | { readonly verdict: "foreign" | "held" | "lost"; readonly reason: string; readonly hint: string };

/** Judges one application and lets through what the policy allows. Pure. */
export function judge(wanted: DesiredApplication, desired: Desired, observed: Observed, allowed: Policy): Verdict {
  const { applicationId } = wanted;
  const policy = observed.policies.get(applicationId);
  const keys = observed.keys.get(applicationId) ?? NO_KEYS;
  const matches = (words: readonly string[]) => [wanted.id, applicationId, "all"].some((word) => words.includes(word));
  if (policy?.mark === undefined) {
    const hasKeys = keys.masters > 0 || keys.base.size > 0;
    if (policy === undefined && !hasKeys) return { verdict: "absent" };
    if (matches(allowed.adopt)) return { verdict: "ours" };
    const why = policy === undefined ? "it has keys, but no key policy" : "its key policy carries no mark of ours";
    return {
      verdict: "foreign",
      reason: `application id "${applicationId}" exists already and is not ours: ${why}`,
      hint: `Take it over with --adopt ${wanted.id}, or choose another name.`,
    };
  }
  const { mark } = policy;
  if (mark.environment !== desired.environment.id || refText(mark.claim) !== refText(wanted))
    return {
      verdict: "held",
      reason: `application id "${applicationId}" carries the mark of ${holder(mark)} (environment ${mark.environment})`,
      hint: "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml.",
    };
  const damaged = [...keys.base].filter(([, key]) => key.withoutKey > 0).map(([reference]) => reference);
  if (!policy.complete || (keys.masters > 0 && damaged.length === 0)) return { verdict: "ours" };
  if (matches(allowed.recreate)) return { verdict: "recreate" };
  const what = keys.masters === 0 ? "its master key is gone" : `its base key ${damaged.join(", ")} is gone`;
  return {
    verdict: "lost",
    reason: `application id "${applicationId}" was in use, but ${what}`,
    hint: `Restore Keymanager's database and key store from a backup, or make new keys with --recreate ${wanted.id}: what was encrypted so far can then never be read again.`,
  };
}
