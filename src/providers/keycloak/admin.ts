import { setTimeout as delay } from "node:timers/promises";
import { baseUrl, type KeycloakEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import { type Http, type HttpAnswer, type HttpRequest, openHttp } from "../http.ts";
import { oidcPath, refusalOf, type Token, tokenOf } from "./token.ts";

/** Realm in which Keycloak keeps its administrators. */
const ADMIN_REALM = "master";
const ADMIN_CLIENT = "admin-cli";
const SIGN_IN_TIMEOUT_MS = 15_000;
/** A write takes tens of milliseconds, but seconds where many run at a time on a busy machine. */
const TIMEOUT_MS = 60_000;
/** Making a realm with its keys and built-in clients takes seconds, on a busy machine many. */
const SLOW_TIMEOUT_MS = 120_000;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;

/** One request of the administrator. */
export interface AdminRequest extends Pick<HttpRequest, "method" | "json"> {
  /** What is attempted, as in `creating client dev--pbms`. */
  readonly doing: string;
  /** Item that it is for. */
  readonly resource?: string;
  /** Statuses that are answers here beside 200 to 299, e.g. 404. */
  readonly answers?: readonly number[];
  /** May take a minute. */
  readonly slow?: boolean;
}

/** The administrator of one Keycloak. */
export interface Admin {
  readonly endpoint: KeycloakEndpoint;
  /** Path of the realm below `/admin`. */
  readonly realmPath: string;
  /**
   * Sends a request to the Admin REST API, with a token that is renewed when it ends. What concurrent changes and a busy database
   * make fail (status 500, 503) is repeated a few times, since every request here can be.
   *
   * @throws ServiceError when the server cannot be reached, refuses the administrator or fails
   */
  request(path: string, request: AdminRequest): Promise<HttpAnswer>;
  /**
   * Signs in with a client's own secret at the introspection endpoint, which makes no session: 200 when the secret is right, 401 when
   * it is not or there is no such client.
   */
  introspect(clientId: string, secret: Secret): Promise<HttpAnswer>;
  close(): void;
}

/** Prepares the administrator's connection; connects at the first request. */
export async function openAdmin(endpoint: KeycloakEndpoint, server: string, connections: number): Promise<Admin> {
  const http = await openKeycloak(endpoint, server, connections);
  let login: Promise<Token> | undefined;
  const token = async (): Promise<Token> => {
    const held = await login;
    if (held !== undefined && held.until > performance.now()) return held;
    login = signIn(http, endpoint, server);
    login.catch(() => (login = undefined));
    return login;
  };
  const send = async (path: string, request: AdminRequest): Promise<HttpAnswer> => {
    const once = async () =>
      http.request(path, {
        ...(request.method === undefined ? {} : { method: request.method }),
        ...(request.json === undefined ? {} : { json: request.json }),
        ...(request.slow === true ? { timeoutMs: SLOW_TIMEOUT_MS } : {}),
        headers: { authorization: `Bearer ${(await token()).token.reveal()}` },
      });
    const answer = await once();
    if (answer.status !== 401) return answer;
    login = undefined;
    return once();
  };
  return {
    endpoint,
    realmPath: `/admin/realms/${encodeURIComponent(endpoint.realm)}`,
    request: async (path, request) => {
      for (let attempt = 1; ; attempt++) {
        const answer = await send(path, request);
        if (isFine(answer.status) || request.answers?.includes(answer.status) === true) return answer;
        const passing = answer.status === 500 || answer.status === 503;
        if (!passing || attempt >= ATTEMPTS) throw failure(answer, endpoint, request);
        await delay(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()));
      }
    },
    introspect: (clientId, secret) => introspect(http, endpoint.realm, clientId, secret),
    close: () => http.close(),
  };
}

/** See {@link Admin.introspect}. */
export function introspect(http: Http, realm: string, clientId: string, secret: Secret): Promise<HttpAnswer> {
  return http.request(oidcPath(realm, "token/introspect"), {
    form: { token: "none", client_id: clientId, client_secret: secret.reveal() },
  });
}

/** A client for one Keycloak without anybody's credentials. */
export function openKeycloak(
  endpoint: KeycloakEndpoint,
  server: string,
  connections = 8,
  timeoutMs = TIMEOUT_MS,
): Promise<Http> {
  return openHttp({
    base: baseUrl(endpoint),
    caFile: endpoint.caFile,
    title: `Keycloak (${server})`,
    code: "KEYCLOAK",
    resource: server,
    connections,
    timeoutMs,
  });
}

function isFine(status: number): boolean {
  return status >= 200 && status < 300;
}

async function signIn(http: Http, endpoint: KeycloakEndpoint, server: string): Promise<Token> {
  const answer = await http.request(oidcPath(ADMIN_REALM, "token"), {
    timeoutMs: SIGN_IN_TIMEOUT_MS,
    form: {
      grant_type: "password",
      client_id: ADMIN_CLIENT,
      username: endpoint.user,
      password: endpoint.password.reveal(),
    },
  });
  const token = tokenOf(answer);
  if (token !== undefined) return token;
  const where = `Keycloak (${server}) at ${new URL(baseUrl(endpoint)).host}`;
  if (answer.status === 400 || answer.status === 401)
    throw new ServiceError(
      `${where} refused its administrator "${endpoint.user}": ${refusalOf(answer)}. Nothing was changed.`,
      {
        code: "KEYCLOAK_ADMIN_PASSWORD",
        resource: server,
        hint: `Correct user and password that \`admin\` in g2p.yaml points at; the user must be one of realm "${ADMIN_REALM}".`,
      },
    );
  if (answer.status >= 500)
    throw new ServiceError(`${where} cannot sign anybody in now: ${refusalOf(answer)}. Nothing was changed.`, {
      code: "KEYCLOAK_STARTING",
      resource: server,
      hint: "It may be starting, or have lost its database: see its log, then run the command again.",
    });
  throw new ServiceError(`${where} is not there: what answers is no Keycloak (HTTP ${answer.status}).`, {
    code: "KEYCLOAK_NOT_THERE",
    resource: server,
    hint: "Correct host, port and path in g2p.yaml, and write `https://` where the server redirects to it.",
  });
}

/** Only the server's own short error is quoted: request bodies hold secrets. */
function failure(answer: HttpAnswer, endpoint: KeycloakEndpoint, request: AdminRequest): ServiceError {
  const resource = request.resource === undefined ? {} : { resource: request.resource };
  const said = refusalOf(answer);
  if (answer.status === 401 || answer.status === 403)
    return new ServiceError(`Keycloak refused ${request.doing}: its administrator "${endpoint.user}" lacks a right.`, {
      code: "KEYCLOAK_NO_RIGHT",
      ...resource,
      hint: `Give it the role "admin" of realm "${ADMIN_REALM}", or all roles of client "${endpoint.realm}-realm" there.`,
    });
  return new ServiceError(`Keycloak failed at ${request.doing}: ${said} (HTTP ${answer.status}).`, {
    code: answer.status >= 500 ? "KEYCLOAK_FAILED" : `KEYCLOAK_HTTP_${answer.status}`,
    ...resource,
    hint:
      answer.status >= 500
        ? "See its log (a full disk or a lost database show there), then run the command again: it continues where it stopped."
        : "See its log; run the command again: it continues where it stopped.",
  });
}
