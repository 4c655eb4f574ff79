import type { WaitTarget } from "../engine/wait.ts";
import type { CheckResult } from "../model/check.ts";
import { ConfigError } from "../model/error.ts";
import type { Secret } from "../model/secret.ts";
import type { DatabaseCheck } from "../providers/postgresql/check.ts";

/** Environment variables of the process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where a database is and who logs in, as `g2p wait` and `wait-for-psql` are told by flags. */
export interface LoginFlags {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Called for each look, so that a password that is corrected later counts. */
  readonly password: () => Secret | Promise<Secret>;
}

const SSLMODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

/**
 * A target that logs in to a database with what `read` gives, read anew for each look. The driver is loaded at the first
 * look only, so that mistakes in flags are told at once.
 *
 * @param read throws Node's file error while a file is not there; that is a reason to wait, not a failure.
 */
export function databaseTarget(name: string, read: () => DatabaseCheck | Promise<DatabaseCheck>): WaitTarget {
  return {
    name,
    check: async (timeoutMs) => {
      const { checkDatabase } = await import("../providers/postgresql/check.ts");
      let check: DatabaseCheck;
      try {
        check = await read();
      } catch (error) {
        return unreadable(error);
      }
      return checkDatabase(check, timeoutMs);
    },
  };
}

/** The target that flags describe. */
export function flagTarget(flags: LoginFlags, env: Env, initialisation?: number): WaitTarget {
  const { host, port, database, user } = flags;
  const tls = tlsOf(env);
  return databaseTarget(`${database} on ${host}:${port}`, async () => ({
    server: { host, port, ...tls },
    database,
    user,
    password: await flags.password(),
    ...(initialisation === undefined ? {} : { initialisation }),
  }));
}

/** A TCP port from text, or undefined. */
export function parsePort(text: string): number | undefined {
  const port = Number(text);
  return /^\d+$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined;
}

/** TLS as `PGSSLMODE` and `PGSSLROOTCERT` say, `prefer` by default, as libpq does. */
export function tlsOf(env: Env): Pick<DatabaseCheck["server"], "sslmode" | "caFile"> {
  const wanted = env["PGSSLMODE"] || "prefer";
  // libpq's `allow` differs from `prefer` only in what it tries first.
  const sslmode = SSLMODES.find((mode) => mode === (wanted === "allow" ? "prefer" : wanted));
  if (sslmode === undefined) {
    throw new ConfigError(`PGSSLMODE is ${wanted}; expected one of ${SSLMODES.join(", ")}.`, []);
  }
  const caFile = env["PGSSLROOTCERT"];
  return caFile === undefined || caFile === "" || caFile === "system" ? { sslmode } : { sslmode, caFile };
}

function unreadable(error: unknown): CheckResult {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return { state: "waiting", reason: `file ${path} is not there yet` };
  return { state: "waiting", reason: code === undefined ? message : `file ${path} cannot be read (${code})` };
}
