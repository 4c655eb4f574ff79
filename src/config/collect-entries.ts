import { dirname, resolve } from "node:path";
import pLimit from "p-limit";
import { builtinModules } from "../modules/builtin.ts";
import type { LoadedModule, ModuleReading } from "../modules/load.ts";
import { builtinModule, loadModule } from "../modules/load.ts";
import { label } from "../modules/schema-parts.ts";
import type { Path } from "../modules/source-file.ts";
import { didYouMean, listed, quoted, quotedPath } from "../modules/wording.ts";
import type { Draft } from "./draft.ts";
import type { ModuleEntry } from "./environment-schema.ts";
import { moduleEntrySchema } from "./environment-schema.ts";
import { parseLeniently } from "./parse-leniently.ts";

interface RawEntry {
  readonly sandbox: string;
  readonly path: Path;
  readonly data: ModuleEntry;
  readonly damaged: boolean;
}

/**
 * Reads all sandboxes and their entries into the draft and loads the modules they name. Reports duplicate names, unknown
 * modules and everything wrong in descriptors; what breaks the schema is taken as reported and left out.
 */
export async function collectEntries(draft: Draft): Promise<void> {
  const raw = readSandboxes(draft);
  const readings = await readDescriptors(draft, raw);
  const names = new Map<string, string>();
  for (const entry of raw) {
    const module = moduleOf(draft, entry, readings, names);
    if (module === undefined) draft.incomplete.add(entry.sandbox);
    // Its name may be the mistaken word itself.
    if (module === undefined && entry.data.name === undefined) draft.unnamed.add(entry.sandbox);
    const nameRefused = entry.data.name === undefined && draft.source.has([...entry.path, "name"]);
    const instance = entry.data.name ?? module?.descriptor.module ?? entry.data.module;
    if (nameRefused || !isLabel(instance)) {
      draft.incomplete.add(entry.sandbox);
      draft.unnamed.add(entry.sandbox);
      continue;
    }
    const position = draft.source.at(entry.path);
    const first = draft.add({ ...entry, instance, position, module });
    if (first === undefined) continue;
    const where = `line ${first.position.line}, column ${first.position.column}`;
    const path = entry.data.name === undefined ? entry.path : [...entry.path, "name"];
    draft.report(path, `instance ${quoted(instance)} is in sandbox ${quoted(entry.sandbox)} twice, first in ${where}`);
  }
}

function readSandboxes(draft: Draft): RawEntry[] {
  const entries: RawEntry[] = [];
  const firstAt = new Map<string, number>();
  for (const [index, raw] of asList(asMapping(draft.source.value)["sandboxes"]).entries()) {
    const path = ["sandboxes", index];
    const { name, modules } = asMapping(raw);
    if (typeof name !== "string" || !isLabel(name)) continue;
    const line = firstAt.get(name);
    if (line !== undefined) {
      draft.report([...path, "name"], `sandbox ${quoted(name)} is here twice, first in line ${line}`);
      continue;
    }
    firstAt.set(name, draft.source.at([...path, "name"]).line);
    draft.sandboxes.push(name);
    for (const [moduleIndex, item] of asList(modules).entries()) {
      const entry = parseLeniently(moduleEntrySchema, typeof item === "string" ? { module: item } : item);
      if (entry.data === undefined) {
        draft.incomplete.add(name);
        draft.unnamed.add(name);
      } else
        entries.push({
          sandbox: name,
          path: [...path, "modules", moduleIndex],
          data: entry.data,
          damaged: entry.damaged,
        });
    }
  }
  return entries;
}

async function readDescriptors(draft: Draft, entries: readonly RawEntry[]): Promise<Map<string, ModuleReading>> {
  const files = new Set(
    entries.filter(({ data }) => isPath(data.module)).map(({ data }) => fileOf(draft, data.module)),
  );
  const limit = pLimit(16);
  const readings = await Promise.all(
    [...files].map(async (file) => [file, await limit(() => loadModule(file))] as const),
  );
  for (const [, reading] of readings) draft.problems.push(...reading.problems);
  return new Map(readings);
}

function moduleOf(
  draft: Draft,
  entry: RawEntry,
  readings: ReadonlyMap<string, ModuleReading>,
  names: Map<string, string>,
): LoadedModule | undefined {
  const word = entry.data.module;
  const path = draft.source.has([...entry.path, "module"]) ? [...entry.path, "module"] : entry.path;
  if (!isPath(word)) {
    const module = builtinModule(word);
    if (module !== undefined) return module;
    const known = [...builtinModules().keys()];
    const help = didYouMean(word, known) || `; built-in modules: ${listed(known)}`;
    draft.report(
      path,
      `unknown module ${quoted(word)}${help} (a descriptor of your own is named by its path, ./….yaml)`,
    );
    return undefined;
  }
  const file = fileOf(draft, word);
  const reading = readings.get(file);
  if (reading?.unreadable !== undefined) {
    draft.report(path, `cannot read module descriptor ${quotedPath(file)}: ${reading.unreadable}`);
  }
  const module = reading?.module;
  if (module === undefined) return undefined;
  const other = names.get(module.descriptor.module);
  if (other !== undefined && other !== file) {
    const name = quoted(module.descriptor.module);
    draft.report(path, `two descriptors have the module name ${name}: this one and ${quotedPath(other)}`);
    return undefined;
  }
  names.set(module.descriptor.module, file);
  return module;
}

function isPath(module: string): boolean {
  return /^\.{0,2}\/|\.ya?ml$/.test(module);
}

function fileOf(draft: Draft, path: string): string {
  return resolve(dirname(draft.source.file), path);
}

const labelSchema = label();

function isLabel(word: string): boolean {
  return labelSchema.safeParse(word).success;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function asMapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
