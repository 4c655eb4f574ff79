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
import { OTHER_SERVICES } from "../src/config/service-schemas.ts";
import { BINDING_FIELDS, type ClaimService } from "../src/modules/binding-fields.ts";
import { builtinModules } from "../src/modules/builtin.ts";
import type { ModuleDescriptor } from "../src/modules/schema.ts";
import { moduleSchema } from "../src/modules/schema.ts";
import { accessText, claimText } from "./describe-claims.ts";

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

/**
 * One row per key, those of inner mappings below their own.
 *
 * @param whole keys whose inside has a table of its own.
 */
function rowsOf(schema: JsonSchema, whole: readonly string[] = [], path = ""): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const here = path === "" ? key : `${path}.${key}`;
    const required = schema.required?.includes(key) === true;
    const standard = value.default === undefined ? "" : code(defaultText(value.default));
    return [
      [code(here), typeOf(value), required ? "**required**" : standard, value.description ?? ""],
      ...(whole.includes(here) ? [] : inner(value, whole, here)),
    ];
  });
}

function inner(schema: JsonSchema, whole: readonly string[], path: string): string[][] {
  if (schema.properties !== undefined) return rowsOf(schema, whole, path);
  if (schema.items !== undefined) return inner(schema.items, whole, `${path}[]`);
  if (typeof schema.additionalProperties === "object") return inner(schema.additionalProperties, whole, `${path}.*`);
  return branchesOf(schema).flatMap((branch) => rowsOf(branch, whole, path));
}

/** The mappings that a value may be, one of several. */
function branchesOf(schema: JsonSchema | undefined): JsonSchema[] {
  return (schema?.oneOf ?? schema?.anyOf ?? []).filter(({ properties }) => properties !== undefined);
}

