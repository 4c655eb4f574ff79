import { baseUrl, type OpensearchEndpoint } from "../../model/endpoint.ts";
import type { Secret } from "../../model/secret.ts";
import { type Http, type HttpAnswer, type HttpRequest, openHttp } from "../http.ts";
import { failureOf } from "./failure.ts";

/** Who sends requests. */
export interface Login {
  readonly username: string;
  readonly password: Secret;
}

/** Requests to one server as one user, over connections of its own that are kept. */
export interface Connection {
  /** Sends a request; every status is an answer. */
  request(path: string, request?: HttpRequest): Promise<HttpAnswer>;
  /**
   * Sends a request whose answer must be a success, or one of `allowed`.
   *
   * @param doing what was attempted, as in "reading roles"
   * @throws ServiceError, see {@link failureOf}
   */
  ask(doing: string, path: string, request?: HttpRequest, allowed?: readonly number[]): Promise<HttpAnswer>;
  close(): void;
}

/**
 * Opens a client for one user; connects at the first request.
 *
 * @param server id of the server, for errors
 * @throws ServiceError `OPENSEARCH_CA_FILE`
 */
export async function connect(
  endpoint: OpensearchEndpoint,
  login: Login,
  server: string,
  options: { readonly timeoutMs?: number; readonly connections?: number } = {},
): Promise<Connection> {
  const http: Http = await openHttp({
    base: baseUrl(endpoint),
    caFile: endpoint.caFile,
    title: `OpenSearch ${server}`,
    code: "OPENSEARCH",
    resource: server,
    ...options,
  });
  const token = Buffer.from(`${login.username}:${login.password.reveal()}`).toString("base64");
  const request = (path: string, sent: HttpRequest = {}) =>
    http.request(path, { ...sent, headers: { authorization: `Basic ${token}`, ...sent.headers } });
  return {
    request,
    ask: async (doing, path, sent, allowed = []) => {
      const answer = await request(path, sent);
      if ((answer.status >= 200 && answer.status < 300) || allowed.includes(answer.status)) return answer;
      throw failureOf(answer, `OpenSearch ${server}: ${doing}`, server);
    },
    close: () => http.close(),
  };
}
