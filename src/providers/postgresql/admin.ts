import pLimit from "p-limit";
import type pg from "pg";
import type { ServerAddress } from "../../model/environment.ts";
import { ServiceError } from "../../model/error.ts";
import { connect, errorCode } from "./connection.ts";
import { toFailure } from "./failure.ts";
import { ident, literal } from "./sql.ts";

/** What the server says of itself and of the admin. */
export interface ServerFacts {
  /** Major version, 15 to 18. */
  readonly major: number;
  readonly version: string;
  /** The admin's role. */
  readonly user: string;
  readonly superuser: boolean;
  readonly createRole: boolean;
  readonly createDb: boolean;
  /** The role that initdb made; it is the grantor of what superusers grant from version 16 on. */
  readonly bootstrap: string;
  readonly maxConnections: number;
}

/** The role attributes that an admin needs to make databases and roles, and has not. */
export function missingRights(facts: ServerFacts): string[] {
  if (facts.superuser) return [];
  return [...(facts.createDb ? [] : ["CREATEDB"]), ...(facts.createRole ? [] : ["CREATEROLE"])];
}

/** Name of the ledger's database on every PostgreSQL server of an environment. */
export const LEDGER_DATABASE = "g2p_commons";

const FACTS = `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS version,
  r.rolname::text AS "user", r.rolsuper AS superuser, r.rolcreaterole AS "createRole", r.rolcreatedb AS "createDb",
  pg_get_userbyid(10)::text AS bootstrap, current_setting('max_connections')::int AS "maxConnections"
  FROM pg_roles r WHERE r.rolname = current_user`;

/**
 * The admin's connections to one server. They lead to the ledger database where it exists (changes of roles and databases
 * then share a transaction with the ledger's rows), else to the database that the address names.
 */
export class Admin {
  readonly server: ServerAddress;
  readonly facts: ServerFacts;
  /** Database that the admin's connections are in. */
  readonly home: string;
  readonly #main: pg.Client;
  readonly #idle: pg.Client[] = [];
  readonly #all = new Set<pg.Client>();
  readonly #limit: ReturnType<typeof pLimit>;
  readonly concurrency: number;

  private constructor(server: ServerAddress, facts: ServerFacts, home: string, main: pg.Client, concurrency: number) {
    this.server = server;
    this.facts = facts;
    this.home = home;
    this.#main = main;
    this.#all.add(main);
    this.concurrency = concurrency;
    this.#limit = pLimit(concurrency);
  }

  /**
   * Connects the admin.
   *
   * @param concurrency most connections used at once, the main one apart
   * @throws ServiceError when the server cannot be reached, refuses the admin, or is older than 15
   */
  static async open(server: ServerAddress, concurrency: number): Promise<Admin> {
    const target = { server, user: server.user, password: server.password };
    const where = `connecting to PostgreSQL at ${server.host}:${server.port} as "${server.user}"`;
    let home = LEDGER_DATABASE;
    let main: pg.Client;
    try {
      main = await connect({ ...target, database: home });
    } catch (error) {
      // 55000: it takes no connections (PostgreSQL docs, appendix A).
      if (!["3D000", "55000"].includes(errorCode(error) ?? ""))
        throw ledgerForbidden(error, server) ?? toFailure(error, where);
      home = server.database;
      main = await connect({ ...target, database: home }).catch((cause: unknown) => {
        throw toFailure(cause, where);
      });
    }
    try {
      if (home !== LEDGER_DATABASE) await refuseClosedLedger(main, server);
      const facts = (await main.query<ServerFacts>(FACTS)).rows[0];
      if (facts === undefined) throw new Error("the server does not list the admin's role");
      if (facts.major < 15)
        throw new ServiceError(
          `PostgreSQL at ${server.host}:${server.port} is version ${facts.version}; 15 to 18 are supported. Nothing was changed.`,
          { code: "PG_VERSION", hint: "Upgrade the server; older ones serve only as the source of a migration." },
        );
      return new Admin(server, facts, home, main, concurrency);
    } catch (error) {
      await main.end().catch(() => {});
      throw toFailure(error, where);
    }
  }

  /** The connection for observing and for single statements. */
  get main(): pg.Client {
    return this.#main;
  }

  /** True when the admin is connected to the ledger database. */
  get atLedger(): boolean {
    return this.home === LEDGER_DATABASE;
  }

