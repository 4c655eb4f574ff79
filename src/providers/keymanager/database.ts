import { readFile } from "node:fs/promises";
import pg from "pg";
import type { ServerAddress } from "../../model/environment.ts";
import { CommonsError, ServiceError } from "../../model/error.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 60_000;

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly hint: string;
}

const ADDRESS = "Start the server, or correct host and port of keymanager's `database` in g2p.yaml.";

/** What the driver's and PostgreSQL's codes mean to the person who has to act. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: { code: "UNREACHABLE", says: "nothing listens there", hint: ADDRESS },
  ENOTFOUND: { code: "UNREACHABLE", says: "the host name is not known", hint: ADDRESS },
  ETIMEDOUT: { code: "UNREACHABLE", says: "no answer in time", hint: ADDRESS },
  "28P01": {
    code: "ADMIN_PASSWORD",
    says: "the password is refused",
    hint: "Correct the password of keymanager's `database` in g2p.yaml.",
  },
  "28000": {
    code: "ADMIN_REFUSED",
    says: "this login is refused",
    hint: "Check LOGIN on its role and pg_hba.conf.",
  },
  "3D000": {
    code: "DATABASE_MISSING",
    says: "the database does not exist",
    hint: "Check keymanager's `database` in g2p.yaml.",
  },
  "3F000": {
    code: "SCHEMA_MISSING",
    says: "there is no schema keymgr",
    hint: "Let Keymanager's own installation make its schema, then run it again.",
  },
  "42P01": {
    code: "SCHEMA_MISSING",
    says: "the tables of schema keymgr are not there",
    hint: "Let Keymanager's own installation make its schema, then run it again.",
  },
  "42501": {
    code: "NO_RIGHT",
    says: "the login lacks a right for it",
    hint: "Use a login that may write the tables of schema keymgr.",
  },
  "53100": { code: "DISK_FULL", says: "the disk is full", hint: "Free space, then run the command again." },
};

/** Keymanager's own database, where key policies and the names of keys stand; one connection, used by one statement at a time. */
export class Database {
  readonly #address: ServerAddress;
  readonly #server: string;
  #client: Promise<pg.Client> | undefined;

  /** Connects at the first statement. @param server id of the server, e.g. `keymanager/dev` */
  constructor(address: ServerAddress, server: string) {
    this.#address = address;
    this.#server = server;
  }

  /** Runs one statement. @throws ServiceError `KEYMANAGER_…`, which names database and server */
  async query<R extends pg.QueryResultRow>(sql: string, values: readonly unknown[], doing: string): Promise<R[]> {
    try {
      this.#client ??= this.#connect();
      const client = await this.#client;
      return (await client.query<R>(sql, [...values])).rows;
    } catch (error) {
      throw this.#failure(error, doing);
    }
  }

  /** Runs statements that are carried out together or not at all. */
  async transaction(work: () => Promise<void>): Promise<void> {
    await this.query("BEGIN", [], "beginning a transaction");
    try {
      await work();
      await this.query("COMMIT", [], "ending a transaction");
    } catch (error) {
      await this.query("ROLLBACK", [], "ending a transaction").catch(() => {});
      throw error;
    }
  }

  /** Closes the connection, and gives back every lock with it. */
  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<pg.Client> {
    const { host, port, user, password, database, sslmode, caFile } = this.#address;
    const ca = caFile === undefined ? {} : { ca: await readFile(caFile, "utf8") };
    const client = new pg.Client({
      host,
      port,
      user,
      database,
      password: password.reveal(),
      ssl:
        sslmode === "disable"
          ? false
          : {
              rejectUnauthorized: sslmode !== "require",
              ...(sslmode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
              ...ca,
            },
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      application_name: "g2p",
      options: "-c search_path=pg_catalog",
    });
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  }

  #failure(error: unknown, doing: string): CommonsError {
    if (error instanceof CommonsError) return error;
    const code = (error as { code?: unknown }).code;
    const meaning = typeof code === "string" ? MEANINGS[code] : undefined;
    const message = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
    const { host, port, database } = this.#address;
    return new ServiceError(
      `Keymanager's database "${database}" on ${host}:${port} (${this.#server}): ${doing} failed: ${meaning?.says ?? message}.`,
      {
        code: `KEYMANAGER_${meaning?.code ?? "DATABASE"}`,
        resource: this.#server,
        hint:
          meaning?.hint ??
          "Check that database and its log, then run the command again: it continues where it stopped.",
        cause: error,
      },
    );
  }
}
