import { baseUrl, type KeycloakEndpoint } from "../../src/model/endpoint.ts";
import type { Http } from "../../src/providers/http.ts";
import { openHttp } from "../../src/providers/http.ts";

interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly json: any;
}

/** Requests of the administrator, past the provider. */
export interface TestAdmin {
  /** `path` below the realm, e.g. `/clients`; of an absent realm the status is 404. */
  call(method: "GET" | "POST" | "PUT" | "DELETE", path: string, json?: unknown): Promise<Answer>;
  /** Makes the realm, unless it is there. */
  makeRealm(settings?: Readonly<Record<string, unknown>>): Promise<void>;
  /** The client's representation by client id. */
  client(clientId: string): Promise<Answer["json"]>;
  /** Id of a client's service account. */
  account(clientId: string): Promise<string>;
}

const LAST: { base: string; token: string; until: number } = { base: "", token: "", until: 0 };

/** Signs in and works. */
export async function asAdmin<T>(endpoint: KeycloakEndpoint, work: (admin: TestAdmin) => Promise<T>): Promise<T> {
  const base = baseUrl(endpoint);
  const http = await openHttp({ base, caFile: endpoint.caFile, title: "Keycloak", code: "TEST", timeoutMs: 90_000 });
  try {
    const token = await tokenOf(http, base, endpoint);
    const call: TestAdmin["call"] = async (method, path, json) => {
      const answer = await http.request(`/admin/realms/${endpoint.realm}${path}`, {
        method,
        ...(json === undefined ? {} : { json }),
        headers: { authorization: `Bearer ${token}` },
      });
      if (answer.status >= 400 && answer.status !== 404)
        throw new Error(`${method} ${path}: HTTP ${answer.status} ${answer.text}`);
      return answer;
    };
    const client: TestAdmin["client"] = async (clientId) =>
      (await call("GET", `/clients?clientId=${clientId}`)).json[0];
    const account: TestAdmin["account"] = async (clientId) =>
      (await call("GET", `/clients/${(await client(clientId)).id}/service-account-user`)).json.id;
    const makeRealm: TestAdmin["makeRealm"] = async (settings = {}) => {
      const { status } = await http.request("/admin/realms", {
        method: "POST",
        json: { realm: endpoint.realm, enabled: true, ...settings },
        headers: { authorization: `Bearer ${token}` },
      });
      if (status !== 201 && status !== 409) throw new Error(`making a realm: HTTP ${status}`);
    };
    return await work({ call, makeRealm, client, account });
  } finally {
    http.close();
  }
}

async function tokenOf(http: Http, base: string, endpoint: KeycloakEndpoint): Promise<string> {
  if (LAST.base === base && LAST.until > performance.now()) return LAST.token;
  const answer = await http.request("/realms/master/protocol/openid-connect/token", {
    form: {
      grant_type: "password",
      client_id: "admin-cli",
      username: endpoint.user,
      password: endpoint.password.reveal(),
    },
  });
  const { access_token: token } = answer.json as { access_token: string };
  Object.assign(LAST, { base, token, until: performance.now() + 30_000 });
  return token;
}
