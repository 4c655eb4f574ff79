import type { AccessDescriptor } from "./claim-schema.ts";
import type { Path } from "./source-file.ts";
import type { ModuleDescriptor } from "./schema.ts";
import { bindingFields, wordsOf } from "./binding-fields.ts";
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
    if (access.uses === undefined) mistakes.push(...ownAccessMistakes(descriptor, path, access));
    else if (!roles.includes(access.uses)) unknown([...path, "uses"], false, "use", access.uses, roles);
  }
  for (const name of Object.keys(descriptor.consents)) {
    if (!claims.includes(name)) unknown(["consents", name], true, "claim", name, claims);
  }
  mistakes.push(...serviceMistakes(descriptor));
  const bindings = fieldsOf(descriptor);
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
      for (const message of templateMistakes(name, template, bindings)) {
        mistakes.push({ path, key: false, message });
      }
    }
  });
  return mistakes;
}

/** An access without `uses` is one to the instance's own claim. */
function ownAccessMistakes(descriptor: ModuleDescriptor, path: Path, access: AccessDescriptor): DescriptorMistake[] {
  const own = Object.entries(descriptor.claims).filter(([, claim]) => claim.service === access.service);
  const names = own.map(([name]) => name);
  if (names.includes(access.claim)) return [];
  const help = didYouMean(access.claim, names) || `; claims on ${access.service}: ${listed(names)}`;
  return [{ path: [...path, "claim"], key: false, message: `unknown claim ${quoted(access.claim)}${help}` }];
}

/** Fields of all bindings that instances of a module may have, by claim or access. */
export function fieldsOf(descriptor: ModuleDescriptor): ReadonlyMap<string, readonly string[]> {
  return new Map([
    ...Object.entries(descriptor.claims).map(
      ([name, claim]) => [name, bindingFields(claim.service, wordsOf(claim))] as const,
    ),
    ...Object.entries(descriptor.accesses).map(
      ([name, access]) =>
        [name, bindingFields(access.service, access.service === "postgresql" ? [] : access.only)] as const,
    ),
  ]);
}

/** Services of which an instance has one part, named by one prefix or user. */
const ONE_CLAIM = ["kafka", "s3", "opensearch", "redis"] as const;

function serviceMistakes(descriptor: ModuleDescriptor): DescriptorMistake[] {
  const claims = Object.entries(descriptor.claims);
  const twice = ONE_CLAIM.flatMap((service) => {
    const [first, ...others] = claims.filter(([, claim]) => claim.service === service).map(([name]) => name);
    return others.map((name) => ({
      path: ["claims", name],
      key: true,
      message: `a second claim on ${service}, beside ${quoted(first ?? "")}; a module has one, so put both together`,
    }));
  });
  const clients = claims.filter(([, claim]) => claim.service === "keycloak").map(([name]) => name);
  const unknown = claims.flatMap(([name, claim]) => {
    if (claim.service !== "keymanager" || claim.client === undefined || clients.includes(claim.client)) return [];
    const help = didYouMean(claim.client, clients) || `; claims on keycloak: ${listed(clients)}`;
    return [{ path: ["claims", name, "client"], key: false, message: `unknown client ${quoted(claim.client)}${help}` }];
  });
  return [...twice, ...unknown];
}
