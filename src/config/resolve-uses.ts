import { quoted, didYouMean, listed } from "../modules/wording.ts";
import type { Draft, Entry } from "./draft.ts";
import { idOf, own } from "./draft.ts";

/** What became of the role words of an entry's module. */
export interface ResolvedUses {
  /** Role word -> the instance behind it. */
  readonly used: ReadonlyMap<string, Entry>;
  /** Role words that are rightly done without; those in neither are reported as wrong. */
  readonly absent: ReadonlySet<string>;
}

/**
 * The instance that stands behind each role word of an entry's module: the one that `uses` names, or the sandbox's only
 * one of the wanted module. Reports what is ambiguous, wrong or not there.
 */
export function resolveUses(draft: Draft, entry: Entry): ResolvedUses {
  const used = new Map<string, Entry>();
  const absent = new Set<string>();
  const wanted = entry.module?.descriptor.uses;
  if (wanted === undefined) return { used, absent };
  for (const role of Object.keys(entry.data.uses)) {
    if (Object.hasOwn(wanted, role)) continue;
    const roles = Object.keys(wanted);
    const name = quoted(entry.module?.descriptor.module ?? "");
    const help =
      roles.length === 0 ? `; module ${name} uses no other` : didYouMean(role, roles) || `; it uses ${listed(roles)}`;
    draft.reportKey([...entry.path, "uses", role], `module ${name} has no use ${quoted(role)}${help}`);
  }
  for (const [role, { module, optional }] of Object.entries(wanted)) {
    const said = own(entry.data.uses, role);
    const path = [...entry.path, "uses", role];
    if (said === false && optional) absent.add(role);
    else if (said === false) {
      draft.report(path, `instance ${quoted(entry.instance)} cannot do without a ${module}; name an instance of it`);
    } else if (said === undefined) {
      // A refused word is reported already, and what it meant is not known.
      if (draft.source.has(path)) continue;
      const target = onlyOne(draft, entry, role, module, optional);
      if (target === "none") absent.add(role);
      else if (target !== undefined) used.set(role, target);
    } else {
      const target = named(draft, entry, role, module, said);
      if (target !== undefined) used.set(role, target);
    }
  }
  return { used, absent };
}

function named(draft: Draft, entry: Entry, role: string, module: string, said: string): Entry | undefined {
  const path = [...entry.path, "uses", role];
  const target = findInstance(draft, entry.sandbox, said);
  if (typeof target === "string") {
    draft.report(path, target);
    return undefined;
  }
  if (target === undefined || target.module === undefined) return undefined;
  if (target === entry) {
    draft.report(path, `instance ${quoted(said)} cannot use itself`);
    return undefined;
  }
  const is = target.module.descriptor.module;
  if (is !== module) {
    const others = choices(draft, entry, target.sandbox, module);
    const there = others.length === 0 ? "there is none" : `there is ${listed(others)}`;
    const message = `expected an instance of module ${quoted(module)}, but ${quoted(said)} is of module ${quoted(is)}`;
    draft.report(path, `${message}; in sandbox ${quoted(target.sandbox)} ${there}`);
    return undefined;
  }
  return target;
}

function onlyOne(
  draft: Draft,
  entry: Entry,
  role: string,
  module: string,
  optional: boolean,
): Entry | "none" | undefined {
  const candidates = choices(draft, entry, entry.sandbox, module);
  const [first, ...others] = candidates;
  const who = `instance ${quoted(entry.instance)} uses a ${module}`;
  if (first === undefined) {
    if (optional) return "none";
    if (draft.incomplete.has(entry.sandbox)) return undefined;
    const elsewhere = draft.entries
      .filter((other) => other.sandbox !== entry.sandbox && other.module?.descriptor.module === module)
      .map(idOf);
    const other = elsewhere.length === 0 ? "" : `, or name one of another sandbox: ${listed(elsewhere)}`;
    draft.report(entry.path, `${who}, but sandbox ${quoted(entry.sandbox)} has none; add one to its modules${other}`);
    return undefined;
  }
  if (others.length === 0) return draft.find(`${entry.sandbox}/${first}`);
  const without = optional ? ", or `false` to do without" : "";
  const example = `write \`uses: {${role}: ${first}}\` or another${without}`;
  const several = `sandbox ${quoted(entry.sandbox)} has several: ${listed(candidates)}`;
  draft.report(entry.path, `${who}, and ${several}; ${example}`);
  return undefined;
}

function choices(draft: Draft, entry: Entry, sandbox: string, module: string): string[] {
  return draft
    .inSandbox(sandbox)
    .filter((other) => other !== entry && other.module?.descriptor.module === module)
    .map((other) => other.instance);
}

/**
 * The instance that a reference (`farmers` or `dev/farmers`) names, seen from a sandbox.
 *
 * @returns the entry; what is wrong in words; or undefined where it may be an instance that could not be read.
 */
export function findInstance(draft: Draft, from: string, reference: string): Entry | string | undefined {
  const slash = reference.indexOf("/");
  const sandbox = slash < 0 ? from : reference.slice(0, slash);
  const instance = reference.slice(slash + 1);
  const entry = draft.find(`${sandbox}/${instance}`);
  if (entry !== undefined) return entry;
  if (!draft.sandboxes.includes(sandbox)) {
    const help = didYouMean(sandbox, draft.sandboxes) || `; sandboxes: ${listed(draft.sandboxes)}`;
    return `there is no sandbox ${quoted(sandbox)}${help}`;
  }
  if (draft.unnamed.has(sandbox)) return undefined;
  const known = draft.inSandbox(sandbox).map((other) => other.instance);
  const help = didYouMean(instance, known) || `; instances there: ${listed(known)}`;
  return `there is no instance ${quoted(instance)} in sandbox ${quoted(sandbox)}${help}`;
}
