import { readFile } from "node:fs/promises";
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { CommonsError, ServiceError } from "../model/error.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** Largest answer that is read; a server that sends more is not the service expected there. */
const LARGEST_BODY = 256 * 1024 * 1024;

/** How an HTTP server is reached. */
export interface HttpOptions {
  /** `http://host:port/path` or `https://…`, see `baseUrl` in model/endpoint.ts. */
  readonly base: string;
  /** Certificates of the authority that signed the server's; the system's roots where absent. */
  readonly caFile?: string | undefined;
  /** Longest time of one request, in ms; default 30 s. */
  readonly timeoutMs?: number;
  /** Connections kept and used at a time; default 8. */
  readonly connections?: number;
  /** Ends every request. */
  readonly signal?: AbortSignal | undefined;
  /** What it is called in errors, e.g. `Keycloak keycloak/dev`. */
  readonly title: string;
  /** Beginning of error codes, e.g. `KEYCLOAK`. */
  readonly code: string;
  /** Id of the server, for errors. */
  readonly resource?: string;
}

/** One request. Of `json`, `form` and `text` at most one is given. */
export interface HttpRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly timeoutMs?: number;
}

/** What a server answered. Every status is an answer; only what prevents one is thrown. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The body as JSON; `undefined` where it is empty or no JSON. */
  readonly json: unknown;
}

/** A client with connections of its own to one server. */
export interface Http {
  /**
   * Sends a request to `base + path`.
   *
   * @throws ServiceError `<CODE>_UNREACHABLE`, `<CODE>_TIMEOUT`, `<CODE>_TLS` or `<CODE>_FAILED`; the signal's reason
   */
  request(path: string, request?: HttpRequest): Promise<HttpAnswer>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Opens a client; connects at the first request. Redirects are not followed: no request may take its credentials elsewhere.
 *
 * @throws ServiceError `<CODE>_CA_FILE` when the file with the authority's certificates cannot be read
 */
export async function openHttp(options: HttpOptions): Promise<Http> {
  const base = new URL(options.base);
  const secure = base.protocol === "https:";
  const pool = { keepAlive: true, maxSockets: options.connections ?? 8, scheduling: "lifo" } as const;
  const ca = secure && options.caFile !== undefined ? await readCa(options.caFile, options) : undefined;
  const agent = secure ? new HttpsAgent({ ...pool, ...(ca === undefined ? {} : { ca }) }) : new HttpAgent(pool);
  const prefix = base.pathname.replace(/\/$/, "");
  return {
    request: async (path, request = {}) => {
      options.signal?.throwIfAborted();
      const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const body = bodyOf(request);
      const method = request.method ?? (body === undefined ? "GET" : "POST");
      const deadline = AbortSignal.timeout(timeoutMs);
      const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
      const sent: RequestOptions = {
        agent,
        host: base.hostname.replace(/^\[|\]$/g, ""),
        port: base.port === "" ? (secure ? 443 : 80) : Number(base.port),
        path: prefix + path,
        method,
        signal,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": body.type, "content-length": body.bytes.length }),
          ...request.headers,
        },
      };
      try {
        return await send(secure, sent, body?.bytes);
      } catch (error) {
        if (options.signal?.aborted === true) throw options.signal.reason;
        throw toFailure(error, `${method} ${prefix}${path.split("?", 1)[0] ?? ""}`, base, options, deadline, timeoutMs);
      }
    },
    close: () => agent.destroy(),
  };
}

/** The code of an error of the system or of TLS, also where it is the cause of another. */
export function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && !(error instanceof CommonsError)) return code;
  if (error instanceof AggregateError) return networkCode(error.errors[0]);
  return networkCode(error.cause);
}

async function send(secure: boolean, options: RequestOptions, body: Buffer | undefined): Promise<HttpAnswer> {
  // A server may close a kept connection at the moment it is used again: nothing was answered, so it is sent once more.
  for (let attempt = 1; ; attempt++) {
    let reused = false;
    try {
      return await new Promise<HttpAnswer>((resolve, reject) => {
        const outgoing = (secure ? requestHttps : requestHttp)(options, (incoming) => {
          receive(incoming).then(resolve, reject);
        });
        outgoing.once("error", (error) => {
          reused = outgoing.reusedSocket;
          reject(error);
        });
        outgoing.end(body);
      });
    } catch (error) {
      if (!reused || attempt > 2 || !["ECONNRESET", "EPIPE"].includes(networkCode(error) ?? "")) throw error;
    }
  }
}

