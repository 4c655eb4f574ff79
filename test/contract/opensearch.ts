import { join } from "node:path";
import type { OpensearchEndpoint } from "../../src/model/endpoint.ts";
import { Secret } from "../../src/model/secret.ts";
import { MAIN, name } from "../../src/naming/name.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { connect } from "../../src/providers/opensearch/connection.ts";
import { opensearch } from "../../src/providers/opensearch/provider.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { opensearchEngine } from "../../src/targets/embedded/opensearch.ts";
import type { HttpAnswer, HttpRequest } from "../../src/providers/http.ts";
import type { Damage, Subject } from "./subject.ts";

const FIRST = "opensearch/dev/registry/search";
const position = { file: "g2p.yaml", line: 1, column: 1 };
const SECURITY = "/_plugins/_security/api";

const INSTANCES = [
  { sandbox: "dev", instance: "registry", tenant: true },
  { sandbox: "dev", instance: "registry-2", tenant: false },
  { sandbox: "test", instance: "registry", tenant: true },
] as const;

/** Sends one request as the administrator or another user; no status is an error. */
export async function send(
  endpoint: OpensearchEndpoint,
  path: string,
  request: HttpRequest = {},
  who?: { readonly username: string; readonly password: string },
): Promise<HttpAnswer> {
  const login = {
    username: who?.username ?? endpoint.user,
    password: new Secret(who?.password ?? endpoint.password.reveal()),
  };
  const connection = await connect(endpoint, login, "test");
  try {
    return await connection.request(path, request);
  } finally {
    connection.close();
  }
}

