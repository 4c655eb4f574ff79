import { didYouMean, listed, maySecret, quoted } from "./wording.ts";

/** One `${binding.field}` in a template. */
export interface TemplateReference {
  /** As written, with `${` and `}`. */
  readonly text: string;
  /** A claim or access of the instance. */
  readonly binding: string;
  readonly field: string;
}

const REFERENCE = /\$\{([^}]*)\}/g;

/** All `${…}` of a template in order; `field` is empty where there is no dot. */
export function referencesOf(template: string): TemplateReference[] {
  return [...template.matchAll(REFERENCE)].map((match) => {
    const inner = match[1] ?? "";
    const dot = inner.indexOf(".");
    return {
      text: match[0],
      binding: dot < 0 ? inner : inner.slice(0, dot),
      field: dot < 0 ? "" : inner.slice(dot + 1),
    };
  });
}

/**
 * What is wrong with a template, each mistake in words; empty when nothing is.
 *
 * @param variable - name of the variable; text of a template is not repeated when the name sounds like a secret.
 * @param bindings - fields by claim or access that may be named.
 * @param offered - those of them that messages propose; all, unless some are known but not there.
 */
export function templateMistakes(
  variable: string,
  template: string,
  bindings: ReadonlyMap<string, readonly string[]>,
  offered: readonly string[] = [...bindings.keys()],
): string[] {
  const mistakes: string[] = [];
  if (template.replace(REFERENCE, "").includes("${")) mistakes.push(`${quoted(variable)}: \`\${\` without \`}\``);
  for (const { text, binding, field } of referencesOf(template)) {
    const hide = maySecret(variable) || !/^\$\{[a-z0-9_.-]{1,60}\}$/i.test(text);
    const start = `${quoted(variable)}: ${hide ? "a reference" : quoted(text)}`;
    if (!/^[^.]+\.[^.]+$/.test(text)) {
      mistakes.push(`${start} must have the form \`\${binding.field}\`; bindings here: ${listed(offered)}`);
      continue;
    }
    const fields = bindings.get(binding);
    if (fields === undefined) {
      const help = didYouMean(binding, offered) || `; bindings here: ${listed(offered)}`;
      mistakes.push(`${start} names a binding that is not there${help}`);
    } else if (!fields.includes(field)) {
      const help = didYouMean(field, fields) || `; fields: ${listed(fields)}`;
      mistakes.push(`${start} names an unknown field${help}`);
    }
  }
  return mistakes;
}
