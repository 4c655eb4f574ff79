import { formatSeconds, waitForTargets, type WaitTarget } from "../../engine/wait.ts";
import { ConfigError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import type { Io } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { flagTarget, parsePort, type Env } from "../wait-targets.ts";

/** Options of `g2p wait`. */
export interface WaitCommandOptions extends Partial<CommonOptions> {
  /** Directory, or `true` for `$SERVICE_BINDING_ROOT`. */
  readonly binding?: string | boolean;
  readonly host?: string;
  readonly port?: string;
  readonly database?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  /** E.g. `30s`; default {@link DEFAULT_TIMEOUT}. */
  readonly timeout?: string;
  readonly failFast?: boolean;
  /** Initialisation version to wait for. */
  readonly initialised?: string;
}

/** What this command uses of a command's outside world. */
export interface WaitIo extends Pick<Io, "env" | "cwd" | "signal"> {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/**
 * Gives the targets of instances of an environment file (`dev/registry`; all where none is named). Names read
 * `dev/registry main`; each look takes credentials and server address anew, since a running `up` may just be making them.
 */
export type EnvironmentTargets = (
  instances: readonly string[],
  options: WaitCommandOptions & { readonly initialisation?: number },
  io: WaitIo,
) => Promise<readonly WaitTarget[]>;

/** How long `g2p wait` waits where `--timeout` does not say. */
export const DEFAULT_TIMEOUT = "2m";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * `g2p wait`: waits until module databases can really be used, by logging in as the modules do. Three forms: instances of
 * an environment file, `--binding [DIR]`, or `--host … --database … --user …` with the password from `PGPASSWORD` or
 * `--password-file`. The last two load neither YAML nor the schema: they run in every pod.
 *
 * Tells on stderr what is missing and why, each time that changes; with `json` only the result is told, on stdout.
 *
 * @returns 0 when all are ready.
 * @throws ConfigError for wrong flags; TimeoutError (exit 4), ServiceError (`--fail-fast`) and InterruptedError as
 * {@link waitForTargets} does.
 */
export async function run(
  args: readonly string[],
  options: WaitCommandOptions,
  io: WaitIo,
  environmentTargets: EnvironmentTargets,
): Promise<number> {
  const timeoutMs = parseDuration(options.timeout ?? DEFAULT_TIMEOUT);
  const targets = await targetsOf(args, options, io, environmentTargets);
  const start = performance.now();
  const quiet = options.json === true && options.verbose !== true;
  const told = new Set<WaitTarget>();
  const ready = await waitForTargets(targets, {
    timeoutMs,
    failFast: options.failFast ?? false,
    signal: io.signal,
    onChange: (target, result, ms) => {
      if (quiet) return;
      if (result.state !== "ready") {
        told.add(target);
        io.stderr.write(`waiting for ${target.name}: ${result.reason}\n`);
      } else if (told.has(target) && targets.length > 1) {
        io.stderr.write(`${target.name} is ready after ${formatSeconds(ms)}\n`);
      }
    },
  });
  const ms = Math.round(performance.now() - start);
  if (options.json) io.stdout.write(`${JSON.stringify({ ready: true, ms, targets: ready }, null, 2)}\n`);
  else io.stderr.write(`ready after ${formatSeconds(ms)}\n`);
  return 0;
}

/**
 * Milliseconds of a duration such as `500ms`, `30s`, `5m`, `1.5h` or `0`.
 *
 * @throws ConfigError
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) {
    throw usage(`--timeout ${text} is not a duration; expected a number with a unit, such as 500ms, 30s or 5m`);
  }
  return Number(number) * UNITS[unit]!;
}

async function targetsOf(
  args: readonly string[],
  options: WaitCommandOptions,
  io: WaitIo,
  environmentTargets: EnvironmentTargets,
): Promise<readonly WaitTarget[]> {
  const initialisation = parseVersion(options.initialised);
  const byFlags = options.host !== undefined;
  const byBinding = options.binding !== undefined && options.binding !== false;
  const byFile = options.file !== undefined || args.length > 0;
  if (Number(byFlags) + Number(byBinding) + Number(byFile) > 1) {
    throw usage("--host, --binding and instances of an environment file exclude each other; give one of them");
  }
  if (byFlags) return [plainTarget(options, io.env, initialisation)];
  for (const flag of ["port", "database", "user", "passwordFile"] as const) {
    if (options[flag] !== undefined) throw usage(`--${flag === "passwordFile" ? "password-file" : flag} needs --host`);
  }
  if (byBinding) {
    const directory = typeof options.binding === "string" ? options.binding : io.env["SERVICE_BINDING_ROOT"];
    if (!directory) throw usage("--binding needs a directory, or the variable SERVICE_BINDING_ROOT");
    const { bindingTargets } = await import("../wait-bindings.ts");
    return bindingTargets(directory, io.env, initialisation);
  }
  return environmentTargets(args, initialisation === undefined ? options : { ...options, initialisation }, io);
}

function plainTarget(options: WaitCommandOptions, env: Env, initialisation: number | undefined): WaitTarget {
  const { host, database, user, passwordFile } = options;
  if (!host || !database || !user) throw usage("--host needs --database and --user beside it");
  const port = parsePort(options.port ?? "5432");
  if (port === undefined) throw usage(`--port ${options.port} is not a port; expected a number from 1 to 65535`);
  const given = env["PGPASSWORD"] ?? "";
  const password = async () => {
    if (passwordFile === undefined) return new Secret(given);
    // Importing node:fs costs 5 to 10 ms, which the start in every pod need not pay.
    const { readFile } = await import("node:fs/promises");
    return new Secret((await readFile(passwordFile, "utf8")).replace(/\r?\n$/, ""));
  };
  return flagTarget({ host, port, database, user, password }, env, initialisation);
}

function parseVersion(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const version = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(version)) return version;
  throw usage(`--initialised ${text} is not a version; expected a whole number such as 3`);
}

function usage(message: string): ConfigError {
  return new ConfigError(`${message}. Nothing was tried.`, [], { code: "USAGE", hint: "See g2p wait --help." });
}