/** Keys of a mapping without some of them. */
function without(schema: JsonSchema, ...keys: readonly string[]): JsonSchema {
  const kept = Object.entries(schema.properties ?? {}).filter(([key]) => !keys.includes(key));
  return { ...schema, properties: Object.fromEntries(kept) };
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

const HEAD = ["Key", "Type", "Default", "Meaning"];
const SERVICES: readonly ClaimService[] = ["postgresql", ...OTHER_SERVICES];

function environmentPage(schema: JsonSchema): string {
  const commons = schema.properties?.["commons"];
  const entries = "sandboxes[].modules";
  const item = schema.properties?.["sandboxes"]?.items?.properties?.["modules"]?.items;
  const long = branchesOf(item)[0] ?? {};
  return `${GENERATED}

# The environment file

\`g2p.yaml\` says which services an environment shares and which module instances it has. \`*\` stands for a name, \`[]\` for an
entry of a list. Unknown keys are errors. Relative paths count from the file that names them.

${table(HEAD, rowsOf(schema, [...SERVICES.map((service) => `commons.${service}`), entries]))}

## Services

A service has one of two forms: \`mode: embedded\`, which g2p runs, or \`mode: external\`, which runs already. With
\`sharing: environment\` the keys of an external server stand beside \`mode\`; with \`sandbox\` or \`instance\` they stand in
\`servers\`, once for each of them.

${SERVICES.map((service) => servicePage(service, commons?.properties?.[service])).join("\n")}
## Entries of \`modules\`

An entry is a module's name or path alone, or a mapping.

${table(HEAD, rowsOf(long))}

## What is not said

- An entry of \`modules\` may be a module's name alone; the instance then has the module's name.
- A module that uses another of which the sandbox has exactly one instance uses that one.
- Built-in modules of one sandbox consent to each other as [their descriptors](modules.md) say. An access from another sandbox,
  or of a module of your own, needs the owner's \`shares\`.
- Some claims of a module are there only for instances that take an option (\`with: [events]\`); services that the commons do not
  have stand in \`elsewhere\`, and claims on them are left out with the variables that they fill.
- \`env\` and descriptors may name every field of a binding, as in \`\${main.host}\`: [which fields there are](modules.md#bindings).
  Between braces YAML wants such a text in quotes.
`;
}

function servicePage(service: ClaimService, schema: JsonSchema | undefined): string {
  const tables = branchesOf(schema).map((branch) => {
    const mode = branch.properties?.["mode"];
    const form = `**\`mode: ${text(mode?.const ?? mode?.default)}\`** ${mode?.description ?? ""}`;
    return `${form}\n\n${table(HEAD, rowsOf(without(branch, "mode"), ["servers"]))}\n`;
  });
  return `### \`commons.${service}\`\n\n${schema?.description ?? ""}\n\n${tables.join("\n")}`;
}

function modulesPage(schema: JsonSchema): string {
  const parts = (key: "claims" | "accesses") => {
    const values = schema.properties?.[key]?.additionalProperties;
    return branchesOf(typeof values === "object" ? values : undefined).map((branch) => {
      const service = branch.properties?.["service"];
      const standard = service?.default === undefined ? "" : " (the default)";
      const title = `#### \`service: ${text(service?.const ?? service?.default)}\`${standard}`;
      return `${title}\n\n${service?.description ?? ""}\n\n${table(HEAD, rowsOf(without(branch, "service")))}\n`;
    });
  };
  return `${GENERATED}

# Modules

## Module descriptors

A module of your own is described by a YAML file; an environment file names it by its path.

${table(HEAD, rowsOf(schema, ["claims", "accesses"]))}

### Claims

What a claim may say depends on its service. A module has at most one claim on Kafka, S3, OpenSearch and Redis each.

${parts("claims").join("\n")}
### Accesses

${parts("accesses").join("\n")}
### Bindings

Variables may name these fields of a claim or access, as in \`\${main.host}\`:

${table(["Service", "Fields"], SERVICES.map(bindingRow))}

## Built-in modules

${[...builtinModules().values()].map(modulePage).join("\n")}`;
}

/** What fields of single parts are called. */
const PARTS: Readonly<Partial<Record<ClaimService, string>>> = {
  kafka: "topic-<topic>",
  s3: "bucket-<bucket>",
  opensearch: "index-<index>",
};

function bindingRow(service: ClaimService): string[] {
  const part = PARTS[service];
  const fields = [...BINDING_FIELDS[service], ...(part === undefined ? [] : [part])];
  return [code(service), fields.map(code).join(", ")];
}

function modulePage(module: ModuleDescriptor): string {
  const claims = Object.entries(module.claims).map(([name, claim]) => [
    code(name),
    code(claim.service),
    claimText(claim),
    claim.with === undefined ? "" : code(claim.with),
    (module.consents[name] ?? []).map(code).join(", "),
  ]);
  const accesses = Object.entries(module.accesses).map(([name, access]) => {
    const use = access.uses === undefined ? undefined : module.uses[access.uses];
    const target = use === undefined ? `its own ${code(access.claim)}` : `${code(use.module)} ${code(access.claim)}`;
    const optional = use?.optional === true ? "yes" : "no";
    const option = access.with === undefined ? "" : code(access.with);
    return [code(name), code(access.service), target, accessText(access), option, optional];
  });
  const uses = Object.entries(module.uses).map(
    ([role, use]) => `${code(role)} (module ${code(use.module)}${use.optional ? ", optional" : ""})`,
  );
  const variables = module.env.flatMap(({ component, prefix, vars }) =>
    Object.entries(vars).map(([suffix, template]) => [code(component), code(prefix + suffix), code(template)]),
  );
  const accessHead = ["Access", "Service", "Uses", "What", "With option", "Can do without"];
  return `### ${module.title} (${code(module.module)})

Uses: ${uses.length === 0 ? "no other module" : uses.join(", ")}.

${table(["Claim", "Service", "What", "With option", "May be used in the same sandbox by"], claims)}

${accesses.length === 0 ? "" : `${table(accessHead, accesses)}\n\n`}${table(["Component", "Variable", "Template"], variables)}
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
