import type { Policy } from "../contract.ts";
import type { ObservedBucket, ObservedServer } from "./admin.ts";
import type { Desired, DesiredBucket, DesiredLogin } from "./desired.ts";
import { holderOf, type Mark, refKey } from "./mark.ts";

/** Why something is not touched, and what to do about it. */
export interface Refusal {
  readonly reason: string;
  readonly hint: string;
}

/** Whose the parts of a claim or access are, where nothing stands against working on them. */
export interface Judgement {
  /** Our mark; `undefined` where there is none yet. */
  readonly mark: Mark | undefined;
  /** Names of buckets that are to be made. */
  readonly missing: readonly string[];
  /** Names of buckets that are there and need our mark. */
  readonly unmarked: readonly string[];
  /** Nothing of it is there. */
  readonly fresh: boolean;
}

/**
 * Judges by marks whose a login and its buckets are, before anything is compared or changed. Pure.
 *
 * | on the server                      | recorded in the login's mark | verdict  | then                                     |
 * | ---------------------------------- | ---------------------------- | -------- | ---------------------------------------- |
 * | no bucket                          | no, or begun                 | missing  | make it                                  |
 * | no bucket                          | made                         | lost     | refuse; `--recreate` makes it anew, empty |
 * | bucket with our tags               | any                          | ours     | compare and repair                       |
 * | bucket without tags, empty         | begun                        | ours     | complete it                              |
 * | bucket without tags                | any other                    | foreign  | refuse; `--adopt` takes it over           |
 * | bucket or login of another's mark  | any                          | held     | refuse and name the holder               |
 * | login without mark, no bucket ours |                              | foreign  | refuse; `--adopt` takes it over           |
 */
export function judge(
  wanted: DesiredLogin,
  desired: Desired,
  observed: ObservedServer,
  policy: Policy,
): Judgement | Refusal {
  const environment = desired.environment.id;
  const login = observed.logins.get(wanted.user);
  const mark = login?.mark;
  if (mark !== undefined && (mark.environment !== environment || refKey(mark) !== refKey(wanted)))
    return {
      reason: `the user "${wanted.user}" carries the mark of ${holderOf(mark)} (environment ${mark.environment})`,
      hint: "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml.",
    };
  const adopt = (name: string) => allows(policy.adopt, wanted, name) || policy.adopt.includes("all");
  const missing: string[] = [];
  const unmarked: string[] = [];
  let owned = 0;
  for (const bucket of wanted.buckets) {
    const found = observed.buckets.get(bucket.name);
    if (found === undefined) {
      if (mark?.made.includes(bucket.name) === true && !allows(policy.recreate, wanted, bucket.name))
        return lost(wanted, bucket);
      missing.push(bucket.name);
    } else if (found.holder !== undefined) {
      const refusal = heldByAnother(bucket, found, environment, observed);
      if (refusal !== undefined) return refusal;
      owned += 1;
    } else {
      const begun = mark?.begun.includes(bucket.name) === true && found.empty === true;
      if (!begun && !adopt(bucket.name)) return foreign(`bucket "${bucket.name}"`, wanted.id);
      unmarked.push(bucket.name);
    }
  }
  if (login?.exists === true && mark === undefined && owned === 0 && !adopt(wanted.user))
    return foreign(`user "${wanted.user}"`, wanted.id);
  return {
    mark,
    missing,
    unmarked,
    fresh: login === undefined && missing.length === wanted.buckets.length,
  };
}

function heldByAnother(
  bucket: DesiredBucket,
  { holder }: ObservedBucket,
  environment: string,
  observed: ObservedServer,
): Refusal | undefined {
  if (holder === undefined || (holder.environment === environment && holder.claim === refKey(bucket.owner)))
    return undefined;
  const mark = [...observed.logins.values()].find((one) => one.mark?.made.includes(bucket.name))?.mark;
  const who = mark === undefined ? holder.claim || "another environment" : holderOf(mark);
  return {
    reason: `bucket "${bucket.name}" carries the mark of ${who} (environment ${holder.environment})`,
    hint: "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml.",
  };
}

function allows(allowed: readonly string[], wanted: DesiredLogin, name: string): boolean {
  return allowed.includes(wanted.id) || allowed.includes(name);
}

function foreign(what: string, id: string): Refusal {
  return {
    reason: `${what} exists already and is not ours: it carries no mark of ours`,
    hint: `Take it over with --adopt ${id}, or choose another name.`,
  };
}

function lost(wanted: DesiredLogin, bucket: DesiredBucket): Refusal {
  return {
    reason: `the mark of user "${wanted.user}" says that bucket "${bucket.name}" is in use, but it is gone`,
    hint: `Restore it from a backup, or make it anew, empty, with --recreate ${wanted.id}.`,
  };
}
