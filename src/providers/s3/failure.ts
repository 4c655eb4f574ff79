import { type CommonsError, CommonsError as Base, ServiceError } from "../../model/error.ts";

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly hint: string;
}

const AGAIN = "Run the command again: it continues where it stopped.";
const ADDRESS = "Start the server, or correct host and port in g2p.yaml.";
const ADMIN = "Correct `admin.user` and what `admin.passwordFrom` points at.";

/** What the network's and the server's codes mean to the person who has to act. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: { code: "S3_UNREACHABLE", says: "nothing listens there", hint: ADDRESS },
  ENOTFOUND: {
    code: "S3_UNREACHABLE",
    says: "the host name is not known",
    hint: "Correct the host in g2p.yaml, or the name service.",
  },
  EAI_AGAIN: {
    code: "S3_UNREACHABLE",
    says: "the name service did not answer",
    hint: "Run it again when the name service answers.",
  },
  EHOSTUNREACH: {
    code: "S3_UNREACHABLE",
    says: "there is no way to the host",
    hint: "Check the network between here and the server.",
  },
  ETIMEDOUT: {
    code: "S3_UNREACHABLE",
    says: "no answer in time",
    hint: "Check the network between here and the server.",
  },
  TimeoutError: {
    code: "S3_UNREACHABLE",
    says: "no answer in time",
    hint: "Check the network between here and the server, and the server's log.",
  },
  ECONNRESET: { code: "S3_CONNECTION_LOST", says: "the connection was cut", hint: AGAIN },
  EPIPE: { code: "S3_CONNECTION_LOST", says: "the connection was cut", hint: AGAIN },
  EPROTO: {
    code: "S3_TLS",
    says: "it does not speak TLS there",
    hint: "Write `http://` in its `endpoint` in g2p.yaml, or correct the port.",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: "S3_TLS",
    says: "its certificate is for another host name",
    hint: "Use a host name that the certificate holds.",
  },
  CERT_HAS_EXPIRED: { code: "S3_TLS", says: "its certificate has expired", hint: "Renew it on the server." },
  InvalidAccessKeyId: { code: "S3_ADMIN_REFUSED", says: "the server does not know this administrator", hint: ADMIN },
  SignatureDoesNotMatch: {
    code: "S3_ADMIN_REFUSED",
    says: "the server refuses the administrator's password",
    hint: ADMIN,
  },
  RequestTimeTooSkewed: {
    code: "S3_CLOCK",
    says: "its clock and this machine's differ by more than 15 minutes",
    hint: "Set the clocks.",
  },
  XMinioStorageFull: { code: "S3_DISK_FULL", says: "the server's disk is full", hint: `Free space, then: ${AGAIN}` },
  XMinioAdminBucketQuotaExceeded: {
    code: "S3_QUOTA",
    says: "the bucket's quota is used up",
    hint: "Raise `quota` of the bucket, or delete objects.",
  },
  QuotaExceeded: {
    code: "S3_QUOTA",
    says: "the bucket's quota is used up",
    hint: "Raise `quota` of the bucket, or delete objects.",
  },
  XMinioServerNotInitialized: {
    code: "S3_STARTING",
    says: "the server is starting",
    hint: "Wait a moment, then run it again.",
  },
  ServiceUnavailable: {
    code: "S3_STARTING",
    says: "the server is not ready",
    hint: "Wait a moment, then run it again.",
  },
  SlowDown: {
    code: "S3_STARTING",
    says: "the server is too busy",
    hint: "Lower --concurrency, or run it again later.",
  },
  AccessDenied: {
    code: "S3_NO_RIGHT",
    says: "the administrator lacks a right for it",
    hint: "Use the server's root user or admin token.",
  },
};

const UNTRUSTED: Meaning = {
  code: "S3_TLS",
  says: "its certificate is signed by nobody that is trusted here",
  hint: "Point `ca` in g2p.yaml at the certificate of the authority that signed it.",
};

const PLAIN_TO_TLS: Meaning = {
  code: "S3_TLS",
  says: "its answer is none of S3: it may expect TLS",
  hint: "Write `https://` in its `endpoint` in g2p.yaml, or correct the port.",
};

/** What a server answered to its administrator, where it was no success. */
export class AdminAnswerError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.name = "AdminAnswerError";
    this.code = code;
    this.status = status;
  }
}

/** The code of what went wrong: the server's, the system's or TLS's. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code, Code, name, cause } = error as Error & { code?: unknown; Code?: unknown };
  if (typeof code === "string" && code !== "") return code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (typeof Code === "string") return Code;
  if (cause instanceof Error && codeOf(cause) !== "") return codeOf(cause);
  return name === "Error" ? "" : name;
}

/** The HTTP status of an answer, or undefined where nothing was answered. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof AdminAnswerError) return error.status;
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata;
  return metadata?.httpStatusCode;
}

/**
 * Turns what a client threw into an error that says what failed and what to do. Errors of ours pass unchanged.
 *
 * @param doing what was attempted, as in "creating s3/dev/farmers/main"
 */
export function toFailure(error: unknown, doing: string, resource?: string): CommonsError {
  if (error instanceof Base) return error;
  const code = codeOf(error);
  const text = error instanceof Error && error.message !== "" ? firstLine(error.message) : code || "unknown error";
  const known = meaningOf(code, text);
  return new ServiceError(`${doing} failed: ${known === undefined ? text : `${known.says} (${code || text})`}.`, {
    code: known?.code ?? "S3_FAILED",
    ...(resource === undefined ? {} : { resource }),
    ...(known === undefined ? {} : { hint: known.hint }),
    cause: error,
  });
}

/** True for failures that concern the connection or the whole server, after which further items need not be tried. */
export function isServerWide(error: CommonsError): boolean {
  return [
    "S3_UNREACHABLE",
    "S3_CONNECTION_LOST",
    "S3_TLS",
    "S3_ADMIN_REFUSED",
    "S3_DISK_FULL",
    "S3_CLOCK",
    "S3_STARTING",
  ].includes(error.code);
}

export /** Takes one of the answers as success: somebody was faster. */
function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error))) throw error;
    return undefined;
  };
}

function meaningOf(code: string, text: string): Meaning | undefined {
  if (Object.hasOwn(MEANINGS, code)) return MEANINGS[code];
  if (/wrong version number|packet length too long/.test(text)) return MEANINGS["EPROTO"];
  if (/CERT|SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY/.test(code)) return UNTRUSTED;
  if (code.startsWith("HPE_") || /HTTP request to an HTTPS server|Client sent an HTTP/.test(text)) return PLAIN_TO_TLS;
  return undefined;
}

function firstLine(text: string): string {
  return (text.split("\n", 1)[0] ?? "").replace(/\.$/, "");
}
