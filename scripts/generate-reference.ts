/**
 * Writes the JSON Schemas and the reference pages from the zod schemas and built-in descriptors.
 *
 *     node scripts/generate-reference.ts            writes them
 *     node scripts/generate-reference.ts --check    changes nothing; exits 1 and names the files that differ
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { format } from "prettier";
import * as z from "zod";
import { environmentSchema } from "../src/config/environment-schema.ts";
import { builtinModules } from "../src/modules/builtin.ts";
import type { ModuleDescriptor } from "../src/modules/schema.ts";
import { moduleSchema } from "../src/modules/schema.ts";
import { BINDING_FIELDS } from "../src/modules/template-references.ts";

const ROOT = join(import.meta.dirname, "..");
const GENERATED = "<!-- Written by scripts/generate-reference.ts; change the schemas or descriptors instead. -->";

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

function jsonSchema(schema: z.ZodType, title: string): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input", target: "draft-7" });
  return { $schema, title, ...rest } as JsonSchema;
}

/** One row per key, those of inner mappings below their own. */
function rowsOf(schema: JsonSchema, path = ""): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const here = path === "" ? key : `${path}.${key}`;
    const required = schema.required?.includes(key) === true;
    const standard = value.default === undefined ? "" : code(defaultText(value.default));
    return [
      [code(here), typeOf(value), required ? "**required**" : standard, value.description ?? ""],
      ...inner(value, here),
    ];
  });
}

function inner(schema: JsonSchema, path: string): string[][] {
  if (schema.properties !== undefined) return rowsOf(schema, path);
  if (schema.items !== undefined) return inner(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === "object") return inner(schema.additionalProperties, `${path}.*`);
  const branches = (schema.oneOf ?? schema.anyOf ?? []).filter(({ properties }) => properties !== undefined);
  return branches.flatMap((branch) => {
    const mode = branch.properties?.["mode"]?.const;
    return rowsOf(branch, typeof mode === "string" ? `${path}(${mode})` : path);
  });
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(text(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(text(value))).join(", ");
  const branches = schema.oneOf ?? schema.anyOf;
  if (branches !== undefined) return [...new Set(branches.map(typeOf))].join(" or ");
  switch (schema.type) {
    case "string":
      return "text";
    case "integer":
      return "whole number";
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `list of ${typeOf(schema.items ?? {})}`;
    case "object":
      return typeof schema.additionalProperties === "object" ? "mapping by name" : "mapping";
    default:
      return schema.type ?? "";
  }
}

function text(value: unknown): string {
  return value === "" ? '""' : String(value);
}

function defaultText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : text(value);
}

function code(word: string): string {
  return `\`${word}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function environmentPage(schema: JsonSchema): string {
  return `${GENERATED}

# The environment file

\`g2p.yaml\` says which services an environment shares and which module instances it has. \`*\` stands for a name, \`[]\` for an
entry of a list; \`commons.postgresql(embedded)\` and \`(external)\` are the two forms of \`commons.postgresql\`. Unknown keys are
errors. Relative paths count from the file that names them.

${table(["Key", "Type", "Default", "Meaning"], rowsOf(schema))}

## What is not said

- An entry of \`modules\` may be a module's name alone; the instance then has the module's name.
- A module that uses another of which the sandbox has exactly one instance uses that one.
- Built-in modules of one sandbox consent to each other as [their descriptors](modules.md) say. An access from another sandbox,
  or of a module of your own, needs the owner's \`shares\`.
- \`env\` and descriptors may name ${BINDING_FIELDS.map((field) => code(`\${claim.${field}}`)).join(", ")}. Between braces YAML
  wants such a text in quotes.
`;
}

function modulesPage(schema: JsonSchema): string {
  return `${GENERATED}

# Modules

## Module descriptors

A module of your own is described by a YAML file; an environment file names it by its path.

${table(["Key", "Type", "Default", "Meaning"], rowsOf(schema))}

Variables may name ${BINDING_FIELDS.map((field) => code(`\${claim.${field}}`)).join(", ")} of a claim or access.

## Built-in modules

${[...builtinModules().values()].map(modulePage).join("\n")}`;
}

function modulePage(module: ModuleDescriptor): string {
  const claims = Object.entries(module.claims).map(([name, claim]) => [
    code(name),
    claim.extensions.map(code).join(", "),
    String(claim.connectionLimit),
    (module.consents[name] ?? []).map(code).join(", "),
    [claim.ownerVisible ? "owner visible as LOGIN" : "", claim.connectsToPostgres ? "login connects to `postgres`" : ""]
      .filter((remark) => remark !== "")
      .join("; "),
  ]);
  const accesses = Object.entries(module.accesses).map(([name, access]) => {
    const use = module.uses[access.uses];
    const optional = use?.optional === true ? "yes" : "no";
    return [code(name), `${code(use?.module ?? "")} ${code(access.claim)}`, String(access.connectionLimit), optional];
  });
  const uses = Object.entries(module.uses).map(
    ([role, use]) => `${code(role)} (module ${code(use.module)}${use.optional ? ", optional" : ""})`,
  );
  const variables = module.env.flatMap(({ component, prefix, vars }) =>
    Object.entries(vars).map(([suffix, template]) => [code(component), code(prefix + suffix), code(template)]),
  );
  return `### ${module.title} (${code(module.module)})

Uses: ${uses.length === 0 ? "no other module" : uses.join(", ")}.

${table(["Claim", "Extensions", "Connection limit", "May be read in the same sandbox by", "Remarks"], claims)}

${accesses.length === 0 ? "" : `${table(["Access", "Reads", "Connection limit", "Optional"], accesses)}\n\n`}${table(["Component", "Variable", "Template"], variables)}
`;
}

const environment = jsonSchema(environmentSchema, "g2p environment file");
const moduleDescriptor = jsonSchema(moduleSchema, "g2p module descriptor");
const outputs = [
  { path: "schemas/environment.schema.json", parser: "json", content: JSON.stringify(environment) },
  { path: "schemas/module.schema.json", parser: "json", content: JSON.stringify(moduleDescriptor) },
  { path: "docs/reference/environment.md", parser: "markdown", content: environmentPage(environment) },
  { path: "docs/reference/modules.md", parser: "markdown", content: modulesPage(moduleDescriptor) },
];

const check = process.argv.includes("--check");
const differing: string[] = [];
for (const { path, parser, content } of outputs) {
  const file = join(ROOT, path);
  const wanted = await format(content, { parser, printWidth: 120 });
  const present = await readFile(file, "utf8").catch(() => undefined);
  if (present === wanted) continue;
  differing.push(path);
  if (check) continue;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, wanted);
}
for (const path of differing) process.stdout.write(`${check ? "differs: " : "written: "}${path}\n`);
if (check && differing.length > 0) process.exitCode = 1;
