import type { Fields } from "../model/binding.ts";
import type { Variable } from "../model/environment.ts";
import { Secret } from "../model/secret.ts";

/** A variable with its value; the value is secret when any part of it is. */
export interface ResolvedVariable {
  readonly name: string;
  readonly component: string;
  readonly value: string | Secret;
}

/**
 * Replaces `${binding.field}` in the variables' templates.
 *
 * @param bindings by claim or access name
 * @throws Error for a reference to something absent; the loader has checked all of them before
 */
export function resolveVariables(
  variables: readonly Variable[],
  bindings: ReadonlyMap<string, Fields>,
): ResolvedVariable[] {
  return variables.map(({ name, component, template }) => {
    let secret = false;
    const text = template.replaceAll(/\$\{([^.}]+)\.([^}]+)\}/g, (_, binding: string, field: string) => {
      const value = bindings.get(binding)?.[field];
      if (value === undefined)
        throw new Error(`variable ${name} refers to \${${binding}.${field}}, which does not exist`);
      if (!(value instanceof Secret)) return value;
      secret = true;
      return value.reveal();
    });
    return { name, component, value: secret ? new Secret(text) : text };
  });
}
