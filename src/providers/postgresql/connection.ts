import { readFileSync } from "node:fs";
import pg from "pg";
import type { ServerAddress } from "../../model/environment.ts";
import type { Secret } from "../../model/secret.ts";

/** Who connects to which database of a server. */
export interface ConnectionTarget {
  readonly server: Pick<ServerAddress, "host" | "port" | "sslmode" | "caFile">;
  readonly database: string;
  readonly user: string;
  readonly password: Secret;
}

/** Milliseconds to wait for a connection attempt. */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens one connection. Every session of ours starts with `search_path` set to `pg_catalog` only, so that objects a module
 * made can never stand in for the catalogue's, and names itself in pg_stat_activity.
 *
 * @throws the driver's error (with its SQLSTATE in `code`, or the socket's `ECONNREFUSED` and the like); callers
 * convert it where they know what was attempted.
 */
export async function connect(target: ConnectionTarget, timeoutMs = CONNECT_TIMEOUT_MS): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(target, timeoutMs));
  // A connection cut while idle emits 'error'; the next query reports it, so nothing is lost by listening.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return client;
}

/** The driver's settings for a target; see {@link connect}. */
export function clientConfig(target: ConnectionTarget, timeoutMs = CONNECT_TIMEOUT_MS): pg.ClientConfig {
  return {
    host: target.server.host,
    port: target.server.port,
    database: target.database,
    user: target.user,
    password: target.password.reveal(),
    ssl: tls(target.server),
    connectionTimeoutMillis: timeoutMs,
    application_name: "g2p",
    options: "-c search_path=pg_catalog",
    keepAlive: true,
  };
}

function tls(server: ConnectionTarget["server"]): pg.ClientConfig["ssl"] {
  if (server.sslmode === "disable") return false;
  const ca = server.caFile === undefined ? {} : { ca: readFileSync(server.caFile, "utf8") };
  if (server.sslmode === "require") return { rejectUnauthorized: false, ...ca };
  return {
    rejectUnauthorized: true,
    ...(server.sslmode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
    ...ca,
  };
}

/** The SQLSTATE or socket code of a driver's error, or `undefined`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string")
    return error.code;
  return undefined;
}
