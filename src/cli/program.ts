import { styleText } from "node:util";
import { Command, Option } from "commander";
import { COMMANDS, type CommandDefinition } from "./command-list.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { CommonOptions } from "./options.ts";

/** Runs the command that was chosen; errors it throws leave through `parseAsync`. */
export type Start = (definition: CommandDefinition, args: readonly string[], options: CommonOptions) => Promise<void>;

/** What {@link buildProgram} takes from its caller. */
export interface ProgramSettings {
  readonly version: string;
  readonly start: Start;
  readonly writeOut: (text: string) => void;
  readonly columns: number;
  readonly color: boolean;
  /** First word of the command line: where it is a command, only that one is built, which saves time in every pod's wait. */
  readonly word?: string | undefined;
}

/**
 * The command line: every command with its options and help. Parsing never exits and never prints errors; it throws
 * commander's CommanderError, also (with exit code 0) after help and version.
 */
export function buildProgram(settings: ProgramSettings): Command {
  const program = new Command("g2p")
    .description(
      "Shared resources for digital public goods: plan, provision, verify and remove what many modules claim.",
    )
    .usage("<command> [options]")
    .version(settings.version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help; also: g2p <command> --help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: settings.writeOut,
      outputError: () => {},
      getOutHelpWidth: () => settings.columns,
      getOutHasColors: () => settings.color,
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (title) => styleText("bold", title, { validateStream: false }),
    });
  for (const option of commonOptions()) program.addOption(option);
  const chosen = COMMANDS.find((definition) => nameOf(definition) === settings.word);
  for (const definition of chosen === undefined ? COMMANDS : [chosen]) addCommand(program, definition, settings.start);
  return program.addHelpText("after", `\n${exitCodes(ALL_EXITS)}`);
}

function nameOf({ usage }: CommandDefinition): string {
  return usage.split(" ", 1)[0] ?? "";
}

function commonOptions(): Option[] {
  return [
    new Option("-f, --file <file>", "environment file (default: g2p.yaml)"),
    new Option("--state <dir>", "state directory (default: .g2p beside the environment file)"),
    new Option("--json", "print the result as JSON"),
    new Option("-v, --verbose", "show more"),
    new Option("--no-color", "no colours; NO_COLOR and FORCE_COLOR are honoured too"),
  ];
}

const OFF = { json: false, verbose: false, color: true };

function addCommand(program: Command, definition: CommandDefinition, start: Start): void {
  const name = nameOf(definition);
  const command = program
    .command(definition.usage)
    .summary(definition.summary)
    .description(definition.description)
    .helpGroup(definition.group)
    .addHelpText("after", () => help(definition))
    .action(async () => {
      const options: CommonOptions = { ...OFF, ...command.optsWithGlobals<Partial<CommonOptions>>() };
      await start(definition, command.args, options);
    });
  definition.options?.(command);
  if (name === "exec") command.usage("[options] <instance> -- <command...>");
}

const ALL_EXITS: Record<ExitCode, string> = {
  [EXIT.done]: "done",
  [EXIT.failed]: "failed",
  [EXIT.changes]: "changes or drift found (plan, status, verify)",
  [EXIT.refused]: "refused; nothing was changed",
  [EXIT.timedOut]: "timed out",
  [EXIT.interrupted]: "interrupted",
};

function help(definition: CommandDefinition): string {
  const width = Math.max(...definition.examples.map(([line]) => line.length));
  const sideBySide = definition.examples.every(([, does]) => width + does.length <= 74);
  const examples = definition.examples.map(([line, does]) =>
    sideBySide ? `  ${line.padEnd(width)}  ${does}` : `  ${line}\n      ${does}`,
  );
  const codes = [EXIT.done, EXIT.failed, EXIT.changes, EXIT.refused, EXIT.timedOut, EXIT.interrupted] as const;
  const shown = codes
    .filter(
      (code) => code === EXIT.done || code === EXIT.failed || code === EXIT.interrupted || definition.exits?.[code],
    )
    .map((code) => [code, definition.exits?.[code] ?? ALL_EXITS[code]] as const);
  return `\nExamples:\n${examples.join("\n")}\n\n${exitCodes(Object.fromEntries(shown))}`;
}

function exitCodes(codes: Partial<Record<number, string>>): string {
  return ["Exit codes:", ...Object.entries(codes).map(([code, means]) => `  ${code.padEnd(3)}  ${means}`)].join("\n");
}
