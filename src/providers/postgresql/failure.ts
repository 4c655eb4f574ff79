import { type CommonsError, CommonsError as Base, RefusedError, ServiceError } from "../../model/error.ts";
import { errorCode } from "./connection.ts";

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly hint: string;
}

/** What the driver's and the server's codes mean to the person who has to act (PostgreSQL docs, appendix A). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: {
    code: "PG_UNREACHABLE",
    says: "nothing listens there",
    hint: "Start the server, or correct host and port in g2p.yaml.",
  },
  ENOTFOUND: {
    code: "PG_UNREACHABLE",
    says: "the host name is not known",
    hint: "Correct the host in g2p.yaml, or the name service.",
  },
  EAI_AGAIN: {
    code: "PG_UNREACHABLE",
    says: "the name service did not answer",
    hint: "Run it again when the name service answers.",
  },
  ETIMEDOUT: {
    code: "PG_UNREACHABLE",
    says: "no answer in time",
    hint: "Check the network between here and the server.",
  },
  ECONNRESET: {
    code: "PG_CONNECTION_LOST",
    says: "the connection was cut",
    hint: "Run the command again: it continues where it stopped.",
  },
  EPIPE: {
    code: "PG_CONNECTION_LOST",
    says: "the connection was cut",
    hint: "Run the command again: it continues where it stopped.",
  },
  "28P01": {
    code: "PG_ADMIN_PASSWORD",
    says: "the server refused the admin's password",
    hint: "Correct the password that `admin.passwordFrom` points at.",
  },
  "28000": {
    code: "PG_ADMIN_REFUSED",
    says: "the server refuses this admin",
    hint: "Check LOGIN on the admin role and pg_hba.conf.",
  },
  "3D000": {
    code: "PG_DATABASE_MISSING",
    says: "the database does not exist",
    hint: "Check `admin.database` in g2p.yaml.",
  },
  "42501": {
    code: "PG_NO_RIGHT",
    says: "the admin lacks a right for it",
    hint: "Run it with an admin that is superuser, or grant the right that the server names.",
  },
  "53300": {
    code: "PG_TOO_MANY_CONNECTIONS",
    says: "the server has no connection left",
    hint: "Raise max_connections, end sessions, or lower --concurrency.",
  },
  "53100": {
    code: "PG_DISK_FULL",
    says: "the server's disk is full",
    hint: "Free space, then run the command again: it continues where it stopped.",
  },
  "53200": {
    code: "PG_OUT_OF_MEMORY",
    says: "the server is out of memory",
    hint: "Lower --concurrency or give the server memory.",
  },
  "25006": {
    code: "PG_READ_ONLY",
    says: "the server takes no writes now (read-only or a standby)",
    hint: "Point g2p.yaml at the primary, or end read-only mode.",
  },
  "57P01": {
    code: "PG_CONNECTION_LOST",
    says: "the server was shut down or the session ended by an administrator",
    hint: "Run the command again: it continues where it stopped.",
  },
  "57P02": {
    code: "PG_CONNECTION_LOST",
    says: "the server crashed",
    hint: "Run the command again: it continues where it stopped.",
  },
  "57P03": {
    code: "PG_STARTING",
    says: "the server is starting up or shutting down",
    hint: "Wait a moment, then run it again.",
  },
  "55006": {
    code: "PG_IN_USE",
    says: "the object is in use by other sessions",
    hint: "End these sessions, then run it again.",
  },
  "58P01": { code: "PG_FILE", says: "the server lacks a file", hint: "Install the package it names on the server." },
};

/**
 * Turns a driver's error into one that says what failed and what to do. Errors of ours pass unchanged. Only the server's
 * primary message is quoted: statement texts and details stay inside `cause`, because they may hold data.
 *
 * @param doing what was attempted, as in "creating database dev__farmers"
 */
export function toFailure(error: unknown, doing: string, resource?: string): CommonsError {
  if (error instanceof Base) return error;
  const code = errorCode(error);
  const meaning = code === undefined ? undefined : MEANINGS[code];
  const text =
    error instanceof Error && error.message !== "" ? firstLine(error.message) : String(code ?? "unknown error");
  const lost =
    meaning === undefined && /terminated unexpectedly|not queryable|Connection ended|timeout expired/.test(text);
  const known = lost ? MEANINGS["ECONNRESET"] : (meaning ?? tlsMeaning(code, text));
  return new ServiceError(`${doing} failed: ${known === undefined ? text : `${known.says} (${text})`}.`, {
    code: known?.code ?? (code === undefined ? "PG_FAILED" : `PG_${code}`),
    ...(resource === undefined ? {} : { resource }),
    ...(known === undefined ? {} : { hint: known.hint }),
    cause: error,
  });
}

/** What failed between here and a TLS connection: the driver's words, or the code that Node.js or OpenSSL gives. */
function tlsMeaning(code: string | undefined, text: string): (typeof MEANINGS)[string] | undefined {
  if (/does not support SSL/.test(text))
    return {
      code: "PG_TLS",
      says: "the server does not speak TLS",
      hint: "Set `sslmode: disable` in g2p.yaml if that is meant, or correct host and port.",
    };
  if (/^ERR_(SSL|TLS)|CERT|^UNABLE_TO_|^EPROTO$/.test(code ?? "") || /establishing an SSL connection/.test(text))
    return {
      code: "PG_TLS",
      says: "TLS failed",
      hint: "Set `sslmode` and `ca` in g2p.yaml as the server has them.",
    };
  return undefined;
}

/** True for failures that concern the connection or the whole server, after which further items need not be tried. */
export function isServerWide(error: unknown): boolean {
  const code = error instanceof Base ? error.code : toFailure(error, "").code;
  return [
    "PG_UNREACHABLE",
    "PG_CONNECTION_LOST",
    "PG_TLS",
    "PG_STARTING",
    "PG_DISK_FULL",
    "PG_READ_ONLY",
    "PG_TOO_MANY_CONNECTIONS",
  ].includes(code);
}

/** A refusal with its reason; see {@link RefusedError}. */
export function refuse(code: string, resource: string, message: string, hint: string): RefusedError {
  return new RefusedError(message, { code, resource, hint });
}

function firstLine(text: string): string {
  return (text.split("\n", 1)[0] ?? "").replace(/\.$/, "");
}
