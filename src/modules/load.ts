import { readFile } from "node:fs/promises";
import type { Problem } from "../model/error.ts";
import { builtinModules } from "./builtin.ts";
import { descriptorMistakes } from "./descriptor-mistakes.ts";
import type { ModuleDescriptor } from "./schema.ts";
import { moduleSchema } from "./schema.ts";
import { schemaProblems } from "./schema-problems.ts";
import { SourceFile } from "./source-file.ts";
import { quoted } from "./wording.ts";

/** A module and, for a user's own, the file that describes it. */
export interface LoadedModule {
  readonly descriptor: ModuleDescriptor;
  /** Undefined for a built-in module. */
  readonly source: SourceFile | undefined;
}

/** What came of reading a user's descriptor. */
export interface ModuleReading {
  /** Undefined where the file is too wrong to go on with. */
  readonly module: LoadedModule | undefined;
  /** Mistakes inside the file. */
  readonly problems: readonly Problem[];
  /** Why the file could not be read at all; it belongs where the file is named. */
  readonly unreadable?: string;
}

/** The built-in module of this name. */
export function builtinModule(name: string): LoadedModule | undefined {
  const descriptor = builtinModules().get(name);
  return descriptor === undefined ? undefined : { descriptor, source: undefined };
}

/**
 * Reads a user's module descriptor.
 *
 * @param file - absolute path.
 * @returns the module and every problem found; never throws for what stands in the file or that it is missing.
 */
export async function loadModule(file: string): Promise<ModuleReading> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message;
    return { module: undefined, problems: [], unreadable: reason };
  }
  const source = new SourceFile(file, text);
  if (source.value === undefined) return { module: undefined, problems: source.problems };
  const parsed = moduleSchema.safeParse(source.value);
  if (!parsed.success) {
    const problems = [...source.problems, ...schemaProblems(source, [], parsed.error, source.value)];
    return { module: undefined, problems };
  }
  const problems = [
    ...source.problems,
    ...descriptorMistakes(parsed.data).map(({ path, key, message }) => ({
      position: key ? source.atKey(path) : source.at(path),
      message,
    })),
  ];
  const name = parsed.data.module;
  if (builtinModules().has(name)) {
    const message = `module name ${quoted(name)} belongs to a built-in module; choose another one`;
    return { module: undefined, problems: [...problems, { position: source.at(["module"]), message }] };
  }
  return { module: { descriptor: parsed.data, source }, problems };
}
