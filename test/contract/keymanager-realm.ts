import type { KeycloakEndpoint, TokenSource } from "../../src/model/endpoint.ts";
import { baseUrl } from "../../src/model/endpoint.ts";
import { type Secret } from "../../src/model/secret.ts";
import {
  KEYMANAGER_ADMIN_ROLE,
  KEYMANAGER_AUDIENCE,
  KEYMANAGER_USER_ROLE,
} from "../../src/targets/embedded/keymanager-settings.ts";
import { randomPassword } from "../../src/targets/random-password.ts";

const REALM = "keys";
const ADMIN_CLIENT = "keymanager-admin";

/** Requests to Keycloak's admin API for the test's realm. */
type Call = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; location: string; json: never }>;

/** Makes a realm in which Keymanager's administrator has a client, and modules' clients can be made by it. */
export async function makeRealm(keycloak: KeycloakEndpoint): Promise<{ realmUrl: string; admin: TokenSource }> {
  const base = baseUrl(keycloak);
  const password = { grant_type: "password", client_id: "admin-cli", username: keycloak.user };
  const master = await token(`${base}/realms/master/protocol/openid-connect/token`, {
    ...password,
    password: keycloak.password.reveal(),
  });
  const call = caller(`${base}/admin/realms`, master);
  await call("POST", "", { realm: REALM, enabled: true });
  for (const role of [KEYMANAGER_USER_ROLE, KEYMANAGER_ADMIN_ROLE])
    await call("POST", `/${REALM}/client-scopes`, scope(role));
  const secret = randomPassword();
  const client = await makeClient(call, `/${REALM}`, ADMIN_CLIENT, secret, KEYMANAGER_ADMIN_ROLE);
  // It also plays the part of whoever makes the modules' clients.
  const [management] = (await call("GET", `/${REALM}/clients?clientId=realm-management`)).json as { id: string }[];
  const user = (await call("GET", `/${REALM}/clients/${client}/service-account-user`)).json as { id: string };
  const role = (await call("GET", `/${REALM}/clients/${management?.id}/roles/manage-clients`)).json;
  await call("POST", `/${REALM}/users/${user.id}/role-mappings/clients/${management?.id}`, [role]);
  await call("POST", `/${REALM}/clients/${client}/scope-mappings/clients/${management?.id}`, [role]);
  const realmUrl = `${base}/realms/${REALM}`;
  const tokenUrl = `${realmUrl}/protocol/openid-connect/token`;
  return { realmUrl, admin: { tokenUrl, clientId: ADMIN_CLIENT, clientSecret: secret } };
}

/** Makes a module's client, or gives it this secret. */
export async function setClient(admin: TokenSource, clientId: string, secret: Secret): Promise<void> {
  const call = await asAdmin(admin);
  const made = await makeClient(call, "", clientId, secret, KEYMANAGER_USER_ROLE);
  if (made !== undefined) return;
  const [found] = (await call("GET", `/clients?clientId=${clientId}`)).json as { id: string }[];
  await call("PUT", `/clients/${found?.id}`, { clientId, secret: secret.reveal() });
}

/** Does the client get a token with this secret? */
export async function letsIn(admin: TokenSource, clientId: string, secret: Secret): Promise<boolean> {
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: secret.reveal() };
  return (await fetch(admin.tokenUrl, { method: "POST", body: new URLSearchParams(form) })).ok;
}

async function makeClient(call: Call, realm: string, clientId: string, secret: Secret, role: string) {
  const { status, location } = await call("POST", `${realm}/clients`, {
    clientId,
    secret: secret.reveal(),
    publicClient: false,
    standardFlowEnabled: false,
    serviceAccountsEnabled: true,
    fullScopeAllowed: false,
    defaultClientScopes: ["basic", "service_account", "profile", "roles", role],
  });
  return status === 409 ? undefined : location.split("/").at(-1);
}

/** A client scope that puts Keymanager's audience and a role into tokens. */
function scope(role: string) {
  const settings = { "access.token.claim": "true", "id.token.claim": "false", "introspection.token.claim": "true" };
  return {
    name: role,
    protocol: "openid-connect",
    protocolMappers: [
      {
        name: "audience",
        protocol: "openid-connect",
        protocolMapper: "oidc-audience-mapper",
        config: { ...settings, "included.custom.audience": KEYMANAGER_AUDIENCE },
      },
      {
        name: "role",
        protocol: "openid-connect",
        protocolMapper: "oidc-hardcoded-claim-mapper",
        config: {
          ...settings,
          "claim.name": "realm_access.roles",
          "claim.value": JSON.stringify([role]),
          "jsonType.label": "JSON",
        },
      },
    ],
  };
}

async function asAdmin(admin: TokenSource): Promise<Call> {
  const bearer = await token(admin.tokenUrl, {
    grant_type: "client_credentials",
    client_id: admin.clientId,
    client_secret: admin.clientSecret.reveal(),
  });
  return caller(admin.tokenUrl.replace(/\/realms\/([^/]+)\/.*$/, "/admin/realms/$1"), bearer);
}

async function token(url: string, form: Record<string, string>): Promise<string> {
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  const { access_token: text } = (await answer.json()) as { access_token?: string };
  if (text === undefined) throw new Error(`no token: HTTP ${answer.status}`);
  return text;
}

function caller(base: string, bearer: string): Call {
  return async (method, path, body) => {
    const answer = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok && answer.status !== 409) throw new Error(`${method} ${path}: HTTP ${answer.status} ${text}`);
    return {
      status: answer.status,
      location: answer.headers.get("location") ?? "",
      json: (text === "" ? undefined : JSON.parse(text)) as never,
    };
  };
}
