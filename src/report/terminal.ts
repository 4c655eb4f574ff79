/** How wide and how colourful a text may be. */
export interface Look {
  readonly columns: number;
  readonly color: boolean;
}

/** Where a renderer's text goes; the only way anything of `src/report` reaches a user. */
export interface Terminal extends Look {
  /** True where lines can be redrawn. */
  readonly isTTY: boolean;
  /** Height in lines, where known. */
  readonly rows?: number | undefined;
  write(text: string): void;
}

/** The parts of a stream that {@link openTerminal} reads; fits `process.stdout` and any writable. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** Width assumed where there is no terminal, such as a CI log. */
const COLUMNS_WITHOUT_TERMINAL = 120;

/** Narrower terminals are treated as this wide: nothing readable fits into less. */
const MINIMUM_COLUMNS = 40;

/**
 * Wraps a stream. Width follows the stream when its window is resized.
 *
 * @param options.color `false` for `--no-color`; otherwise the environment and the stream decide, see {@link wantsColor}.
 */
export function openTerminal(
  stream: OutputStream,
  env: NodeJS.ProcessEnv,
  options: { readonly color?: boolean } = {},
): Terminal {
  const isTTY = stream.isTTY === true && env["TERM"] !== "dumb";
  return {
    isTTY,
    color: options.color !== false && wantsColor(stream, env),
    get columns() {
      const known = stream.columns ?? Number(env["COLUMNS"]);
      return Math.max(MINIMUM_COLUMNS, known > 0 ? known : COLUMNS_WITHOUT_TERMINAL);
    },
    get rows() {
      return stream.rows;
    },
    write(text) {
      stream.write(text);
    },
  };
}

/**
 * Whether text on a stream is coloured: `FORCE_COLOR` (anything but `0` and `false`) wins over `NO_COLOR` (anything but
 * empty), as in Node.js and https://no-color.org; without either, a terminal that is not `TERM=dumb`.
 */
export function wantsColor(stream: Pick<OutputStream, "isTTY">, env: NodeJS.ProcessEnv): boolean {
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  if (env["NO_COLOR"]) return false;
  return stream.isTTY === true && env["TERM"] !== "dumb";
}
