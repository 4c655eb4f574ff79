import type { Finding, PlanItem } from "../../model/plan.ts";
import type { Change, Policy } from "../contract.ts";
import { withoutAccepted } from "../accept.ts";
import { channelPatterns, type DesiredKeyspace } from "./desired.ts";
import { judge } from "./judge.ts";
import { claimOf, isSame, type Mark, markChannel } from "./mark.ts";
import { type Observed, type ObservedUser, storedHash } from "./observe.ts";
import { RULES_EDITION } from "./rules.ts";

/** A plan's item with what it takes to carry it out. */
export interface RedisChange extends Change {
  readonly wanted?: DesiredKeyspace;
  /** Differing aspects that the environment file accepts: they are left as they are. */
  readonly accepted: readonly string[];
  /** The user or its keys were not ours and are taken over. */
  readonly adopted: boolean;
}

/** Compares everything wanted on a server with what was observed there. Pure. */
export function diff(
  desired: readonly DesiredKeyspace[],
  environmentId: string,
  observed: Observed,
  policy: Policy,
  server: string,
): RedisChange[] {
  const wanted = desired.map((one) => diffOne(one, observed, policy, server));
  const names = new Set(desired.map((one) => one.user));
  const kept = [...ownMarks(observed, environmentId)]
    .filter(([user]) => !names.has(user))
    .map(([user, mark]) => retained(user, mark, server));
  return [...wanted, ...kept];
}

/** Every mark of an environment, by name of the user, in a stable order. */
export function ownMarks(observed: Observed, environmentId: string): Map<string, Mark> {
  const all = [...observed.register, ...observed.marks].filter(([, mark]) => mark.environment.id === environmentId);
  return new Map(all.toSorted(([a], [b]) => a.localeCompare(b, "en")));
}

/** The item of a user that is ours. */
export function itemOf(
  user: string,
  { sandbox, instance, claim }: Pick<Mark, "sandbox" | "instance" | "claim">,
  server: string,
): Omit<PlanItem, "action"> {
  const id = `redis/${claimOf({ sandbox, instance, claim })}`;
  return { id, service: "redis", kind: "keyspace", sandbox, instance, claim, server, name: user, findings: [] };
}

function diffOne(wanted: DesiredKeyspace, observed: Observed, policy: Policy, server: string): RedisChange {
  const base = itemOf(wanted.user, wanted, server);
  const found = judge(wanted, observed);
  const allowed = (list: readonly string[]) => [wanted.id, wanted.user, "all"].some((one) => list.includes(one));
  const adopted = found.verdict === "foreign" && allowed(policy.adopt);
  if ("reason" in found && !adopted)
    return {
      item: { ...base, action: "refuse", reason: found.reason, hint: found.hint },
      wanted,
      accepted: [],
      adopted: false,
    };
  const user = observed.users.get(wanted.user);
  const entry = observed.register.get(wanted.user);
  // Without rules in the register the user was never finished, or was removed and its keys kept.
  if (user === undefined && entry?.rules === undefined)
    return { item: { ...base, action: "create" }, wanted, accepted: [], adopted };
  const findings = user === undefined ? [gone(wanted)] : findingsOf(wanted, user, observed);
  const open = withoutAccepted(findings, wanted.accept);
  const accepted = findings.filter((one) => !open.includes(one)).map((one) => one.aspect);
  const action = open.length > 0 ? "update" : "unchanged";
  return { item: { ...base, action, findings: open }, wanted, accepted, adopted };
}

function retained(user: string, mark: Mark, server: string): RedisChange {
  const reason = "g2p.yaml no longer names it; its user and keys are kept until `g2p remove`";
  return { item: { ...itemOf(user, mark, server), action: "retain", reason }, accepted: [], adopted: false };
}

function gone(wanted: DesiredKeyspace): Finding {
  return finding("user", wanted.user, "gone: deleted, or lost in a restart of a server that keeps no users");
}

/** Every aspect in which a user differs; none of them shows a password or its hash. */
function findingsOf(wanted: DesiredKeyspace, user: ObservedUser, observed: Observed): Finding[] {
  const found: Finding[] = [];
  const differs = (aspect: string, expected: string, actual: string) => {
    if (expected !== actual) found.push(finding(aspect, expected, actual));
  };
  const entry = observed.register.get(wanted.user);
  differs("mark", markChannel(wanted.mark), user.channels.find((one) => one.startsWith("g2p:mark:")) ?? "none");
  const registered = entry !== undefined && isSame(entry, wanted.mark) && entry.keyPrefix === wanted.keyPrefix;
  differs("register", "an entry in g2p:marks", registered ? "an entry in g2p:marks" : "none");
  differs("enabled", "on", user.flags.has("on") ? "on" : "off");
  const hash = storedHash(observed, wanted);
  const others = user.passwords.filter((one) => one !== hash).length;
  const open = user.flags.has("nopass");
  if (open) found.push(finding("password:none", "the stored password", "any password is let in"));
  else if (hash === undefined) found.push(finding("password", "the stored password", "no password is stored"));
  else if (!user.passwords.includes(hash)) found.push(finding("password", "the stored password", "another password"));
  else if (others > 0) found.push(finding("password:extra", "one password", `${others + 1} passwords`));
  differs(
    "payload",
    "sanitize-payload",
    user.flags.has("skip-sanitize-payload") ? "skip-sanitize-payload" : "sanitize-payload",
  );
  differs("keys", `~${wanted.keyPrefix}*`, sorted(user.keys));
  const channels = user.channels.filter((one) => !one.startsWith("g2p:mark:"));
  const asRules = (patterns: readonly string[]) => sorted(patterns.map((one) => `&${one}`));
  differs("channels", asRules(channelPatterns(wanted)), asRules(channels));
  if (user.selectors > 0) found.push(finding("selectors", "none", `${user.selectors} further sets of rights`));
  const rules = entry?.rules;
  if (rules === undefined) found.push(finding("commands", "the rules of g2p", "a change of them was not finished"));
  else if (rules.edition !== RULES_EDITION)
    found.push(finding("commands", `edition ${RULES_EDITION} of the rules`, `edition ${rules.edition}`));
  else differs("commands", stable(rules.printed), stable(user.commands));
  return found;
}

/**
 * Printed rules in an order that tells whether they mean the same: categories as they stand, since a later one wins, then commands, which
 * version 7.0 prints in the order of a hash table that changes with every restart.
 */
function stable(printed: string): string {
  const words = printed.split(" ");
  const isCategory = (word: string) => /^[+-]@/.test(word);
  return [...words.filter(isCategory), ...words.filter((word) => !isCategory(word)).toSorted()].join(" ");
}

function finding(aspect: string, expected: string, actual: string): Finding {
  return { aspect, expected, actual, repair: "apply" };
}

function sorted(words: readonly string[]): string {
  return words.length === 0 ? "none" : words.toSorted().join(" ");
}
