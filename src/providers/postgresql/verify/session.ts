import { randomBytes } from "node:crypto";
import pRetry from "p-retry";
import type pg from "pg";
import { Secret } from "../../../model/secret.ts";
import { connect, errorCode } from "../connection.ts";
import { ident } from "../sql.ts";
import type { Address, Login } from "./login.ts";
import { type Outcome, outcomeOfError } from "./outcome.ts";

/** 53300: the login's or the server's connections are all in use, often by a session that is just ending; 57P03: starting up. */
const PASSING = new Set(["53300", "57P03"]);

/** A stalled lock must not stall verify; a login that defaults to read-only must not look as if a right were missing. */
const PREPARE = "SET lock_timeout = '5s'; SET statement_timeout = '30s'; SET default_transaction_read_only = off";

/** Connects as a login, trying again for a second or two while no connection is free. */
function connectAs(server: Address, login: Login, database: string, signal?: AbortSignal): Promise<pg.Client> {
  const { user, password } = login;
  if (password === undefined) throw new Error("no password is stored for this login; run g2p apply");
  return pRetry(() => connect({ server, database, user, password }), {
    retries: 5,
    minTimeout: 25,
    factor: 2.5,
    randomize: true,
    shouldRetry: ({ error }) => PASSING.has(errorCode(error) ?? ""),
    ...(signal === undefined ? {} : { signal }),
  });
}

/**
 * Opens a session of a login, does the work and closes it.
 *
 * @returns the work's result, or what the connection attempt came to when there is no session
 * @throws what the work throws, and the signal's reason
 */
export async function inSession<T>(
  server: Address,
  login: Login,
  database: string,
  work: (client: pg.Client) => Promise<T>,
  signal?: AbortSignal,
): Promise<{ readonly done: T } | { readonly failed: Outcome }> {
  let client: pg.Client;
  try {
    client = await connectAs(server, login, database, signal);
  } catch (error) {
    signal?.throwIfAborted();
    return { failed: outcomeOfError(error) };
  }
  try {
    await client.query(PREPARE);
    return { done: await work(client) };
  } finally {
    await client.end().catch(() => {});
  }
}

/** Connects as a login and leaves at once. */
export async function tryConnect(
  server: Address,
  login: Login,
  database: string,
  signal?: AbortSignal,
): Promise<Outcome> {
  try {
    const client = await connectAs(server, login, database, signal);
    await client.end().catch(() => {});
    return { actual: "allowed", detail: "" };
  } catch (error) {
    signal?.throwIfAborted();
    return outcomeOfError(error);
  }
}

/**
 * Connects with a password that cannot be right. 28P01 and 28000 are the refusals here; under `trust` in pg_hba.conf the
 * server lets it in.
 */
export async function tryWrongPassword(server: Address, user: string, database: string): Promise<Outcome> {
  try {
    const client = await connect({ server, database, user, password: new Secret(randomBytes(18).toString("hex")) });
    await client.end().catch(() => {});
    return { actual: "allowed", detail: "passwords are not checked here (pg_hba.conf)" };
  } catch (error) {
    const code = errorCode(error);
    if (code === "28P01" || code === "28000") return { actual: "refused", detail: code };
    if (code === "42501")
      return { actual: "allowed", detail: "passwords are not checked here: CONNECT is looked at after them" };
    return outcomeOfError(error);
  }
}

/** One statement of an attempt. */
export interface Statement {
  readonly sql: string;
  /** See {@link outcomeOfError}. */
  readonly passed?: readonly string[];
  /**
   * The statement is one PostgreSQL refuses inside a transaction. It must then be one that cannot succeed, only get past the
   * check of the right.
   */
  readonly alone?: boolean;
}

/** Tries a statement in a transaction that is always rolled back. */
export async function tryStatement(client: pg.Client, statement: Statement): Promise<Outcome> {
  try {
    await client.query(statement.alone ? statement.sql : `BEGIN READ WRITE; ${statement.sql}`);
    return { actual: "allowed", detail: statement.sql };
  } catch (error) {
    const outcome = outcomeOfError(error, statement.passed);
    return outcome.actual === "allowed" ? { ...outcome, detail: `${statement.sql}: ${outcome.detail}` } : outcome;
  } finally {
    // When the session is lost there is nothing to roll back, and the next attempt says so.
    if (!statement.alone) await client.query("ROLLBACK").catch(() => {});
  }
}

/**
 * Takes on a role for the session, the login itself for `undefined`.
 *
 * @returns `undefined` when done, otherwise the outcome that every attempt in this role has
 */
export async function takeRole(client: pg.Client, role: string | undefined): Promise<Outcome | undefined> {
  try {
    await client.query(role === undefined ? "SET ROLE NONE" : `SET ROLE ${ident(role)}`);
    return undefined;
  } catch (error) {
    return { actual: "error", detail: `cannot work as ${role ?? "itself"}: ${outcomeOfError(error).detail}` };
  }
}

/** A name for something that will be rolled back, which nobody else uses. */
export function scratchName(): string {
  return `g2p_verify_${randomBytes(6).toString("hex")}`;
}
