import { CommonsError, ServiceError, TimeoutError } from "../../model/error.ts";

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly hint: string;
}

const UNREACHABLE = "KAFKA_UNREACHABLE";
const LOST = {
  code: "KAFKA_CONNECTION_LOST",
  says: "the connection was cut",
  hint: "Run the command again: it continues where it stopped.",
};
const PLAIN_AT_TLS = {
  code: "KAFKA_TLS_EXPECTED",
  says: "the server expects TLS, and plain text was sent",
  hint: "Set `tls: true` for kafka in g2p.yaml, with `ca` where its certificate is of an authority of your own.",
};
const TLS_AT_PLAIN = {
  code: "KAFKA_TLS_REFUSED",
  says: "the server speaks no TLS on this port",
  hint: "Set `tls: false` for kafka in g2p.yaml, or use the port of its TLS listener.",
};
const UNTRUSTED = {
  code: "KAFKA_CERTIFICATE",
  says: "the server's certificate is not trusted here",
  hint: "Set `ca` for kafka in g2p.yaml to the certificate of the authority that signed it.",
};

/** What the system's and OpenSSL's codes mean to the person who has to act. */
const SYSTEM: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: { code: UNREACHABLE, says: "nothing listens there", hint: "Start the server, or correct the address." },
  ENOTFOUND: { code: UNREACHABLE, says: "the host name is not known", hint: "Correct the host in g2p.yaml." },
  EAI_AGAIN: { code: UNREACHABLE, says: "the name service did not answer", hint: "Run it again when it answers." },
  EHOSTUNREACH: { code: UNREACHABLE, says: "no route leads there", hint: "Check the network between here and Kafka." },
  ETIMEDOUT: { code: UNREACHABLE, says: "no answer in time", hint: "Check the network between here and Kafka." },
  ECONNRESET: LOST,
  EPIPE: LOST,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_HAS_EXPIRED: { ...UNTRUSTED, says: "the server's certificate has expired", hint: "Renew it on the server." },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    ...UNTRUSTED,
    says: "the server's certificate is for another host name",
    hint: "Use a host name that stands in the certificate.",
  },
  ERR_SSL_WRONG_VERSION_NUMBER: TLS_AT_PLAIN,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: TLS_AT_PLAIN,
};

/** Kafka's error codes (Kafka protocol guide, "Error Codes") that mean more than their name. */
const PROTOCOL: Readonly<Record<number, Meaning>> = {
  33: {
    code: "KAFKA_SASL_MECHANISM",
    says: "the server does not offer SCRAM-SHA-512 on this port",
    hint: "Use a listener with sasl.enabled.mechanisms=SCRAM-SHA-512.",
  },
  34: {
    code: "KAFKA_SASL_MISSING",
    says: "this port asks nobody to sign in",
    hint: "Use a listener with SASL and SCRAM-SHA-512.",
  },
  58: {
    code: "KAFKA_ADMIN_PASSWORD",
    says: "the server refused the user or the password",
    hint: "Correct the administrator that g2p.yaml names and the password that `admin.passwordFrom` points at.",
  },
  31: {
    code: "KAFKA_NO_RIGHT",
    says: "the administrator lacks a right on the cluster",
    hint: "Use a user of `super.users`, or allow it ALL on the cluster, topics, groups and transactional ids.",
  },
  29: {
    code: "KAFKA_NO_RIGHT",
    says: "the administrator lacks a right on a topic",
    hint: "Use a user of `super.users`.",
  },
  54: {
    code: "KAFKA_NO_AUTHORIZER",
    says: "the server has no authorizer, so nothing can be kept apart on it",
    hint: "Set authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer on the server.",
  },
  35: {
    code: "KAFKA_VERSION",
    says: "the server is too old",
    hint: "Use Kafka 3.3 or newer, without ZooKeeper.",
  },
  38: {
    code: "KAFKA_REPLICATION",
    says: "there are fewer brokers than copies asked for",
    hint: "Lower `replication` of the topic, or start more brokers.",
  },
  44: {
    code: "KAFKA_POLICY",
    says: "the server's own policy forbids it",
    hint: "Ask who runs the server what its policy for topics is.",
  },
  56: {
    code: "KAFKA_DISK",
    says: "the server cannot write to its disk",
    hint: "Free space on the server, then run the command again: it continues where it stopped.",
  },
  89: {
    code: "KAFKA_QUOTA",
    says: "the server's quota for changes is used up",
    hint: "Wait a moment, then run the command again: it continues where it stopped.",
  },
};

