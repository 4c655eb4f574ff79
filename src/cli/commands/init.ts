import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { environmentTemplate, type TemplateAnswers } from "../../config/template.ts";
import { ConfigError, InterruptedError, RefusedError } from "../../model/error.ts";
import { builtinModules } from "../../modules/builtin.ts";
import { label, LABEL_WORDS } from "../../modules/schema-parts.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { InitOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { shellQuoted } from "../shell.ts";

function isLabel(text: string): boolean {
  return label().safeParse(text).success;
}

/** `g2p init [DIR]`: writes a commented g2p.yaml; asks on a terminal for what flags do not say. */
export async function run(args: readonly string[], options: InitOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const file =
    options.file === undefined ? join(resolve(io.cwd, args[0] ?? "."), "g2p.yaml") : resolve(io.cwd, options.file);
  const isThere = () =>
    new RefusedError(`${file} is there already. It was left as it is.`, {
      code: "FILE_EXISTS",
      hint: "Give another folder, or --force to replace it.",
    });
  if (options.force !== true && existsSync(file)) throw isThere();
  const answers = checked(
    io.stdin.isTTY === true && options.yes !== true && !options.json
      ? await ask(file, options, io)
      : fromFlags(file, options),
  );
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, environmentTemplate(answers), { flag: options.force === true ? "w" : "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw isThere();
  }
  const near = relative(io.cwd, file);
  const shown = near.startsWith("..") ? file : near;
  const next = `${answers.postgresql === "embedded" ? "g2p up" : "g2p plan"}${shown === "g2p.yaml" ? "" : ` -f ${shellQuoted(shown)}`}`;
  output.result({ file, ...answers }, () => `Wrote ${shown}\nNext: ${next}\n`);
  return EXIT.done;
}

function fromFlags(file: string, options: InitOptions): TemplateAnswers {
  return {
    environment: options.environment ?? labelOf(basename(dirname(file))),
    sandboxes: options.sandbox ?? ["dev"],
    modules: options.module ?? builtinNames(),
    postgresql: options.postgresql ?? "embedded",
    ...(options.withServices === true ? { withServices: true } : {}),
  };
}

function labelOf(text: string): string {
  const word = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 30);
  return isLabel(word) ? word : "commons";
}

function builtinNames(): string[] {
  return [...builtinModules().keys()];
}

function checked(answers: TemplateAnswers): TemplateAnswers {
  const wrong = [
    ...[answers.environment, ...answers.sandboxes]
      .filter((name) => !isLabel(name))
      .map((name) => `"${name}" is no name: expected ${LABEL_WORDS}`),
    ...answers.modules
      .filter((name) => !builtinNames().includes(name))
      .map((name) => `"${name}" is no built-in module: expected ${builtinNames().join(", ")}`),
    ...(new Set(answers.sandboxes).size < answers.sandboxes.length ? ["a sandbox is named twice"] : []),
    ...(new Set(answers.modules).size < answers.modules.length ? ["a module is named twice"] : []),
  ];
  if (wrong.length > 0)
    throw new ConfigError(`${wrong.join("; ")}. Nothing was written.`, [], {
      code: "INIT_INVALID",
      hint: "See g2p init --help.",
    });
  return answers;
}

async function ask(
  file: string,
  options: InitOptions,
  { stderr: output }: Pick<Io, "stderr">,
): Promise<TemplateAnswers> {
  const { group, intro, multiselect, select, text } = await import("@clack/prompts");
  const given = fromFlags(file, options);
  const name = (value: string | undefined) =>
    value === undefined || isLabel(value) ? undefined : `Expected ${LABEL_WORDS}`;
  const names = (value: string | undefined) =>
    wordsOf(value ?? "")
      .map(name)
      .find((problem) => problem !== undefined);
  intro(`A new environment in ${file}`, { output });
  const answers = await group(
    {
      environment: () =>
        options.environment === undefined
          ? text({ output, message: "Name of the environment", initialValue: given.environment, validate: name })
          : Promise.resolve(given.environment),
      sandboxes: () =>
        options.sandbox === undefined
          ? text({
              output,
              message: "Sandboxes, separated by spaces",
              initialValue: given.sandboxes.join(" "),
              validate: names,
            })
          : Promise.resolve(given.sandboxes.join(" ")),
      modules: () =>
        options.module === undefined
          ? multiselect({
              output,
              message: "Modules in each sandbox",
              options: builtinNames().map((value) => ({ value, label: value })),
              initialValues: [...given.modules],
            })
          : Promise.resolve([...given.modules]),
      postgresql: () =>
        options.postgresql === undefined
          ? select({
              output,
              message: "PostgreSQL",
              options: [
                { value: "embedded" as const, label: "embedded", hint: "g2p runs it, for laptops and tests" },
                { value: "external" as const, label: "external", hint: "a server that already runs" },
              ],
            })
          : Promise.resolve(given.postgresql),
    },
    {
      onCancel: () => {
        throw new InterruptedError("Cancelled. Nothing was written.", { code: "CANCELLED" });
      },
    },
  );
  return { ...given, ...answers, sandboxes: wordsOf(answers.sandboxes) };
}

function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}
