import { CommanderError } from "commander";
import { CommonsError, InterruptedError, type ErrorDetails } from "../model/error.ts";
import { openTerminal } from "../report/terminal.ts";
import type { Io } from "./context.ts";
import { EXIT, flush, ignoreClosedPipe } from "./exit.ts";
import { buildProgram } from "./program.ts";
import { version } from "./version.ts";

/** The command line itself is wrong. */
class UsageError extends CommonsError {
  readonly kind = "usage";
  readonly exitCode = EXIT.failed;

  constructor(message: string, details: Omit<ErrorDetails, "code">) {
    super(message, { code: "USAGE", ...details });
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs one command line to its end, all errors printed; returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const ownWords = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  const json = ownWords.includes("--json");
  const verbose = ownWords.includes("--verbose") || ownWords.includes("-v");
  const color = !ownWords.includes("--no-color");
  const controller = new AbortController();
  const io: Io = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signal: controller.signal,
    announceInterrupt: () => process.stderr.write("Interrupted. Press Ctrl-C again to stop at once.\n"),
  };
  const out = openTerminal(io.stdout, io.env, { color });
  let exitCode: number = EXIT.done;

  const program = buildProgram({
    version: version(),
    word: argv[0],
    columns: Math.min(out.columns, 100),
    color: out.color,
    writeOut: (text) => out.write(text),
    start: async (definition, args, options) => {
      if (!definition.ownSignals) abortOnSignals(controller, io);
      const command = await definition.load();
      exitCode = await command.run(args, options, io);
    },
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done;
    const error = translate(thrown, io.signal, ownWords);
    const { errorToJson, renderError } = await import("../report/error.ts");
    if (json) {
      out.write(`${JSON.stringify(errorToJson(error), null, 2)}\n`);
    } else {
      const err = openTerminal(io.stderr, io.env, { color });
      const about = [`g2p ${version()}, Node.js ${process.version}, ${process.platform} ${process.arch}`];
      err.write(renderError(error, err, { verbose, about, cwd: io.cwd }));
    }
    return error instanceof CommonsError ? error.exitCode : EXIT.failed;
  }
}

/** The first signal asks the command to end, the second ends the process at once. */
function abortOnSignals(controller: AbortController, io: Io): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      io.announceInterrupt();
      controller.abort(new InterruptedError(`Interrupted by ${signal}.`, { code: "INTERRUPTED" }));
    });
  }
}

/** Errors of the command line parser and of aborted Node.js calls as errors of ours; any other as it is. */
function translate(thrown: unknown, signal: AbortSignal, words: readonly string[]): unknown {
  if (signal.aborted && thrown instanceof Error && thrown.name === "AbortError") return signal.reason;
  if (!(thrown instanceof CommanderError)) return thrown;
  const [, text = thrown.message, suggestion] =
    /^(?:error: )?(.*?)\s*(?:\((Did you mean .*)\))?$/s.exec(thrown.message) ?? [];
  const command = words.find((word) => !word.startsWith("-"));
  const help =
    thrown.code === "commander.unknownCommand" || command === undefined ? "g2p --help" : `g2p ${command} --help`;
  const dashes = command === "exec" && thrown.code === "commander.unknownOption" ? "Put -- before the program. " : "";
  return new UsageError(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace("..", "."), {
    hint: `${suggestion === undefined ? "" : `${suggestion} `}${dashes}See ${help}.`,
  });
}

ignoreClosedPipe(process.stdout);
ignoreClosedPipe(process.stderr);
process.exitCode = await main(process.argv.slice(2));
await Promise.all([flush(process.stdout), flush(process.stderr)]);
process.exit();
