import { builtinModules } from "../modules/builtin.ts";
import type { LoadedModule } from "../modules/load.ts";
import { didYouMean, listed, nearest, quoted } from "../modules/wording.ts";
import type { Draft } from "./draft.ts";
import { own } from "./draft.ts";

/** Reports references from users' descriptors to modules, and to claims of modules, that are not there. */
export function checkDescriptors(draft: Draft): void {
  const modules = new Map<string, LoadedModule["descriptor"]>(builtinModules());
  const users = new Map<string, LoadedModule>();
  for (const { module } of draft.entries) {
    if (module?.source === undefined) continue;
    modules.set(module.descriptor.module, module.descriptor);
    users.set(module.descriptor.module, module);
  }
  for (const { descriptor, source } of users.values()) {
    if (source === undefined) continue;
    for (const [role, use] of Object.entries(descriptor.uses)) {
      // An optional use may be of a module that this environment does not have; only a likely slip is reported.
      const near = nearest(use.module, [...modules.keys()]);
      if (modules.has(use.module) || (use.optional && near === undefined)) continue;
      const help = didYouMean(use.module, [...modules.keys()]) || `; known modules: ${listed([...modules.keys()])}`;
      const position = source.at(["uses", role, "module"]);
      draft.problems.push({ position, message: `unknown module ${quoted(use.module)}${help}` });
    }
    for (const [name, access] of Object.entries(descriptor.accesses)) {
      if (access.uses === undefined) continue;
      const used = modules.get(own(descriptor.uses, access.uses)?.module ?? "");
      if (used === undefined) continue;
      const target = own(used.claims, access.claim);
      if (target !== undefined && target.service !== access.service) {
        const message = `claim ${quoted(access.claim)} of module ${quoted(used.module)} is one on ${target.service}, not on ${access.service}`;
        draft.problems.push({ position: source.at(["accesses", name, "claim"]), message });
      }
      if (target !== undefined) continue;
      const claims = Object.keys(used.claims);
      const help = didYouMean(access.claim, claims) || `; its claims: ${listed(claims)}`;
      const message = `module ${quoted(used.module)} has no claim ${quoted(access.claim)}${help}`;
      draft.problems.push({ position: source.at(["accesses", name, "claim"]), message });
    }
  }
}
