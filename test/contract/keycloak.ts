import { join } from "node:path";
import type { ClientSpec, ServiceClaim } from "../../src/model/claim.ts";
import { Secret } from "../../src/model/secret.ts";
import { keycloak } from "../../src/providers/keycloak/provider.ts";
import { clientIdOf } from "../../src/providers/keycloak/desired.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { keycloakEngine } from "../../src/targets/embedded/keycloak.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";
import { asAdmin } from "./keycloak-admin.ts";
import { damages, VICTIM } from "./keycloak-damages.ts";
import type { Subject } from "./subject.ts";

const BUILT_IN = ["account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"];
const MARK = "g2p-commons.environment";

const SPEC: ClientSpec = {
  public: false,
  redirectUris: [],
  webOrigins: [],
  serviceAccount: false,
  roles: [],
  scopes: [],
  tokens: { audiences: [], roles: [] },
};

/** Clients of every form: with and without service account, public, without a browser. */
export const subject: Subject<"keycloak"> = {
  service: "keycloak",
  module: import.meta.url,
  provider: keycloak,
  start: async (dir) => {
    const postgres = await startTestServer();
    try {
      const input = { database: await databaseFor(postgres) };
      const options = { stateDir: join(dir, "state"), scope: "" };
      const { endpoint } = await startEngine(keycloakEngine, { ...options, input, emit: () => {} });
      return {
        endpoint,
        stop: async () => {
          await stopEngine(keycloakEngine, options);
          await postgres.stop();
        },
      };
    } catch (error) {
      await postgres.stop();
      throw error;
    }
  },
  placement: (id, prefix) => ({
    environment: { id, name: "test" },
    prefix,
    claims: [
      claim("dev", "farmers", "main", {
        redirectUris: ["https://farmers.example/*"],
        webOrigins: ["https://farmers.example"],
        serviceAccount: true,
        roles: ["admin", "viewer"],
        scopes: ["registry-read", "farmers-read"],
        tokens: { audiences: ["keymanager"], roles: ["keymanager-user"] },
      }),
      claim("dev", "portal", "ui", { public: true, redirectUris: ["https://portal.example/*"], webOrigins: ["+"] }),
      claim("test", "farmers", "main", { redirectUris: ["https://test.example/*"] }),
      claim("test", "bridge", "main", { serviceAccount: true, roles: ["worker"], scopes: ["registry-read"] }),
    ],
    accesses: [],
  }),
  damages,
  kills: { applies: 8, removals: 4 },
  foreign: (endpoint, { prefix }) =>
    asAdmin(endpoint, async (admin) => {
      // Nobody may have applied yet.
      await admin.makeRealm();
      const clientId = clientIdOf(prefix, VICTIM);
      await admin.call("POST", "/clients", {
        clientId,
        publicClient: true,
        redirectUris: ["https://foreign.example/*"],
      });
      return {
        item: `keycloak/${VICTIM.sandbox}/${VICTIM.instance}/${VICTIM.claim}`,
        remove: () =>
          asAdmin(endpoint, async (again) => {
            const found = await again.client(clientId);
            if (found !== undefined) await again.call("DELETE", `/clients/${found.id}`);
          }),
      };
    }),
  snapshot: (endpoint) =>
    asAdmin(endpoint, async (admin) => {
      // The realm itself stays for ever once it was made, so it is no part of this.
      const listed = await admin.call("GET", "/clients");
      if (listed.status === 404) return { clients: [], scopes: [] };
      const found = listed.json.filter((one: { clientId: string }) => !BUILT_IN.includes(one.clientId));
      const clients = await Promise.all(
        found.map(async ({ id, access: _, ...client }: Record<string, unknown>) => ({
          ...client,
          protocolMappers: ((client["protocolMappers"] as unknown[] | undefined) ?? []).length,
          defaultClientScopes: (client["defaultClientScopes"] as string[]).toSorted(),
          optionalClientScopes: (client["optionalClientScopes"] as string[]).toSorted(),
          attributes: Object.fromEntries(
            Object.entries(client["attributes"] as Record<string, string>)
              .filter(([name]) => !/time/.test(name))
              .toSorted(),
          ),
          roles: (await admin.call("GET", `/clients/${String(id)}/roles`)).json
            .map((role: { name: string; composite: boolean }) => [role.name, role.composite])
            .toSorted(),
          scopeMappings: namesIn((await admin.call("GET", `/clients/${String(id)}/scope-mappings`)).json),
          account: client["serviceAccountsEnabled"] === true ? await account(admin, String(id)) : undefined,
        })),
      );
      const scopes = (await admin.call("GET", "/client-scopes")).json
        .filter((one: { attributes?: Record<string, string> }) => one.attributes?.[MARK] !== undefined)
        .map((one: { name: string; attributes: Record<string, string> }) => [one.name, one.attributes[MARK]])
        .toSorted();
      return {
        clients: clients.toSorted((a, b) => String(a.clientId).localeCompare(String(b.clientId), "en")),
        scopes,
      };
    }),
};

async function account(admin: Parameters<Parameters<typeof asAdmin>[1]>[0], id: string): Promise<unknown> {
  const user = (await admin.call("GET", `/clients/${id}/service-account-user`)).json;
  return {
    enabled: user.enabled,
    roles: namesIn((await admin.call("GET", `/users/${user.id}/role-mappings`)).json),
    groups: (await admin.call("GET", `/users/${user.id}/groups`)).json.map((group: { path: string }) => group.path),
  };
}

/** Names of all roles in a representation of mappings. */
function namesIn(mappings: {
  readonly realmMappings?: readonly { name: string }[];
  readonly clientMappings?: Readonly<Record<string, { readonly mappings: readonly { name: string }[] }>>;
}): string[] {
  const clients = Object.entries(mappings.clientMappings ?? {}).flatMap(([client, { mappings: roles }]) =>
    roles.map((role) => `${client}/${role.name}`),
  );
  return [...(mappings.realmMappings ?? []).map((role) => role.name), ...clients].toSorted();
}

function claim(sandbox: string, instance: string, name: string, spec: Partial<ClientSpec>): ServiceClaim<"keycloak"> {
  const position = { file: "g2p.yaml", line: 1, column: 1 };
  const full = { ...SPEC, ...spec };
  return { kind: "client", service: "keycloak", sandbox, instance, claim: name, spec: full, accept: [], position };
}

/** A database as the environment's own PostgreSQL provider makes it: its login works as the NOLOGIN owner. */
async function databaseFor(server: TestServer) {
  const password = new Secret("keycloak-database-password");
  const client = await connect({ server: server.admin, ...server.admin });
  try {
    await client.query("CREATE ROLE kc_owner NOLOGIN");
    await client.query(`CREATE ROLE kc LOGIN CONNECTION LIMIT 10 PASSWORD '${password.reveal()}'`);
    await client.query("GRANT kc_owner TO kc");
    await client.query("CREATE DATABASE kc OWNER kc_owner TEMPLATE template0");
    await client.query("REVOKE ALL ON DATABASE kc FROM PUBLIC");
    await client.query("ALTER ROLE kc IN DATABASE kc SET role = kc_owner");
  } finally {
    await client.end();
  }
  const { host, port } = server.admin;
  return { host, port, database: "kc", username: "kc", password };
}
