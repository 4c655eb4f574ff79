import { CommonsError, ServiceError } from "../../model/error.ts";

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly hint: string;
  /** False where waiting can heal it; see {@link meaningOf}. */
  readonly final: boolean;
}

const LOST: Meaning = {
  code: "REDIS_CONNECTION_LOST",
  says: "the connection was cut",
  hint: "Run the command again: it continues where it stopped. Where it was cut at once, the server may expect TLS: write `rediss://` in `endpoint`.",
  final: false,
};
const UNREACHABLE = "REDIS_UNREACHABLE";
const TLS_HINT = "Set `endpoint` (`redis://` or `rediss://`) and `ca` in g2p.yaml as the server has them.";

/** First words of the server's errors (Redis source, server.c `shared`, and acl.c), and codes of the system. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: {
    code: UNREACHABLE,
    says: "nothing listens there",
    hint: "Start the server, or correct host and port in g2p.yaml.",
    final: false,
  },
  ENOTFOUND: {
    code: UNREACHABLE,
    says: "the host name is not known",
    hint: "Correct the host in g2p.yaml, or the name service.",
    final: false,
  },
  EAI_AGAIN: {
    code: UNREACHABLE,
    says: "the name service did not answer",
    hint: "Run it again when the name service answers.",
    final: false,
  },
  ETIMEDOUT: {
    code: UNREACHABLE,
    says: "no answer in time",
    hint: "Check the network between here and the server, and that what listens there is Redis, with TLS only where `endpoint` in g2p.yaml says `rediss://`.",
    final: false,
  },
  ECONNRESET: LOST,
  EPIPE: LOST,
  WRONGPASS: {
    code: "REDIS_PASSWORD",
    says: "the server refused user or password",
    hint: "Correct `admin.user`, or the password that `admin.passwordFrom` points at.",
    final: true,
  },
  NOAUTH: {
    code: "REDIS_PASSWORD",
    says: "the server wants a password and none was given",
    hint: "Name `admin.user` and `admin.passwordFrom` in g2p.yaml.",
    final: true,
  },
  NOPERM: {
    code: "REDIS_NO_RIGHT",
    says: "the administrator may not do that",
    hint: "Let the administrator be an ACL user with `~* &* +@all`.",
    final: true,
  },
  LOADING: {
    code: "REDIS_STARTING",
    says: "the server is still reading its data",
    hint: "Wait a moment, then run it again.",
    final: false,
  },
  READONLY: {
    code: "REDIS_READ_ONLY",
    says: "the server is a replica and takes no writes",
    hint: "Point g2p.yaml at the primary.",
    final: true,
  },
  MISCONF: {
    code: "REDIS_DISK",
    says: "the server cannot write its data to disk and takes no writes",
    hint: "Free space, or see the server's log; then run the command again: it continues where it stopped.",
    final: false,
  },
  OOM: {
    code: "REDIS_MEMORY",
    says: "the server is out of memory (maxmemory)",
    hint: "Give the server memory, or delete keys; then run the command again: it continues where it stopped.",
    final: false,
  },
  MASTERDOWN: {
    code: "REDIS_READ_ONLY",
    says: "the server is a replica that lost its primary",
    hint: "Point g2p.yaml at the primary.",
    final: false,
  },
  BUSY: {
    code: "REDIS_BUSY",
    says: "the server is busy with a script of somebody's",
    hint: "Run it again when the script has ended.",
    final: false,
  },
  ENOENT: { code: "REDIS_FILE", says: "a file is missing", hint: "Correct `ca` in g2p.yaml.", final: true },
  EACCES: { code: "REDIS_FILE", says: "a file may not be read", hint: "Give us the right to read it.", final: true },
};

/** Code of the system or of OpenSSL, else the first word of a server's error when it is in capitals. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === "string") return code;
  return /^[A-Z]{2,}(?= )/.exec(error.message)?.[0] ?? "";
}

/** The server's or the library's sentence; neither ever holds a password. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n", 1)[0] ?? "").replace(/\.$/, "");
}

/**
 * Does the server refuse a command for want of rights? Also as a script passes it on, which takes the first word away (Redis source,
 * script.c `scriptVerifyACL`; 6.2: scripting.c).
 */
export function isRefusal(error: unknown): boolean {
  return /\bNOPERM\b|No permissions to access|ACL failure in script|user executing the script can't/.test(
    messageOf(error),
  );
}

/** What an error means to the person who has to act; `undefined` where nothing is known beyond its own words. */
export function meaningOf(error: unknown): Meaning | undefined {
  const code = errorCode(error);
  const message = messageOf(error);
  if (MEANINGS[code] !== undefined) return MEANINGS[code];
  if (/^ERR_SSL|^ERR_TLS|CERT|^UNABLE_TO|^EPROTO$/.test(code))
    return { code: "REDIS_TLS", says: `TLS failed: ${code}`, hint: TLS_HINT, final: true };
  if (/max number of clients/.test(message))
    return {
      code: "REDIS_TOO_MANY_CONNECTIONS",
      says: "the server has no connection left",
      hint: "Raise maxclients, end connections, or lower --concurrency.",
      final: false,
    };
  if (/Connection timeout/.test(message)) return MEANINGS["ETIMEDOUT"];
  if (/Socket closed|client is closed|Disconnect|Connection is closed/i.test(message)) return LOST;
  if (/Protocol error|invalid|Unknown RESP type/i.test(message) && code === "")
    return {
      code: "REDIS_NOT_REDIS",
      says: "what listens there does not speak Redis' protocol",
      hint: `Correct host and port in g2p.yaml. ${TLS_HINT}`,
      final: true,
    };
  return undefined;
}

/**
 * Turns an error of the library, the server or the system into one that says what failed and what to do; errors of ours pass
 * unchanged.
 *
 * @param doing what was attempted, as in "looking at redis"
 */
export function toFailure(error: unknown, doing: string, resource: string): CommonsError {
  if (error instanceof CommonsError) return error;
  const meaning = meaningOf(error);
  const text = messageOf(error);
  const code = errorCode(error);
  return new ServiceError(`${doing} failed: ${meaning === undefined ? text : `${meaning.says} (${text})`}.`, {
    code: meaning?.code ?? (code === "" ? "REDIS_FAILED" : `REDIS_${code.replaceAll(/[^A-Z0-9]/g, "_")}`),
    resource,
    hint: meaning?.hint ?? "See the server's log, then run the command again: it continues where it stopped.",
    cause: error,
  });
}

/** True for failures that concern the whole server, after which further items need not be tried. */
export function isServerWide(error: CommonsError): boolean {
  return [UNREACHABLE, LOST.code, "REDIS_STARTING", "REDIS_READ_ONLY", "REDIS_DISK", "REDIS_NO_RIGHT"].includes(
    error.code,
  );
}