async function receive(incoming: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new Error(`the answer is larger than ${LARGEST_BODY} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: parseJson(text) };
}

function bodyOf(request: HttpRequest): { bytes: Buffer; type: string } | undefined {
  if (request.json !== undefined) return { bytes: Buffer.from(JSON.stringify(request.json)), type: "application/json" };
  if (request.form !== undefined)
    return {
      bytes: Buffer.from(new URLSearchParams(request.form).toString()),
      type: "application/x-www-form-urlencoded",
    };
  return request.text === undefined ? undefined : { bytes: Buffer.from(request.text), type: "text/plain" };
}

function parseJson(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readCa(file: string, options: HttpOptions): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw failure(options, "CA_FILE", {
      text: `The certificate file ${file} of ${options.title} cannot be read: ${(error as Error).message}. Nothing was changed.`,
      hint: "Correct `ca` in g2p.yaml.",
      cause: error,
    });
  }
}

/** What a system's or TLS's code means to the person who has to act (Node documentation, "Common system errors", "X509 errors"). */
function toFailure(
  error: unknown,
  doing: string,
  base: URL,
  options: HttpOptions,
  deadline: AbortSignal,
  timeoutMs: number,
): CommonsError {
  if (error instanceof CommonsError) return error;
  const where = `${options.title} at ${base.host}`;
  const code = networkCode(error) ?? "";
  const message = error instanceof Error ? error.message : String(error);
  if (deadline.aborted)
    return failure(options, "TIMEOUT", {
      text: `${where} did not answer ${doing} within ${timeoutMs / 1000} s.`,
      hint: "Check the network between here and the server, and the server's log; then run it again: it continues where it stopped.",
      cause: error,
    });
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined)
    return failure(options, "UNREACHABLE", {
      text: `${where} cannot be reached: ${unreachable.says} (${code}).`,
      hint: unreachable.hint,
      cause: error,
    });
  const tls = tlsMeaning(code, message, base.protocol === "https:");
  if (tls !== undefined)
    return failure(options, "TLS", {
      text: `${where} cannot be talked to: ${tls.says} (${code || message}).`,
      hint: tls.hint,
      cause: error,
    });
  const cut = code === "ECONNRESET" || code === "EPIPE";
  return failure(options, cut ? "CONNECTION_LOST" : "FAILED", {
    text: `${where} failed at ${doing}: ${cut ? `the connection was cut (${code})` : message}.`,
    ...(cut ? { hint: base.protocol === "https:" ? AGAIN : `${AGAIN} ${MAY_EXPECT_TLS}` } : {}),
    cause: error,
  });
}

const AGAIN = "Run the command again: it continues where it stopped.";
const MAY_EXPECT_TLS = "Where it was cut at once, the server may expect TLS: write `https://` in its `endpoint`.";
const CORRECT_ADDRESS = "Start the server, or correct host and port in g2p.yaml.";

const UNREACHABLE: Readonly<Record<string, { readonly says: string; readonly hint: string }>> = {
  ECONNREFUSED: { says: "nothing listens there", hint: CORRECT_ADDRESS },
  ENOTFOUND: { says: "the host name is not known", hint: "Correct the host in g2p.yaml, or the name service." },
  EAI_AGAIN: { says: "the name service did not answer", hint: "Run it again when the name service answers." },
  ETIMEDOUT: { says: "no answer in time", hint: "Check the network between here and the server." },
  EHOSTUNREACH: { says: "there is no way to the host", hint: "Check the network between here and the server." },
  ENETUNREACH: { says: "there is no way to the network", hint: "Check the network between here and the server." },
  ECONNABORTED: { says: "the connection was given up", hint: CORRECT_ADDRESS },
};

function tlsMeaning(code: string, message: string, secure: boolean): { says: string; hint: string } | undefined {
  if (!secure)
    // An HTTPS server answers plain text with a TLS alert, which is no HTTP.
    return code.startsWith("HPE_")
      ? {
          says: "its answer is no HTTP: it may expect TLS",
          hint: "Write `https://` in its `endpoint` in g2p.yaml, or correct the port.",
        }
      : undefined;
  if (/wrong version number|packet length too long|EPROTO/.test(`${code} ${message}`))
    return {
      says: "it does not speak TLS there",
      hint: "Write `http://` in its `endpoint` in g2p.yaml, or correct the port.",
    };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return { says: "its certificate is for another host name", hint: "Use a host name that the certificate holds." };
  if (code === "CERT_HAS_EXPIRED") return { says: "its certificate has expired", hint: "Renew it on the server." };
  if (/CERT|SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY/.test(code))
    return {
      says: "its certificate is signed by nobody that is trusted here",
      hint: "Point `ca` in g2p.yaml at the certificate of the authority that signed it.",
    };
  return code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS")
    ? { says: "no TLS connection came about", hint: "Check the server's TLS versions and certificate." }
    : undefined;
}

function failure(
  options: HttpOptions,
  code: string,
  details: { readonly text: string; readonly hint?: string; readonly cause: unknown },
): ServiceError {
  return new ServiceError(details.text, {
    code: `${options.code}_${code}`,
    ...(options.resource === undefined ? {} : { resource: options.resource }),
    ...(details.hint === undefined ? {} : { hint: details.hint }),
    cause: details.cause,
  });
}
