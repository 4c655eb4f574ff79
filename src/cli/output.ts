import type { Progress } from "../report/progress.ts";
import { openTerminal, type Look, type Terminal } from "../report/terminal.ts";
import type { Io } from "./context.ts";
import type { CommonOptions } from "./options.ts";

/** Where a command's text goes: results to stdout, everything else to stderr. */
export interface Output {
  readonly out: Terminal;
  readonly err: Terminal;
  /**
   * Prints the command's result: with `--json` the data as the only thing on stdout, otherwise what `render` makes of it.
   */
  result(data: unknown, render: (look: Look) => string): void;
  /** Opens the view of engine events on stderr; with `--json` only warnings are shown, with `--verbose` too plain lines. */
  progress(): Promise<Progress>;
}

/** The {@link Output} for a command's options. */
export function openOutput(io: Io, options: Pick<CommonOptions, "json" | "verbose" | "color">): Output {
  const out = openTerminal(io.stdout, io.env, options);
  const err = openTerminal(io.stderr, io.env, options);
  return {
    out,
    err,
    result(data, render) {
      out.write(options.json ? `${JSON.stringify(data, null, 2)}\n` : render(out));
    },
    async progress() {
      const { openProgress } = await import("../report/progress.ts");
      const progress = await openProgress(err, { quiet: options.json && !options.verbose, plain: options.json });
      io.announceInterrupt = () => {
        const what = progress.waitingFor();
        const text = `Interrupted${what === undefined ? "" : `, waiting for: ${what}`}. Press Ctrl-C again to stop at once.`;
        progress.emit({ type: "note", level: "warning", text });
      };
      return progress;
    },
  };
}
