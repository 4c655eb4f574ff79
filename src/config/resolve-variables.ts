import type { Claim, Variable } from "../model/environment.ts";
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
    for (const message of templateMistakes(name, template, known)) draft.report(path, message);
    const missing = referencesOf(template).find(({ binding }) => leftOut.includes(binding))?.binding;
    const claim = missing === undefined ? undefined : own(descriptor.claims, missing);
    if (claim !== undefined) {
      const without = draft.elsewhere.has(claim.service)
        ? `\`elsewhere\` names ${claim.service}`
        : `its option ${quoted(claim.with ?? "")} is not taken`;
      draft.report(path, `${quoted(name)} needs claim ${quoted(missing ?? "")}, but ${without}`);
      continue;
    }
    const role = missing === undefined ? undefined : own(descriptor.accesses, missing)?.uses;
    // Where the use is wrong in itself, that is all there is to say about it.
    if (missing === undefined || role === undefined || !absent.has(role)) continue;
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

/** Readers are accesses that the environment file adds. */
function readersFields(
  claims: readonly Claim[],
  known: ReadonlyMap<string, readonly string[]>,
): [string, readonly string[]][] {
  return claims.filter(({ claim }) => !known.has(claim)).map(({ claim }) => [claim, BINDING_FIELDS.postgresql]);
}
