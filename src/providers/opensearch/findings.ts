import type { Finding } from "../../model/plan.ts";
import type { Desired, Document } from "./desired.ts";
import { daysOf } from "./lifecycle.ts";
import { claimOf } from "./mark.ts";
import type { Observed } from "./observe.ts";
import { grantsOf } from "./grants.ts";

/** What a repair writes anew. */
export type Part =
  | { readonly kind: "user" | "role" | "mapping" | "tenant" }
  | { readonly kind: "template" | "policy"; readonly name: string }
  /** Takes our user out of another role's mapping. */
  | { readonly kind: "grant"; readonly name: string };

/** A finding with what repairs it. */
export interface Drift extends Finding {
  readonly part?: Part;
}

/** Every aspect in which what is there differs from what is wanted. Pure; all of it is missing on a server that has nothing. */
export function driftsOf(wanted: Desired, observed: Observed): Drift[] {
  const { user, tenant } = wanted;
  return [
    ...compare("role", wanted.role, observed.roles.get(user), { kind: "role" }),
    ...(tenant === undefined
      ? []
      : compare("tenant", { description: wanted.role["description"] }, observed.tenants.get(tenant), {
          kind: "tenant",
        })),
    ...compare("user", wanted.account, observed.users.get(user), { kind: "user" }),
    ...password(wanted, observed),
    ...compare("mapping", wanted.mapping, observed.mappings.get(user), { kind: "mapping" }),
    ...grantsOf(wanted, observed),
    ...[...wanted.templates].flatMap(([name, template]) =>
      compare(`template:${name}`, template, observed.templates.get(name), { kind: "template", name }),
    ),
    ...leftTemplates(wanted, observed),
    ...lifetimes(wanted, observed),
  ];
}

/** Compares the fields that we set, and of a template all others, too. */
function compare(aspect: string, wanted: Document, found: Document | undefined, part: Part): Drift[] {
  if (found === undefined) return [{ aspect, expected: "there", actual: "missing", repair: "apply", part }];
  const keys = new Set([...Object.keys(wanted), ...(part.kind === "template" ? Object.keys(found) : [])]);
  return [...keys].flatMap((key) => {
    const expected = stable(wanted[key]);
    const actual = stable(found[key]);
    return expected === actual
      ? []
      : [{ aspect: `${aspect}:${key.replaceAll("_", "-")}`, expected, actual, repair: "apply" as const, part }];
  });
}

/** JSON with keys and lists in order; what is absent, null or empty is all the same. */
function stable(value: unknown): string {
  const order = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(order).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    if (typeof one !== "object" || one === null) return one;
    const entries = Object.entries(one).filter(([, inner]) => !isEmpty(inner));
    return Object.fromEntries(
      entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, order(inner)]),
    );
  };
  return isEmpty(value) ? "none" : JSON.stringify(order(value));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return Array.isArray(value)
    ? value.length === 0
    : typeof value === "object" && Object.values(value).every((one) => isEmpty(one));
}

/** The stored password is the truth; the server follows it. */
function password(wanted: Desired, observed: Observed): Drift[] {
  const result = observed.logins.get(claimOf(wanted));
  if (result !== "wrong password" && result !== "no password stored") return [];
  const actual = result === "wrong password" ? "refused" : "none stored here";
  return [{ aspect: "password", expected: "the stored one", actual, repair: "apply", part: { kind: "user" } }];
}

/** Templates of ours for words that the claim no longer has. */
function leftTemplates(wanted: Desired, observed: Observed): Drift[] {
  if (wanted.kind === "access") return [];
  const description = wanted.role["description"];
  return [...observed.templates].flatMap(([name, template]) => {
    const meta = template["_meta"] as Document | undefined;
    if (wanted.templates.has(name) || meta?.["g2p-commons"] !== description) return [];
    const part = { kind: "template", name } as const;
    return [{ aspect: `template:${name}`, expected: "none", actual: "there", repair: "apply" as const, part }];
  });
}

function lifetimes(wanted: Desired, observed: Observed): Drift[] {
  const { policies } = observed;
  const description = wanted.role["description"];
  const found = [...wanted.lifetimes].flatMap(([name, days]): Drift[] => {
    const aspect = `lifetime:${name}`;
    const expected = `deleted after ${days} days`;
    if (policies === undefined)
      return [
        {
          aspect,
          expected,
          actual: "kept",
          repair: "manual",
          note: `the server has no index state management; install the index management plugin, or accept "${aspect}" and delete old indices otherwise`,
        },
      ];
    const policy = policies.documents.get(name);
    const actual = policy === undefined ? undefined : daysOf(policy);
    if (actual === days && policy?.["description"] === description) return [];
    const says = actual === undefined ? "no such policy" : `deleted after ${actual} days`;
    return [{ aspect, expected, actual: says, repair: "apply", part: { kind: "policy", name } }];
  });
  const left = [...(policies?.documents ?? [])].filter(
    ([name, policy]) => policy["description"] === description && !wanted.lifetimes.has(name),
  );
  return [
    ...found,
    ...left.map(([name]): Drift => {
      const part = { kind: "policy", name } as const;
      return { aspect: `lifetime:${name}`, expected: "kept", actual: "deleted by a policy", repair: "apply", part };
    }),
  ];
}
