import { g2pBridge } from "./g2p-bridge.ts";
import { pbms } from "./pbms.ts";
import { registry } from "./registry.ts";
import type { ModuleDescriptor } from "./schema.ts";
import { moduleSchema } from "./schema.ts";
import { spar } from "./spar.ts";

let parsed: ReadonlyMap<string, ModuleDescriptor> | undefined;

/** The modules that need no descriptor file, by name, in the order in which people install them. */
export function builtinModules(): ReadonlyMap<string, ModuleDescriptor> {
  parsed ??= new Map(
    [registry, pbms, g2pBridge, spar].map((input) => {
      const descriptor = moduleSchema.parse(input);
      return [descriptor.module, descriptor];
    }),
  );
  return parsed;
}
