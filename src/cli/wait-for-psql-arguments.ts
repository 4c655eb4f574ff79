import type { Env } from "./wait-targets.ts";

/** The flags' values, named as the flags are. */
export interface Arguments {
  readonly db_host: string;
  readonly db_port: string;
  readonly db_user: string;
  readonly db_password: string;
  readonly db_name: string;
  /** Seconds. */
  readonly timeout: number;
}

/** Wrong arguments; the message never holds a value of `--db_password`. */
export class UsageError extends Error {}

export const USAGE = `usage: wait-for-psql [-h] --db_host DB_HOST --db_port DB_PORT --db_user DB_USER --db_password DB_PASSWORD
                     [--db_name DB_NAME] [--timeout TIMEOUT]
`;

export const HELP = `${USAGE}
Waits until a login to PostgreSQL succeeds.

options:
  -h, --help                 show this help message and exit
  --db_host DB_HOST          host name or address of the server
  --db_port DB_PORT          its port
  --db_user DB_USER          login
  --db_password DB_PASSWORD  its password; may be left out where PGPASSWORD is set
  --db_name DB_NAME          database to log in to (default: postgres)
  --timeout TIMEOUT          seconds to go on trying (default: 5); zero or less: try once

exit status: 0 connected, 1 not connected in time, 2 wrong arguments
`;

const FLAGS = ["--help", "--db_host", "--db_port", "--db_user", "--db_password", "--db_name", "--timeout"] as const;
type Flag = (typeof FLAGS)[number];
const REQUIRED = ["--db_host", "--db_port", "--db_user", "--db_password"] as const;

/**
 * Reads arguments by the rules of Python's argparse, which the script this replaces uses: `--flag value`, `--flag=value`,
 * unambiguous beginnings of flags; a later flag wins; what begins with `-` is a flag, not a value, unless it is a negative
 * number or has a space in it (docs.python.org, argparse, "Arguments containing -").
 *
 * @throws UsageError
 */
export function parseArguments(args: readonly string[], env: Env): Arguments | "help" {
  const values = new Map<Flag, string>();
  let unrecognized = 0;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "-h") return "help";
    const equals = arg.indexOf("=");
    const flag = looksLikeFlag(arg) ? flagOf(equals < 0 ? arg : arg.slice(0, equals)) : undefined;
    if (flag === undefined) {
      unrecognized++;
    } else if (flag === "--help") {
      return "help";
    } else if (equals >= 0) {
      values.set(flag, arg.slice(equals + 1));
    } else {
      const value = args[++i];
      if (value === undefined || looksLikeFlag(value)) throw new UsageError(`argument ${flag}: expected one argument`);
      values.set(flag, value);
    }
  }
  if (!values.has("--db_password") && env["PGPASSWORD"]) values.set("--db_password", env["PGPASSWORD"]);
  const timeout = parseTimeout(values.get("--timeout") ?? "5");
  const missing = REQUIRED.filter((flag) => !values.has(flag));
  if (missing.length > 0) throw new UsageError(`the following arguments are required: ${missing.join(", ")}`);
  if (unrecognized > 0) {
    // A stray word may be the rest of a password that was not quoted.
    throw new UsageError(`unrecognized arguments: ${unrecognized} (not shown, they may be parts of a password)`);
  }
  const value = (flag: Flag) => values.get(flag)!;
  return {
    db_host: value("--db_host"),
    db_port: value("--db_port"),
    db_user: value("--db_user"),
    db_password: value("--db_password"),
    db_name: values.get("--db_name") ?? "postgres",
    timeout,
  };
}

function looksLikeFlag(arg: string): boolean {
  if (!arg.startsWith("-") || arg === "-" || /^-\d+$|^-\d*\.\d+$/.test(arg)) return false;
  return !arg.includes(" ") || flagOf(arg.split("=")[0]!) !== undefined;
}

function flagOf(text: string): Flag | undefined {
  const matches = FLAGS.filter((flag) => flag === text || (text.length > 2 && flag.startsWith(text)));
  if (matches.length > 1 && !matches.includes(text as Flag)) {
    throw new UsageError(`ambiguous option: ${text} could match ${matches.join(", ")}`);
  }
  return matches.includes(text as Flag) ? (text as Flag) : matches[0];
}

function parseTimeout(text: string): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw new UsageError(`argument --timeout: invalid int value: '${text}'`);
  return Number(text);
}