  /** Runs `work` with a connection of its own to the home database; at most `concurrency` at once. */
  async worker<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return this.#limit(async () => {
      const client = this.#idle.pop() ?? (await this.#connect(this.home));
      try {
        const result = await work(client);
        this.#idle.push(client);
        return result;
      } catch (error) {
        // The connection's state is not known any more.
        this.#all.delete(client);
        await client.end().catch(() => {});
        throw error;
      }
    });
  }

  /** Runs `work` with a connection into another database, closed afterwards; at most `concurrency` at once. */
  async visit<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return this.#limit(() => this.visitFromWorker(database, work));
  }

  /**
   * Like {@link Admin.visit}, for what runs inside {@link Admin.worker} and holds its place in the limit already: waiting there for a
   * second one would never end. A worker makes one visit at a time, so it has two connections at most.
   */
  async visitFromWorker<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.#connect(database);
    try {
      return await work(client);
    } finally {
      this.#all.delete(client);
      await client.end().catch(() => {});
    }
  }

  /** Runs `work` within the same limit on connections, without opening one. */
  async limited<T>(work: () => Promise<T>): Promise<T> {
    return this.#limit(work);
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((client) => client.end().catch(() => {})));
    this.#all.clear();
    this.#idle.length = 0;
  }

  async #connect(database: string): Promise<pg.Client> {
    const client = await connect({
      server: this.server,
      database,
      user: this.server.user,
      password: this.server.password,
    });
    this.#all.add(client);
    return client;
  }
}

/**
 * A ledger database that was never opened, or whose DROP was interrupted, is made by the next apply. One that somebody closed may
 * hold everything we know, so it must not pass for a missing one.
 */
async function refuseClosedLedger(client: pg.Client, server: ServerAddress): Promise<void> {
  const { rows } = await client.query(
    `SELECT 1 FROM pg_database WHERE datname::text = ${literal(LEDGER_DATABASE)} AND NOT datallowconn AND datconnlimit <> -2 AND datacl IS NOT NULL`,
  );
  if (rows.length === 0) return;
  throw new ServiceError(
    `The ledger database "${LEDGER_DATABASE}" on ${server.host}:${server.port} takes no connections. Nothing was changed.`,
    {
      code: "PG_LEDGER_CLOSED",
      hint: `Find out who closed it and why, then run: ALTER DATABASE ${LEDGER_DATABASE} ALLOW_CONNECTIONS true`,
    },
  );
}

function ledgerForbidden(error: unknown, server: ServerAddress): ServiceError | undefined {
  if (errorCode(error) !== "42501") return undefined;
  return new ServiceError(
    `The ledger database "${LEDGER_DATABASE}" on ${server.host}:${server.port} exists, but "${server.user}" may not connect to it. Nothing was changed.`,
    {
      code: "PG_LEDGER_CLOSED",
      hint:
        `Use the admin that made the ledger, or let that one run: GRANT CONNECT ON DATABASE ${LEDGER_DATABASE} TO ${ident(server.user)}; and inside ${LEDGER_DATABASE}: ` +
        `GRANT USAGE ON SCHEMA ledger TO ${ident(server.user)}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ledger TO ${ident(server.user)};`,
      cause: error,
    },
  );
}

/** A row of any of a batch's result sets. */
export type Row = Record<string, unknown>;

/**
 * Runs statements in one transaction, one round trip. Grants that the server only warns about (01006, 01007 and the like)
 * fail the transaction: PostgreSQL reports them as success although nothing was granted.
 *
 * @param check gets the rows of the last statement before COMMIT; what it throws rolls back
 */
export async function transaction(
  client: pg.Client,
  statements: readonly string[],
  check?: (rows: readonly Row[], all: readonly Row[][]) => void,
): Promise<void> {
  const warnings: string[] = [];
  const listen = (notice: { severity?: string | undefined; message?: string | undefined }) => {
    if (notice.severity === "WARNING") warnings.push(notice.message ?? "warning");
  };
  client.on("notice", listen);
  try {
    const results = await batch(client, ["BEGIN", ...statements]);
    if (warnings.length > 0)
      throw new ServiceError(`The server only warned instead of doing it: ${warnings.join("; ")}. Rolled back.`, {
        code: "PG_WARNED",
        hint: "The admin lacks a right on one of these objects; run it with a superuser.",
      });
    check?.(results.at(-1) ?? [], results);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  } finally {
    client.off("notice", listen);
  }
}

/** Sends statements as one simple query and returns the rows of each. */
export async function batch(client: pg.Client, statements: readonly string[]): Promise<Row[][]> {
  const results = (await client.query(statements.join(";\n"))) as unknown as
    pg.QueryResult<Row> | pg.QueryResult<Row>[];
  return (Array.isArray(results) ? results : [results]).map((result) => result.rows);
}