/** Sends a request as the administrator that must succeed. */
async function change(endpoint: OpensearchEndpoint, path: string, request: HttpRequest): Promise<void> {
  const answer = await send(endpoint, path, request);
  if (answer.status >= 300) throw new Error(`${request.method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
}

/** Names of the claim with this index. */
export function names(placement: Placement<"opensearch">, index = 0): { user: string; prefix: string } {
  const { sandbox, instance, claim } = placement.claims[index]!;
  const tuple = { prefix: placement.prefix, service: "opensearch", sandbox, instance } as const;
  return {
    user: name({ ...tuple, kind: "user", claim }).name,
    prefix: name({ ...tuple, kind: "index-prefix", claim: MAIN }).name,
  };
}

type Target = ReturnType<typeof names> & { readonly other: string };

/** Something an administrator did to the first claim. */
function done(
  title: string,
  aspect: RegExp,
  path: (names: Target) => string,
  request: HttpRequest | ((names: Target) => HttpRequest),
  opens = false,
): Damage<"opensearch"> {
  return {
    name: title,
    item: FIRST,
    shows: "update",
    aspect,
    opens,
    make: async (endpoint, placement) => {
      const target = { ...names(placement), other: names(placement, 1).prefix };
      await change(endpoint, path(target), typeof request === "function" ? request(target) : request);
    },
  };
}

const patch = (json: unknown): HttpRequest => ({ method: "PATCH", json });
const remove: HttpRequest = { method: "DELETE" };
const account = ({ user }: Target) => `${SECURITY}/internalusers/${user}`;
const role = ({ user }: Target) => `${SECURITY}/roles/${user}`;
const mapping = ({ user }: Target) => `${SECURITY}/rolesmapping/${user}`;
const template = ({ prefix }: Target) => `/_index_template/${prefix}people`;

/** OpenSearch, with the server that embedded environments use. */
export const subject: Subject<"opensearch"> = {
  service: "opensearch",
  // Each change of its security configuration takes the server a second or more.
  kills: { applies: 6, removals: 3 },
  module: import.meta.url,
  provider: opensearch,

  async start(dir) {
    const options = { stateDir: join(dir, "state"), scope: "" };
    const { endpoint } = await startEngine(opensearchEngine, { ...options, input: undefined, emit: () => {} });
    // Somebody else's, in which a user of ours may turn up.
    await change(endpoint, `${SECURITY}/rolesmapping/readall`, { method: "PUT", json: { users: ["auditor"] } });
    return {
      endpoint,
      stop: async () => {
        await stopEngine(opensearchEngine, options);
      },
    };
  },

  placement: (id, prefix) => {
    const claims: Placement<"opensearch">["claims"] = INSTANCES.map(({ sandbox, instance, tenant }) => ({
      sandbox,
      instance,
      claim: "search",
      kind: "indices",
      service: "opensearch",
      spec: {
        tenant,
        indices: {
          people: { shards: 1, replicas: 0, deleteAfterDays: undefined },
          "people-log": { shards: 2, replicas: 0, deleteAfterDays: undefined },
        },
      },
      accept: [],
      position,
    }));
    const target = { sandbox: "dev", instance: "registry", claim: "search" };
    const access = { kind: "access", service: "opensearch", target, accept: [], position } as const;
    const targetSpec = claims[0]!.spec;
    return {
      environment: { id, name: "contract" },
      prefix,
      claims,
      accesses: [
        { ...access, sandbox: "dev", instance: "pbms", claim: "people", words: ["people"], mode: "read", targetSpec },
        {
          ...access,
          sandbox: "dev",
          instance: "bridge",
          claim: "log",
          words: ["people-log"],
          mode: "write",
          targetSpec,
        },
      ],
    };
  },

  damages: [
    done(
      "a user's password was changed",
      /^password$/,
      account,
      patch([{ op: "add", path: "/password", value: "Hand-made-8362-xyz" }]),
    ),
    done(
      "a user got a backend role of the administrator",
      /^user:backend-roles$/,
      account,
      patch([{ op: "add", path: "/backend_roles", value: ["admin"] }]),
      true,
    ),
    done(
      "a user got a further role",
      /^user:opendistro-security-roles$/,
      account,
      patch([{ op: "add", path: "/opendistro_security_roles", value: ["readall"] }]),
      true,
    ),
    done(
      "a user got attributes",
      /^user:attributes$/,
      account,
      patch([{ op: "add", path: "/attributes", value: { team: "x" } }]),
    ),
    done("a user was deleted", /^user$/, account, remove),
    done(
      "a role allows every index",
      /^role:index-permissions$/,
      role,
      patch([
        {
          op: "add",
          path: "/index_permissions",
          value: [{ index_patterns: ["*"], allowed_actions: ["indices:data/read/*"] }],
        },
      ]),
      true,
    ),
    done(
      "a role allows another instance's indices, too",
      /^role:index-permissions$/,
      role,
      ({ prefix, other }) =>
        patch([
          {
            op: "add",
            path: "/index_permissions",
            value: [{ index_patterns: [`${prefix}*`, `${other}*`], allowed_actions: ["indices:data/write/*"] }],
          },
        ]),
      true,
    ),
    done(
      "a role allows aliases",
      /^role:index-permissions$/,
      role,
      ({ prefix }) =>
        patch([
          {
            op: "add",
            path: "/index_permissions",
            value: [{ index_patterns: [`${prefix}*`], allowed_actions: ["indices:*"] }],
          },
        ]),
      true,
    ),
    done(
      "a role allows to see the cluster",
      /^role:cluster-permissions$/,
      role,
      patch([{ op: "add", path: "/cluster_permissions", value: ["cluster:monitor/*"] }]),
      true,
    ),
    done(
      "a role allows every tenant",
      /^role:tenant-permissions$/,
      role,
      patch([
        {
          op: "add",
          path: "/tenant_permissions",
          value: [{ tenant_patterns: ["*"], allowed_actions: ["kibana_all_read"] }],
        },
      ]),
      true,
    ),
    done("a role was deleted", /^role$/, role, remove),
    done("a role's mapping was deleted", /^mapping$/, mapping, remove),
    done("a role was given to another user", /^mapping:users$/, mapping, ({ user }) =>
      patch([{ op: "add", path: "/users", value: [user, "mallory"] }]),
    ),
    done(
      "a role was given to a backend role",
      /^mapping:backend-roles$/,
      mapping,
      patch([{ op: "add", path: "/backend_roles", value: ["staff"] }]),
    ),
    done(
      "a user was given the server's role to read everything",
      /^grant:readall$/,
      () => `${SECURITY}/rolesmapping/readall`,
      ({ user }) => patch([{ op: "add", path: "/users", value: ["auditor", user] }]),
      true,
    ),
    done("an index template was deleted", /^template:/, template, remove),
    {
      name: "an index template's shards were changed",
      item: FIRST,
      shows: "update",
      aspect: /^template:.*:template$/,
      make: async (endpoint, placement) => {
        const path = `/_index_template/${names(placement).prefix}people`;
        const found = (await send(endpoint, path, { method: "GET" })).json as {
          index_templates: { index_template: Record<string, unknown> }[];
        };
        const json = { ...found.index_templates[0]!.index_template, template: { settings: { number_of_shards: 3 } } };
        await change(endpoint, path, { method: "PUT", json });
      },
    },
  ],

  async foreign(endpoint, placement) {
    const { user } = names(placement);
    await change(endpoint, `${SECURITY}/internalusers/${user}`, {
      method: "PUT",
      json: { password: "Somebody-else-7261", attributes: { of: "others" } },
    });
    return {
      item: FIRST,
      remove: async () => void (await send(endpoint, `${SECURITY}/internalusers/${user}`, remove)),
    };
  },

  async writeData(endpoint, placement, username, password) {
    const { prefix } = names(placement);
    const path = `/${prefix}people-2026/_doc/1?refresh=true`;
    const answer = await send(endpoint, path, { method: "PUT", json: { kept: 1 } }, { username, password });
    if (answer.status >= 300) throw new Error(answer.text);
  },

  async hasData(endpoint, placement) {
    const answer = await send(endpoint, `/${names(placement).prefix}people-2026/_doc/1`, { method: "GET" });
    return answer.status === 200;
  },

  async snapshot(endpoint) {
    const get = async (path: string) => (await send(endpoint, path, { method: "GET" })).json as Record<string, unknown>;
    const security = ["internalusers", "roles", "rolesmapping", "tenants"].map((kind) => get(`${SECURITY}/${kind}`));
    const [users, roles, mappings, tenants] = await Promise.all(security);
    const { indices, aliases, data_streams } = await get("/_resolve/index/*?expand_wildcards=all");
    const { index_templates } = await get("/_index_template");
    const own = Object.fromEntries(
      Object.entries(roles ?? {}).filter(([, one]) => !(one as { static: boolean }).static),
    );
    return sorted({ users, roles: own, mappings, tenants, indices, aliases, data_streams, index_templates });
  },
};

/** Keys in order, lists of objects by name. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const list = (value as unknown[]).map(sorted);
    return list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}
