import { dirname, join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { OutputStream } from "../report/terminal.ts";
import type { CommonOptions } from "./options.ts";

/** The outside world of a command; commands use nothing of `process` directly. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined };
  /** Results only; with `--json` exactly one JSON document. */
  readonly stdout: Writable & OutputStream;
  /** Progress, warnings and errors. */
  readonly stderr: Writable & OutputStream;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP with an InterruptedError as its reason; pass it down and end orderly. */
  readonly signal: AbortSignal;
  /** Says at the first Ctrl-C what the command still waits for. Whoever draws on stderr replaces it. */
  announceInterrupt: () => void;
}

/**
 * What a module `src/cli/commands/<verb>.ts` exports. It is imported only when its command runs, so it may import
 * whatever it needs. It returns the exit code and throws a CommonsError for what a user must read; `main` prints errors.
 */
export interface CommandModule<Options extends CommonOptions = CommonOptions> {
  /**
   * @param args positional arguments in order, without those left out; of `exec` the instance, then the command's words.
   */
  run(args: readonly string[], options: Options, io: Io): Promise<number>;
}

/** Absolute path of the environment file: `--file`, by default `g2p.yaml` in the working directory. */
export function environmentFile(options: Pick<CommonOptions, "file">, io: Pick<Io, "cwd">): string {
  return resolve(io.cwd, options.file ?? "g2p.yaml");
}

/** Absolute path of the state directory: `--state`, by default `.g2p` beside the environment file. */
export function stateDirectory(options: Pick<CommonOptions, "file" | "state">, io: Pick<Io, "cwd">): string {
  return options.state === undefined
    ? join(dirname(environmentFile(options, io)), ".g2p")
    : resolve(io.cwd, options.state);
}
