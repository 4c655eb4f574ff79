import type { Credential } from "../../model/credential.ts";
import pLimit from "p-limit";
import type { OpensearchEndpoint } from "../../model/endpoint.ts";
import type { Depth } from "../contract.ts";
import { connect, type Connection } from "./connection.ts";
import type { Desired, Document } from "./desired.ts";
import { claimOf, type Mark, parseMark } from "./mark.ts";
import { type ObservedPolicies, observePolicies } from "./lifecycle.ts";

/** Documents of one kind by name. */
export type Documents = ReadonlyMap<string, Document>;

/** What a login with the stored password came to. */
export type LoginResult = "works" | "wrong password" | "no password stored" | "not tried";

/** What was seen of a server; plain data. */
export interface Observed {
  readonly depth: Depth;
  readonly users: Documents;
  readonly roles: Documents;
  readonly mappings: Documents;
  readonly tenants: Documents;
  readonly templates: Documents;
  /** Undefined where the server has no index state management. */
  readonly policies: ObservedPolicies | undefined;
  /** Names of all indices and data streams; looked at only where something wanted has none of its own documents yet. */
  readonly indices: readonly string[];
  /** By `sandbox/instance/claim`; only at depth `deep`. */
  readonly logins: ReadonlyMap<string, LoginResult>;
}

/** One of our documents on the server. */
export interface Marked {
  readonly kind: "user" | "role" | "mapping" | "tenant" | "template" | "policy";
  readonly name: string;
  readonly mark: Mark;
}

const SECURITY = "/_plugins/_security/api";

/** Reads all that the administrator can see: one request for each kind of document, however many claims there are. */
export async function observeDocuments(admin: Connection): Promise<Omit<Observed, "depth" | "indices" | "logins">> {
  const read = async (kind: string) =>
    documents((await admin.ask(`reading ${kind}`, `${SECURITY}/${kind}`, { method: "GET" })).json);
  const [users, roles, mappings, tenants, templates, policies] = await Promise.all([
    read("internalusers"),
    read("roles"),
    read("rolesmapping"),
    read("tenants"),
    readTemplates(admin),
    observePolicies(admin),
  ]);
  return { users, roles, mappings, tenants, templates, policies };
}

/** Looks at the server for what is wanted; writes nothing. */
export async function observe(
  admin: Connection,
  endpoint: OpensearchEndpoint,
  desired: readonly Desired[],
  credentials: ReadonlyMap<string, Credential>,
  options: { readonly depth: Depth; readonly server: string; readonly concurrency: number },
): Promise<Observed> {
  const { depth, server, concurrency } = options;
  const found = await observeDocuments(admin);
  const present = desired.filter((one) => found.users.has(one.user));
  const isNew = desired.some((one) => one.kind === "indices" && !found.roles.has(one.user));
  const indices = isNew ? await indexNames(admin) : [];
  const results =
    depth === "quick"
      ? []
      : await pLimit(concurrency).map(present, async (one) => {
          const key = claimOf(one);
          const credential = credentials.get(key);
          return [
            key,
            credential === undefined ? "no password stored" : await tryLogin(endpoint, credential, server),
          ] as const;
        });
  return { ...found, depth, indices, logins: new Map(results) };
}

/** Signs in with a stored credential and asks who one is. */
async function tryLogin(endpoint: OpensearchEndpoint, login: Credential, server: string): Promise<LoginResult> {
  const connection = await connect(endpoint, login, server, { connections: 1 });
  try {
    const answer = await connection.request("/_plugins/_security/authinfo", { method: "GET" });
    return answer.status === 401 ? "wrong password" : answer.status === 200 ? "works" : "not tried";
  } finally {
    connection.close();
  }
}

/** Names of all indices and data streams that an administrator sees. */
export async function indexNames(admin: Connection): Promise<string[]> {
  const answer = await admin.ask("listing indices", "/_resolve/index/*?expand_wildcards=all", { method: "GET" });
  const { indices = [], data_streams = [] } = answer.json as Partial<
    Record<"indices" | "data_streams", { readonly name: string }[]>
  >;
  return [...indices, ...data_streams].map((one) => one.name);
}

/** All documents on the server that carry a mark of ours, of whatever environment. */
export function markedOf(found: Omit<Observed, "depth" | "indices" | "logins">): Marked[] {
  const of = (kind: Marked["kind"], documents: Documents, text: (one: Document) => unknown) =>
    [...documents].flatMap(([name, one]) => {
      const mark = parseMark(text(one));
      return mark === undefined ? [] : [{ kind, name, mark }];
    });
  const description = (one: Document) => one["description"];
  return [
    ...of("role", found.roles, description),
    ...of("user", found.users, description),
    ...of("mapping", found.mappings, description),
    ...of("tenant", found.tenants, description),
    ...of("template", found.templates, templateMark),
    ...of("policy", found.policies?.documents ?? new Map(), description),
  ];
}

/** The mark's text in a template. */
export function templateMark(template: Document): unknown {
  return (template["_meta"] as Document | undefined)?.["g2p-commons"];
}

async function readTemplates(admin: Connection): Promise<Documents> {
  const answer = await admin.ask("reading index templates", "/_index_template?flat_settings=false", { method: "GET" });
  const { index_templates = [] } = answer.json as {
    index_templates?: { readonly name: string; readonly index_template: Document }[];
  };
  return new Map(index_templates.map((one) => [one.name, one.index_template]));
}

function documents(json: unknown): Documents {
  return new Map(Object.entries((json ?? {}) as Record<string, Document>));
}
