import { baseUrl, type KeymanagerEndpoint, type TokenSource } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import { type Http, openHttp } from "../http.ts";

const TIMEOUT_MS = 15_000;
/** A new RSA key on a busy machine. */
const KEY_TIMEOUT_MS = 60_000;

/** What Keymanager answered; it says most refusals with status 200. */
export interface Answer {
  readonly status: number;
  /** First error's code, e.g. `KER-KMS-002`, or `HTTP 500`; `undefined` when all went well. */
  readonly error: string | undefined;
  readonly message: string;
  readonly response: Readonly<Record<string, unknown>>;
  /** The whole body, where it is an object. */
  readonly body: object;
}

/** Codes by which Keymanager refuses a caller, as against refusing what was sent. */
const REFUSALS = ["KER-ATH-401", "KER-ATH-403", "KER-CRY-012", "KER-JWS-108", "HTTP 401", "HTTP 403"];

/** Was the caller refused? */
export function isRefusal(answer: Answer): boolean {
  return answer.error !== undefined && REFUSALS.includes(answer.error);
}

/** HTTP to one Keymanager, with one connection pool for all callers. */
export class Api {
  readonly #endpoint: KeymanagerEndpoint;
  readonly #server: string;
  readonly #connections: number;
  readonly #tokens = new Map<string, Promise<Secret>>();
  #http: Promise<Http> | undefined;
  #login: Promise<Http> | undefined;

  constructor(endpoint: KeymanagerEndpoint, server: string, connections: number) {
    this.#endpoint = endpoint;
    this.#server = server;
    this.#connections = connections;
  }

  /** Sends as the administrator. */
  admin(method: "GET" | "POST", path: string, request?: object): Promise<Answer> {
    return this.as(this.#endpoint.auth, method, path, request);
  }

  /**
   * Sends a request with the caller's token, or with none.
   *
   * @throws ServiceError `KEYMANAGER_UNREACHABLE` and the like; `KEYMANAGER_LOGIN` when the token source refuses the client
   */
  async as(caller: TokenSource | undefined, method: "GET" | "POST", path: string, request?: object): Promise<Answer> {
    const token = caller === undefined ? undefined : await this.#token(caller);
    this.#http ??= openHttp({
      base: baseUrl(this.#endpoint),
      caFile: this.#endpoint.caFile,
      title: `Keymanager ${this.#server}`,
      code: "KEYMANAGER",
      resource: this.#server,
      timeoutMs: TIMEOUT_MS,
      connections: this.#connections,
    });
    const http = await this.#http;
    const answer = await http.request(path, {
      method,
      timeoutMs: path.startsWith("/generate") || path.startsWith("/getCertificate") ? KEY_TIMEOUT_MS : TIMEOUT_MS,
      // The authentication adapter takes the token from this cookie and from nowhere else.
      ...(token === undefined ? {} : { headers: { cookie: `Authorization=${token.reveal()}` } }),
      ...(request === undefined
        ? {}
        : { json: { id: "g2p", version: "1.0", requesttime: new Date().toISOString(), request } }),
    });
    return toAnswer(answer.status, answer.json);
  }

  /**
   * Is the server there, and does it let its administrator in? Asks for nothing that the server would remember.
   *
   * @throws ServiceError as {@link Api.as} does, `KEYMANAGER_UNHEALTHY`, `KEYMANAGER_ADMIN_REFUSED`
   */
  async reach(): Promise<void> {
    const [health] = await Promise.all([
      this.as(undefined, "GET", "/actuator/health"),
      this.#endpoint.auth === undefined ? undefined : this.#token(this.#endpoint.auth),
    ]);
    if (health.error === undefined) return;
    throw new ServiceError(`Keymanager ${this.#server} is there, but not healthy: ${health.message}.`, {
      code: "KEYMANAGER_UNHEALTHY",
      resource: this.#server,
      hint: "See Keymanager's log; check its path in g2p.yaml (/v1/keymanager) and its database.",
    });
  }

  /** The server's version, where it tells it. */
  async version(): Promise<string | undefined> {
    const { body } = await this.admin("GET", "/actuator/info");
    const { build } = body as { build?: { version?: unknown } };
    return typeof build?.version === "string" ? build.version : undefined;
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    for (const http of [this.#http, this.#login]) (await http?.catch(() => undefined))?.close();
  }

  #token(source: TokenSource): Promise<Secret> {
    const key = `${source.clientId}\0${source.clientSecret.reveal()}`;
    const known = this.#tokens.get(key);
    if (known !== undefined) return known;
    const token = this.#signIn(source);
    this.#tokens.set(key, token);
    token.catch(() => this.#tokens.delete(key));
    return token;
  }

  async #signIn(source: TokenSource): Promise<Secret> {
    const url = new URL(source.tokenUrl);
    this.#login ??= openHttp({
      base: url.origin,
      caFile: this.#endpoint.caFile,
      title: `The login service of Keymanager ${this.#server}`,
      code: "KEYMANAGER_LOGIN",
      resource: this.#server,
      timeoutMs: TIMEOUT_MS,
    });
    const answer = await (
      await this.#login
    ).request(url.pathname, {
      form: {
        grant_type: "client_credentials",
        client_id: source.clientId,
        client_secret: source.clientSecret.reveal(),
      },
    });
    const body = (answer.json ?? {}) as { access_token?: unknown; error?: unknown };
    if (answer.status === 200 && typeof body.access_token === "string") return new Secret(body.access_token);
    const said = typeof body.error === "string" ? body.error : `HTTP ${answer.status}`;
    throw new ServiceError(
      `The login service at ${url.host} gives client "${source.clientId}" no token for Keymanager ${this.#server}: ${said}.`,
      {
        code: "KEYMANAGER_LOGIN",
        resource: this.#server,
        hint: "Apply Keycloak first, or correct client id and secret of keymanager's admin in g2p.yaml.",
      },
    );
  }
}

/** Turns an answer of the administrator's that is no success into an error. */
export function failed(server: string, doing: string, answer: Answer, resource?: string): ServiceError {
  const refused = isRefusal(answer);
  return new ServiceError(`Keymanager ${server}: ${doing} failed: ${answer.message} (${answer.error}).`, {
    code: refused ? "KEYMANAGER_ADMIN_REFUSED" : "KEYMANAGER_FAILED",
    resource: resource ?? server,
    hint: refused
      ? "Give the administrator's client the role and audience that Keymanager asks for."
      : "See Keymanager's log, then run the command again: it continues where it stopped.",
  });
}

function toAnswer(status: number, json: unknown): Answer {
  const body = (typeof json === "object" && json !== null ? json : {}) as {
    errors?: readonly { errorCode?: unknown; message?: unknown }[] | null;
    response?: Readonly<Record<string, unknown>> | null;
  };
  const [first] = body.errors ?? [];
  const error = first === undefined ? (status === 200 ? undefined : `HTTP ${status}`) : String(first.errorCode);
  return {
    status,
    error,
    message: typeof first?.message === "string" ? first.message : `it answered HTTP ${status}`,
    response: body.response ?? {},
    body,
  };
}
