import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { environmentTemplate, type TemplateAnswers } from "../../config/template.ts";
import { ConfigError, InterruptedError, RefusedError } from "../../model/error.ts";
import { builtinModules } from "../../modules/builtin.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { InitOptions } from "../options.ts";
import { openOutput } from "../output.ts";

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** `g2p init [DIR]`: writes a commented g2p.yaml; asks on a terminal for what flags do not say. */
export async function run(args: readonly string[], options: InitOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const file = options.file === undefined ? join(resolve(io.cwd, args[0] ?? "."), "g2p.yaml") : resolve(io.cwd, options.file);
  const answers = checked(io.stdin.isTTY === true && options.yes !== true && !options.json ? await ask(file, options) : fromFlags(file, options));
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, environmentTemplate(answers), { flag: options.force === true ? "w" : "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new RefusedError(`${file} is there already. It was left as it is.`, { code: "FILE_EXISTS", hint: "Give another folder, or --force to replace it." });
  }
  const next = answers.postgresql === "embedded" ? "g2p up" : "g2p plan";
  output.result({ file, ...answers }, () => `Wrote ${file}\nNext: ${next} -f ${file}\n`);
  return EXIT.done;
}

function fromFlags(file: string, options: InitOptions): TemplateAnswers {
  return {
    environment: options.environment ?? labelOf(basename(dirname(file))),
    sandboxes: options.sandbox ?? ["dev"],
    modules: options.module ?? builtinNames(),
    postgresql: options.postgresql ?? "embedded",
  };
}

function labelOf(text: string): string {
  const label = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 30);
  return LABEL.test(label) ? label : "commons";
}

function builtinNames(): string[] {
  return [...builtinModules().keys()];
}

function checked(answers: TemplateAnswers): TemplateAnswers {
  const wrong = [
    ...[answers.environment, ...answers.sandboxes].filter((name) => !LABEL.test(name) || name.includes("--")).map((name) => `"${name}" is no name: lower-case letters, digits and single dashes are expected`),
    ...answers.modules.filter((name) => !builtinNames().includes(name)).map((name) => `"${name}" is no built-in module: expected ${builtinNames().join(", ")}`),
    ...(new Set(answers.sandboxes).size < answers.sandboxes.length ? ["a sandbox is named twice"] : []),
  ];
  if (wrong.length > 0) throw new ConfigError(`${wrong.join("; ")}. Nothing was written.`, [], { code: "INIT_INVALID", hint: "See g2p init --help." });
  return answers;
}

async function ask(file: string, options: InitOptions): Promise<TemplateAnswers> {
  const { cancel, group, intro, multiselect, select, text } = await import("@clack/prompts");
  const given = fromFlags(file, options);
  const name = (value: string | undefined) => (value === undefined || LABEL.test(value) ? undefined : "lower-case letters, digits and dashes");
  intro(`A new environment in ${file}`);
  const answers = await group(
    {
      environment: () => (options.environment === undefined ? text({ message: "Name of the environment", initialValue: given.environment, validate: name }) : Promise.resolve(given.environment)),
      sandboxes: () =>
        options.sandbox === undefined ? text({ message: "Sandboxes, separated by spaces", initialValue: given.sandboxes.join(" ") }) : Promise.resolve(given.sandboxes.join(" ")),
      modules: () =>
        options.module === undefined
          ? multiselect({ message: "Modules in each sandbox", options: builtinNames().map((value) => ({ value, label: value })), initialValues: [...given.modules] })
          : Promise.resolve([...given.modules]),
      postgresql: () =>
        options.postgresql === undefined
          ? select({
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
        cancel("Nothing was written.");
        throw new InterruptedError("Cancelled. Nothing was written.", { code: "CANCELLED" });
      },
    },
  );
  return { ...answers, sandboxes: answers.sandboxes.split(/[\s,]+/).filter((word) => word !== "") };
}
