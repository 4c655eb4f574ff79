import type { Policy } from "../contract.ts";
import type { Desired } from "./desired.ts";
import { claimOf, isSame, type Mark, parseMark } from "./mark.ts";
import { type Observed, templateMark } from "./observe.ts";

/**
 * Whose something is, judged before anything is compared or changed.
 *
 * | on the server                                     | verdict | then                                  |
 * | ------------------------------------------------- | ------- | ------------------------------------- |
 * | none of its user, role, mapping, tenant, template  | absent  | make it                               |
 * | some of them, all marked ours                      | ours    | compare and repair                    |
 * | none of them, but indices below the prefix         | foreign | refuse; `--adopt` takes them over     |
 * | one of them without a mark                         | foreign | refuse; `--adopt` takes it over       |
 * | one marked for another environment or claim        | held    | refuse and name the holder            |
 * | one that is reserved or hidden                     | held    | refuse: the server keeps it for itself |
 *
 * Indices are the module's own to make and delete, so that one is gone is no loss for us.
 */
export type Verdict =
  | { readonly verdict: "absent" | "ours" }
  | { readonly verdict: "foreign" | "held"; readonly reason: string; readonly hint: string };

/** Judges a claim or access by the marks of everything that has one of its names. Pure. */
export function judge(wanted: Desired, observed: Observed): Verdict {
  const { user, tenant } = wanted;
  const named = [
    ["user", user, observed.users],
    ["role", user, observed.roles],
    ["role mapping", user, observed.mappings],
    ...(tenant === undefined ? [] : [["tenant", tenant, observed.tenants] as const]),
    ...[...wanted.templates.keys()].map((name) => ["index template", name, observed.templates] as const),
    ...(observed.policies === undefined
      ? []
      : [...wanted.lifetimes.keys()].map((name) => ["policy", name, observed.policies!.documents] as const)),
  ] as const;
  const present = named.flatMap(([kind, name, documents]) => {
    const found = documents.get(name);
    const text = kind === "index template" && found !== undefined ? templateMark(found) : found?.["description"];
    return found === undefined ? [] : [{ what: `${kind} "${name}"`, found, mark: parseMark(text) }];
  });
  const reserved = present.find(({ found }) => found["reserved"] === true || found["hidden"] === true);
  if (reserved !== undefined)
    return {
      verdict: "held",
      reason: `${reserved.what} is reserved by the server`,
      hint: "Choose another name, sandbox or prefix in g2p.yaml.",
    };
  const other = present.find(({ mark }) => mark !== undefined && !isSame(mark, wanted.mark));
  if (other?.mark !== undefined) return held(other.what, other.mark);
  const [unmarked] = present.filter(({ mark }) => mark === undefined);
  if (unmarked !== undefined) return foreign(unmarked.what, "it carries no mark of ours", wanted.id);
  if (present.length > 0) return { verdict: "ours" };
  const index = wanted.kind === "access" ? undefined : observed.indices.find((one) => one.startsWith(wanted.prefix));
  return index === undefined
    ? { verdict: "absent" }
    : foreign(`index "${index}"`, "no user, role or template of ours belongs to it", wanted.id);
}

/** Does the user allow to take it over? */
export function mayAdopt(wanted: Desired, policy: Policy): boolean {
  return [wanted.id, wanted.user, "all"].some((one) => policy.adopt.includes(one));
}

function held(what: string, mark: Mark): Verdict {
  return {
    verdict: "held",
    reason: `${what} carries the mark of ${mark.environment.name}/${claimOf(mark)} (environment ${mark.environment.id})`,
    hint: "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml.",
  };
}

function foreign(what: string, why: string, id: string): Verdict {
  return {
    verdict: "foreign",
    reason: `${what} exists already and is not ours: ${why}`,
    hint: `Take it over with --adopt ${id}, or choose another name.`,
  };
}
