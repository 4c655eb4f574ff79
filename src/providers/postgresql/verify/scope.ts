import { hash } from "node:crypto";
import { type Desired, refKey } from "../desired.ts";
import type { Login } from "./login.ts";

/** Up to so many logins each tries every other database. */
export const ALL_PAIRS_LIMIT = 50;
/** Databases beyond the near ones that each login tries above that. */
export const DEFAULT_SAMPLE = 10;

/**
 * Decides whether a login really tries a claim or only asks. Always tried are the claims near it: those on the database it is
 * for, of its own instance and of the instances that its instance reads. Beyond them it tries all, or where there are too many a
 * number chosen at random, which is the same in every run so that two runs can be compared.
 *
 * @param sample how many beyond the near ones; `undefined` for all pairs up to {@link ALL_PAIRS_LIMIT} logins
 */
export function chooseTried(
  desired: Desired,
  logins: readonly Login[],
  sample: number | undefined,
): (login: Login) => (other: Login) => boolean {
  const size = sample ?? (logins.length > ALL_PAIRS_LIMIT ? DEFAULT_SAMPLE : undefined);
  if (size === undefined) return () => () => true;

  const homes = new Map<string, Set<string>>();
  for (const database of desired.databases) {
    const instance = instanceOf(database);
    homes.set(instance, (homes.get(instance) ?? new Set()).add(refKey(database)));
  }
  const reads = new Map<string, Set<string>>();
  for (const access of desired.accesses) {
    const instance = instanceOf(access);
    reads.set(instance, (reads.get(instance) ?? new Set()).add(instanceOf(access.target)));
  }
  const keys = desired.databases.map(refKey);

  return (login) => {
    const own = instanceOf(login.claim);
    const tried = new Set([own, ...(reads.get(own) ?? [])].flatMap((instance) => [...(homes.get(instance) ?? [])]));
    tried.add(refKey(login.home));
    const drawn = keys
      .filter((key) => !tried.has(key))
      .map((key) => ({ key, lot: hash("sha256", `${login.key} ${key}`) }))
      .sort((a, b) => (a.lot < b.lot ? -1 : 1))
      .slice(0, size);
    for (const { key } of drawn) tried.add(key);
    return (other) => tried.has(refKey(other.home));
  };
}

function instanceOf(ref: { readonly sandbox: string; readonly instance: string }): string {
  return `${ref.sandbox}/${ref.instance}`;
}
