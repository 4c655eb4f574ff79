import type { KeycloakEndpoint } from "../../src/model/endpoint.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { clientIdOf } from "../../src/providers/keycloak/desired.ts";
import { asAdmin, type TestAdmin } from "./keycloak-admin.ts";
import type { Damage } from "./subject.ts";

/** The claim that is damaged, and the one that damages open to it. */
export const VICTIM = { sandbox: "dev", instance: "farmers", claim: "main" };
export const OTHER = { sandbox: "test", instance: "bridge", claim: "main" };
const PUBLIC = { sandbox: "dev", instance: "portal", claim: "ui" };

/** Every kind of drift of a client. */
export const damages: readonly Damage<"keycloak">[] = [
  changed("the secret was changed", /^password$/m, { secret: "somebody-elses-secret" }),
  changed("a redirect URI was added", /^redirect-uris$/m, {
    redirectUris: ["https://farmers.example/*", "https://evil.example/*"],
  }),
  changed("all web origins were let in", /^web-origins$/m, { webOrigins: ["*"] }),
  changed("the client was disabled", /^enabled$/m, { enabled: false }),
  changed("password logins were let in", /^direct-access-grants$/m, { directAccessGrantsEnabled: true }),
  changed("the implicit flow was switched on", /^implicit-flow$/m, { implicitFlowEnabled: true }),
  changed("the browser flow was switched off", /^standard-flow$/m, { standardFlowEnabled: false }),
  changed("the client was made public", /^public$/m, { publicClient: true }),
  changed("the service account was taken away", /^service-account$/m, { serviceAccountsEnabled: false }),
  changed("every role was let into its tokens", /^full-scope$/m, { fullScopeAllowed: true }),
  changed("authorization services were switched on", /^authorization-services$/m, {
    authorizationServicesEnabled: true,
  }),
  changed("signed tokens were made its way to sign in", /^authenticator$/m, { clientAuthenticatorType: "client-jwt" }),
  attribute("token exchange was switched on", /^attribute:standard\.token\.exchange/m, {
    "standard.token.exchange.enabled": "true",
  }),
  attribute("the device flow was switched on", /^attribute:oauth2\.device/m, {
    "oauth2.device.authorization.grant.enabled": "true",
  }),
  attribute("the environment's name in the mark was changed", /^mark$/m, { "g2p-commons.environment-name": "else" }),
  {
    ...changed("the public client was given a secret", /^public$/m, { publicClient: false }),
    item: `keycloak/${key(PUBLIC)}`,
    make: (endpoint, placement) => put(endpoint, placement, PUBLIC, { publicClient: false }),
  },
  damage("another client was made an audience of its tokens", /^mapper:/m, true, async (admin, victim, other) => {
    await admin.call("POST", `/clients/${victim.id}/protocol-mappers/models`, {
      name: "audience",
      protocol: "openid-connect",
      protocolMapper: "oidc-audience-mapper",
      config: { "included.client.audience": other.clientId, "access.token.claim": "true" },
    });
  }),
  damage("a wanted mapper was deleted", /^mapper:g2p-role-/m, false, async (admin, victim) => {
    await admin.call(
      "DELETE",
      `/clients/${victim.id}/protocol-mappers/models/${await mapper(admin, victim, "g2p-role-")}`,
    );
  }),
  damage(
    "a wanted mapper was turned to another audience",
    /^mapper:g2p-audience-/m,
    true,
    async (admin, victim, other) => {
      const id = await mapper(admin, victim, "g2p-audience-");
      const path = `/clients/${victim.id}/protocol-mappers/models/${id}`;
      const found = (await admin.call("GET", path)).json;
      await admin.call("PUT", path, {
        ...found,
        config: { ...found.config, "included.custom.audience": other.clientId },
      });
    },
  ),
  damage(
    "the service account may administer the realm",
    /service-account:role:.*realm-admin/m,
    true,
    async (admin, victim) => {
      await admin.call("PUT", `/clients/${victim.id}`, { clientId: victim.clientId, fullScopeAllowed: true });
      const management = await admin.client("realm-management");
      const role = (await admin.call("GET", `/clients/${management.id}/roles/realm-admin`)).json;
      const account = await admin.account(victim.clientId);
      await admin.call("POST", `/users/${account}/role-mappings/clients/${management.id}`, [role]);
    },
  ),
  damage(
    "the service account holds another client's role",
    /service-account:role:/m,
    true,
    async (admin, victim, other) => {
      await admin.call("PUT", `/clients/${victim.id}`, { clientId: victim.clientId, fullScopeAllowed: true });
      const role = (await admin.call("GET", `/clients/${other.id}/roles/worker`)).json;
      const account = await admin.account(victim.clientId);
      await admin.call("POST", `/users/${account}/role-mappings/clients/${other.id}`, [role]);
    },
  ),
  damage("another client's role was mapped into its scope", /^scope-mapping:/m, false, async (admin, victim, other) => {
    const role = (await admin.call("GET", `/clients/${other.id}/roles/worker`)).json;
    await admin.call("POST", `/clients/${victim.id}/scope-mappings/clients/${other.id}`, [role]);
  }),
  damage("a realm role was mapped into its scope", /^scope-mapping:offline_access$/m, false, async (admin, victim) => {
    const role = (await admin.call("GET", "/roles/offline_access")).json;
    await admin.call("POST", `/clients/${victim.id}/scope-mappings/realm`, [role]);
  }),
  damage(
    "a realm role was given to the service account",
    /^service-account:role:uma_authorization$/m,
    false,
    async (admin, victim) => {
      const role = (await admin.call("GET", "/roles/uma_authorization")).json;
      await admin.call("POST", `/users/${await admin.account(victim.clientId)}/role-mappings/realm`, [role]);
    },
  ),
  damage("the service account was put into a group", /^service-account:group:/m, false, async (admin, victim) => {
    const known = async () =>
      (await admin.call("GET", "/groups?search=clerks")).json.find((one: { name: string }) => one.name === "clerks");
    if ((await known()) === undefined) await admin.call("POST", "/groups", { name: "clerks" });
    await admin.call("PUT", `/users/${await admin.account(victim.clientId)}/groups/${(await known()).id}`);
  }),
  damage("the service account was disabled", /^service-account:enabled$/m, false, async (admin, victim) => {
    await admin.call("PUT", `/users/${await admin.account(victim.clientId)}`, { enabled: false });
  }),
  damage("a client role was deleted", /^role:viewer$/m, false, async (admin, victim) => {
    await admin.call("DELETE", `/clients/${victim.id}/roles/viewer`);
  }),
  damage("a client role was given rights over users", /^role:viewer:composites$/m, false, async (admin, victim) => {
    const management = await admin.client("realm-management");
    const role = (await admin.call("GET", `/clients/${management.id}/roles/manage-users`)).json;
    await admin.call("POST", `/clients/${victim.id}/roles/viewer/composites`, [role]);
  }),
  damage("a client scope was taken away", /^scope:registry-read$/m, false, async (admin, victim) => {
    await admin.call("DELETE", `/clients/${victim.id}/default-client-scopes/${await scope(admin, "registry-read")}`);
  }),
  damage("a client scope of the realm was taken away", /^scope:profile$/m, false, async (admin, victim) => {
    await admin.call("DELETE", `/clients/${victim.id}/default-client-scopes/${await scope(admin, "profile")}`);
  }),
  damage(
    "a client scope was added",
    /^scope:service_account$/m,
    false,
    async (admin, _, other) => {
      // The victim has it; the client without service account must not.
      void other;
      const plain = await admin.client((await clients(admin)).find((id) => id.endsWith("test--farmers")) ?? "");
      await admin.call("PUT", `/clients/${plain.id}/default-client-scopes/${await scope(admin, "service_account")}`);
    },
    "keycloak/test/farmers/main",
  ),
  damage("a client scope of its own was deleted", /^scope:farmers-read$/m, false, async (admin) => {
    await admin.call("DELETE", `/client-scopes/${await scope(admin, "farmers-read")}`);
  }),
];

