import type { Path } from "./source-file.ts";
import type { ModuleDescriptor } from "./schema.ts";
import { templateMistakes } from "./template-references.ts";
import { didYouMean, listed, quoted } from "./wording.ts";

/** A mistake in a descriptor and the path of what is mistaken; `key` where the key itself is. */
export interface DescriptorMistake {
  readonly path: Path;
  readonly key: boolean;
  readonly message: string;
}

/** What a well-formed descriptor still gets wrong in itself: names that clash and references that lead nowhere. */
export function descriptorMistakes(descriptor: ModuleDescriptor): DescriptorMistake[] {
  const claims = Object.keys(descriptor.claims);
  const accesses = Object.keys(descriptor.accesses);
  const roles = Object.keys(descriptor.uses);
  const mistakes: DescriptorMistake[] = [];
  const unknown = (path: Path, key: boolean, what: string, word: string, known: readonly string[]): void => {
    const help = didYouMean(word, known) || `; ${what}s here: ${listed(known)}`;
    mistakes.push({ path, key, message: `unknown ${what} ${quoted(word)}${help}` });
  };
  for (const [name, access] of Object.entries(descriptor.accesses)) {
    const path = ["accesses", name];
    if (claims.includes(name)) {
      const message = `access ${quoted(name)} has the name of a claim; claims and accesses share one space of names`;
      mistakes.push({ path, key: true, message });
    }
    if (!roles.includes(access.uses)) unknown([...path, "uses"], false, "use", access.uses, roles);
  }
  for (const name of Object.keys(descriptor.consents)) {
    if (!claims.includes(name)) unknown(["consents", name], true, "claim", name, claims);
  }
  const seen = new Set<string>();
  descriptor.env.forEach((group, index) => {
    for (const [suffix, template] of Object.entries(group.vars)) {
      const path = ["env", index, "vars", suffix];
      const name = group.prefix + suffix;
      const id = `${group.component} ${name}`;
      if (seen.has(id)) {
        const message = `variable ${quoted(name)} is set twice for component ${quoted(group.component)}`;
        mistakes.push({ path, key: true, message });
      }
      seen.add(id);
      for (const message of templateMistakes(name, template, [...claims, ...accesses])) {
        mistakes.push({ path, key: false, message });
      }
    }
  });
  return mistakes;
}
