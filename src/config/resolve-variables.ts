import type { Claim, Variable } from "../model/environment.ts";
import type { AccessDescriptor, ClaimDescriptor } from "../modules/claim-schema.ts";
import type { ModuleDescriptor } from "../modules/schema.ts";
import { BINDING_FIELDS } from "../modules/binding-fields.ts";
import { fieldsOf } from "../modules/descriptor-mistakes.ts";
import { referencesOf, templateMistakes } from "../modules/template-references.ts";
import { quoted } from "../modules/wording.ts";
import type { Draft, Entry } from "./draft.ts";
import { own } from "./draft.ts";

interface ModuleVariable {
  readonly variable: Variable;
  /** Claims and accesses that its template names. */
  readonly needs: readonly string[];
}

const ofDescriptors = new WeakMap<ModuleDescriptor, readonly ModuleVariable[]>();

/** A descriptor's variables, taken apart once however many instances there are. */
function variablesOf(descriptor: ModuleDescriptor): readonly ModuleVariable[] {
  const known = ofDescriptors.get(descriptor);
  if (known !== undefined) return known;
  const variables = descriptor.env.flatMap(({ component, prefix, vars }) =>
    Object.entries(vars).map(([suffix, template]) => ({
      variable: { name: prefix + suffix, template, component },
      needs: referencesOf(template).map(({ binding }) => binding),
    })),
  );
  ofDescriptors.set(descriptor, variables);
  return variables;
}

/**
 * An entry's variables: the descriptor's, without those that name an access which is not there, and over them the entry's
 * `env`. Reports references of `env` that lead nowhere.
 *
 * @param absent - role words that the entry does without.
 */
export function resolveVariables(
  draft: Draft,
  entry: Entry,
  claims: readonly Claim[],
  absent: ReadonlySet<string>,
): Variable[] {
  const descriptor = entry.module?.descriptor;
  if (descriptor === undefined) return [];
  const bindings = claims.map(({ claim }) => claim);
  const fields = fieldsOf(descriptor);
  const leftOut = [...fields.keys()].filter((name) => !bindings.includes(name));
  const known = new Map([...fields, ...readersFields(claims, fields)]);
  for (const [name, template] of Object.entries(entry.data.env)) {
    const path = [...entry.path, "env", name];
    for (const message of templateMistakes(name, template, known, bindings)) draft.report(path, message);
    const missing = referencesOf(template).find(({ binding }) => leftOut.includes(binding))?.binding;
    if (missing === undefined) continue;
    const claim = own(descriptor.claims, missing);
    const access = own(descriptor.accesses, missing);
    const part = claim ?? access;
    const refused = part === undefined ? undefined : whyLeftOut(draft, entry, part);
    if (refused !== undefined) {
      const what = claim === undefined ? "access" : "claim";
      draft.report(path, `${quoted(name)} needs ${what} ${quoted(missing)}, but ${refused}`);
      continue;
    }
    const role = access?.uses;
    // Where the use is wrong in itself, that is all there is to say about it.
    if (role === undefined || !absent.has(role)) continue;
    const message = `${quoted(name)} needs access ${quoted(missing)}, but this instance uses no ${role}`;
    draft.report(path, message);
  }
  return [
    ...variablesOf(descriptor)
      .filter(({ variable, needs }) => {
        return !Object.hasOwn(entry.data.env, variable.name) && !needs.some((binding) => leftOut.includes(binding));
      })
      .map(({ variable }) => variable),
    ...Object.entries(entry.data.env).map(([name, template]): Variable => ({ name, template, component: "" })),
  ];
}

/** Why a claim or access of the descriptor is none of the entry's, unless its use is the cause. */
function whyLeftOut(
  draft: Draft,
  entry: Entry,
  { service, with: option }: ClaimDescriptor | AccessDescriptor,
): string | undefined {
  if (draft.elsewhere.has(service)) return `\`elsewhere\` names ${service}`;
  if (option === undefined || entry.data.with.includes(option)) return undefined;
  return `its option ${quoted(option)} is not taken`;
}

/** Readers are accesses that the environment file adds. */
function readersFields(
  claims: readonly Claim[],
  known: ReadonlyMap<string, readonly string[]>,
): [string, readonly string[]][] {
  return claims.filter(({ claim }) => !known.has(claim)).map(({ claim }) => [claim, BINDING_FIELDS.postgresql]);
}