type Make = (
  admin: TestAdmin,
  victim: { readonly id: string; readonly clientId: string },
  other: { readonly id: string; readonly clientId: string },
) => Promise<void>;

function damage(
  name: string,
  aspect: RegExp,
  opens: boolean,
  make: Make,
  item = `keycloak/${key(VICTIM)}`,
): Damage<"keycloak"> {
  return {
    name,
    item,
    shows: "update",
    aspect,
    ...(opens ? { opens } : {}),
    make: (endpoint, { prefix }) =>
      asAdmin(endpoint, async (admin) =>
        make(admin, await admin.client(clientIdOf(prefix, VICTIM)), await admin.client(clientIdOf(prefix, OTHER))),
      ),
  };
}

function changed(name: string, aspect: RegExp, json: Record<string, unknown>): Damage<"keycloak"> {
  return {
    name,
    item: `keycloak/${key(VICTIM)}`,
    shows: "update",
    aspect,
    make: (endpoint, placement) => put(endpoint, placement, VICTIM, json),
  };
}

function attribute(name: string, aspect: RegExp, attributes: Record<string, string>): Damage<"keycloak"> {
  return changed(name, aspect, { attributes });
}

async function put(
  endpoint: KeycloakEndpoint,
  { prefix }: Placement<"keycloak">,
  ref: typeof VICTIM,
  json: Record<string, unknown>,
): Promise<void> {
  await asAdmin(endpoint, async (admin) => {
    const { id, clientId } = await admin.client(clientIdOf(prefix, ref));
    await admin.call("PUT", `/clients/${id}`, { clientId, ...json });
  });
}

async function mapper(admin: TestAdmin, { id }: { readonly id: string }, beginning: string): Promise<string> {
  const { json } = await admin.call("GET", `/clients/${id}/protocol-mappers/models`);
  return json.find((one: { name: string }) => one.name.startsWith(beginning)).id;
}

async function scope(admin: TestAdmin, name: string): Promise<string> {
  const { json } = await admin.call("GET", "/client-scopes");
  return json.find((one: { name: string }) => one.name === name).id;
}

async function clients(admin: TestAdmin): Promise<string[]> {
  return (await admin.call("GET", "/clients")).json.map((one: { clientId: string }) => one.clientId);
}

function key({ sandbox, instance, claim }: typeof VICTIM): string {
  return `${sandbox}/${instance}/${claim}`;
}