/** The number of a protocol error, of whatever depth: the library wraps them in errors of responses and of connections. */
export function protocolCode(error: unknown): number | undefined {
  return find(error, (one) => (typeof one["apiCode"] === "number" ? one["apiCode"] : undefined));
}

/** The response that an error was made from, so that single results can be told apart. */
export function responseOf(error: unknown): unknown {
  return find(error, (one) => one["response"]);
}

/**
 * Turns the library's error into one that says what failed and what to do. Errors of ours pass unchanged.
 *
 * @param doing what was attempted, as in `looking at kafka`
 */
export function toFailure(error: unknown, doing: string, resource?: string): CommonsError {
  if (error instanceof CommonsError) return error;
  const about = resource === undefined ? {} : { resource };
  const meaning = meaningOf(error);
  const text = firstLine(serverText(error) ?? (error instanceof Error ? error.message : String(error)));
  const details = {
    code: meaning?.code ?? "KAFKA_FAILED",
    hint: meaning?.hint ?? "See the server's log; then run the command again: it continues where it stopped.",
    cause: error,
    ...about,
  };
  const message = `Kafka: ${doing} failed: ${meaning === undefined ? text : `${meaning.says} (${text})`}.`;
  return meaning?.code === TIMED_OUT.code ? new TimeoutError(message, details) : new ServiceError(message, details);
}

/** True for failures that concern the connection or the whole server, after which further items need not be tried. */
export function isServerWide(error: CommonsError): boolean {
  return /^KAFKA_(UNREACHABLE|CONNECTION_LOST|TIMEOUT|DISK|ADMIN_PASSWORD|NO_AUTHORIZER|VERSION)$/.test(error.code);
}

const TIMED_OUT = {
  code: "KAFKA_TIMEOUT",
  says: "no answer in time",
  hint: "Check that the address is Kafka's and that the server is not overloaded, then run it again.",
};

function meaningOf(error: unknown): Meaning | undefined {
  const number = protocolCode(error);
  if (number !== undefined) return PROTOCOL[number];
  const system = find(error, (one) => (typeof one["code"] === "string" ? SYSTEM[one["code"]] : undefined));
  const texts = find(error, (one) => textMeaning(typeof one["message"] === "string" ? one["message"] : ""));
  return texts ?? system;
}

/** What only the library's words tell. */
function textMeaning(text: string): Meaning | undefined {
  if (/broker (may )?require|requires? TLS|expects? TLS|looks like (a )?TLS|TLS alert/i.test(text)) return PLAIN_AT_TLS;
  if (
    /verify the broker supports TLS|before secure TLS connection|wrong version number|packet length too long/i.test(
      text,
    )
  )
    return TLS_AT_PLAIN;
  if (/timed out/i.test(text)) return TIMED_OUT;
  if (/Connection closed|closed unexpectedly/i.test(text)) return LOST;
  return undefined;
}

function serverText(error: unknown): string | undefined {
  return find(error, (one) => {
    const said = one["serverErrorMessage"];
    if (typeof said === "string" && said !== "") return said;
    return typeof one["apiId"] === "string" ? one["apiId"] : undefined;
  });
}

/** Looks for something in an error, its causes and its parts. */
function find<T>(
  error: unknown,
  look: (one: Readonly<Record<string, unknown>>) => T | undefined,
  depth = 0,
): T | undefined {
  if (typeof error !== "object" || error === null || depth > 6) return undefined;
  const one = error as Readonly<Record<string, unknown>>;
  const found = look(one);
  if (found !== undefined) return found;
  const parts = Array.isArray(one["errors"]) ? (one["errors"] as unknown[]) : [];
  for (const part of [one["cause"], ...parts]) {
    const inner = find(part, look, depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function firstLine(text: string): string {
  return (text.split("\n", 1)[0] ?? "").replace(/\.$/, "");
}
