import pLimit from "p-limit";
import type { Credential } from "../../model/credential.ts";
import type { Depth } from "../contract.ts";
import type { Admin } from "./admin.ts";
import type { Desired, DesiredClient } from "./desired.ts";
import { type Mark, parseMark, refText } from "./mark.ts";
import type {
  ClientRepresentation,
  RealmRepresentation,
  RoleRepresentation,
  UserRepresentation,
} from "./representation.ts";

/** How a client's secret stands to the stored one; `hidden` where this administrator is not shown it. */
export type SecretState = "matches" | "differs" | "refused" | "none stored" | "hidden";

/** A client as it stands, without its secret. */
export interface ObservedClient {
  readonly representation: Omit<ClientRepresentation, "secret">;
  readonly mark: Mark | undefined;
  readonly roles: readonly RoleRepresentation[];
  readonly serviceAccount: UserRepresentation | undefined;
  /** Roles of others that its tokens may hold. */
  readonly scopeMappings: readonly RoleRef[];
}

/** A role with what requests name it by. */
export interface RoleRef {
  readonly id: string;
  readonly name: string;
  /** Client it belongs to; absent for a realm role. */
  readonly client?: { readonly id: string; readonly clientId: string };
}

/** A client scope as it stands. */
export interface ObservedScope {
  readonly id: string;
  readonly protocol: string;
  readonly mark: Mark | undefined;
}

/** The realm as it stands. */
export interface ObservedRealm {
  readonly mark: Mark | undefined;
  readonly enabled: boolean;
  readonly registrationAllowed: boolean;
  readonly sslRequired: string;
  readonly bruteForceProtected: boolean;
  /** Realm role that every new user gets. */
  readonly defaultRole: string;
  readonly defaultScopes: readonly string[];
  readonly optionalScopes: readonly string[];
  /** All client scopes by name. */
  readonly scopes: ReadonlyMap<string, ObservedScope>;
  /** Clients that use a client scope, by its name. */
  readonly scopeUsers: ReadonlyMap<string, readonly string[]>;
  /** Every role, by {@link roleKey}. */
  readonly roles: ReadonlyMap<string, RoleRef>;
  /** Clients that are wanted or carry this environment's mark, by client id. */
  readonly clients: ReadonlyMap<string, ObservedClient>;
}

/** What was seen of a realm. */
export interface Observed {
  readonly depth: Depth;
  /** `undefined` where it does not exist. */
  readonly realm: ObservedRealm | undefined;
  /** By client id; of clients that exist and are wanted. */
  readonly secrets: ReadonlyMap<string, SecretState>;
}

/**
 * Looks at the realm with three requests, however many clients it has: the clients with their secrets, and the partial export, which
 * holds roles, scope mappings and service accounts (Admin REST API, `POST /admin/realms/{realm}/partial-export`; it changes
 * nothing). `deep` also lets every client sign in.
 *
 * @param stored credentials by `sandbox/instance/claim`
 */
export async function observe(
  admin: Admin,
  desired: Desired,
  stored: ReadonlyMap<string, Credential>,
  depth: Depth,
  concurrency: number,
): Promise<Observed> {
  const [found, exported] = await Promise.all([
    admin.request(`${admin.realmPath}/clients`, { doing: "listing clients", answers: [404] }),
    admin.request(`${admin.realmPath}/partial-export?exportClients=true&exportGroupsAndRoles=true`, {
      method: "POST",
      doing: "exporting the realm's clients and roles",
      answers: [404],
      slow: true,
    }),
  ]);
  if (found.status === 404 || exported.status === 404) return { depth, realm: undefined, secrets: new Map() };
  const clients = found.json as readonly ClientRepresentation[];
  const wanted = new Map(desired.clients.map((one) => [one.clientId, one]));
  const realm = realmOf(
    exported.json as RealmRepresentation,
    clients,
    (client) => wanted.has(client.clientId) || parseMark(client.attributes)?.environment === desired.environment.id,
  );
  const secrets = new Map<string, SecretState>();
  for (const { clientId, secret } of clients) {
    const one = wanted.get(clientId);
    if (one !== undefined) secrets.set(clientId, compare(one, secret, stored.get(refText(one))));
  }
  if (depth === "deep") await tryAll(admin, desired.clients, stored, secrets, realm, concurrency);
  return { depth, realm, secrets };
}

/** A public client has no secret, but an entry in the store like all others. */
function compare(one: DesiredClient, secret: string | undefined, credential: Credential | undefined): SecretState {
  if (credential === undefined) return "none stored";
  if (one.spec.public) return "matches";
  if (secret === undefined || /^\*+$/.test(secret)) return "hidden";
  return secret === credential.password.reveal() ? "matches" : "differs";
}

/** Lets every enabled client that has a secret sign in at the introspection endpoint, which makes no session. */
async function tryAll(
  admin: Admin,
  clients: readonly DesiredClient[],
  stored: ReadonlyMap<string, Credential>,
  secrets: Map<string, SecretState>,
  realm: ObservedRealm,
  concurrency: number,
): Promise<void> {
  await pLimit(Math.max(1, concurrency)).map([...clients], async (one) => {
    const state = secrets.get(one.clientId);
    const credential = stored.get(refText(one));
    const enabled = realm.clients.get(one.clientId)?.representation.enabled !== false;
    if (one.spec.public || credential === undefined || !enabled || (state !== "matches" && state !== "hidden")) return;
    const answer = await admin.introspect(one.clientId, credential.password);
    if (answer.status === 401) secrets.set(one.clientId, "refused");
    if (answer.status === 200) secrets.set(one.clientId, "matches");
  });
}

function realmOf(
  exported: RealmRepresentation,
  clients: readonly ClientRepresentation[],
  isOfInterest: (client: ClientRepresentation) => boolean,
): ObservedRealm {
  const roles = rolesOf(exported, new Map(clients.map((client) => [client.clientId, client.id])));
  const accounts = new Map((exported.users ?? []).map((user) => [user.serviceAccountClientId, user]));
  const mappings = scopeMappings(exported);
  const scopeUsers = new Map<string, string[]>();
  for (const client of clients)
    for (const scope of [...(client.defaultClientScopes ?? []), ...(client.optionalClientScopes ?? [])])
      scopeUsers.set(scope, [...(scopeUsers.get(scope) ?? []), client.clientId]);
  return {
    mark: parseMark(exported.attributes),
    enabled: exported.enabled ?? true,
    registrationAllowed: exported.registrationAllowed ?? false,
    sslRequired: (exported.sslRequired ?? "").toLowerCase(),
    bruteForceProtected: exported.bruteForceProtected ?? false,
    defaultRole: exported.defaultRole?.name ?? "",
    defaultScopes: exported.defaultDefaultClientScopes ?? [],
    optionalScopes: exported.defaultOptionalClientScopes ?? [],
    scopes: new Map(
      (exported.clientScopes ?? []).map((one) => [
        one.name,
        { id: one.id, protocol: one.protocol ?? "openid-connect", mark: parseMark(one.attributes) },
      ]),
    ),
    scopeUsers,
    roles,
    clients: new Map(
      clients.filter(isOfInterest).map((client) => {
        const { secret: _, ...representation } = client;
        const { clientId } = client;
        return [
          clientId,
          {
            representation,
            mark: parseMark(client.attributes),
            roles: exported.roles?.client?.[clientId] ?? [],
            serviceAccount: accounts.get(clientId),
            scopeMappings: (mappings.get(clientId) ?? []).flatMap(
              (one) => roles.get(roleKey(one.name, one.client)) ?? [],
            ),
          },
        ];
      }),
    ),
  };
}

/** Key of a realm role, or of a client's role, in {@link ObservedRealm.roles}. */
export function roleKey(name: string, clientId = ""): string {
  return JSON.stringify([clientId, name]);
}

function rolesOf(exported: RealmRepresentation, uuids: ReadonlyMap<string, string>): Map<string, RoleRef> {
  const roles = new Map<string, RoleRef>();
  for (const { id, name } of exported.roles?.realm ?? []) roles.set(roleKey(name), { id, name });
  for (const [clientId, list] of Object.entries(exported.roles?.client ?? {})) {
    const owner = uuids.get(clientId);
    if (owner === undefined) continue;
    for (const { id, name } of list) roles.set(roleKey(name, clientId), { id, name, client: { id: owner, clientId } });
  }
  return roles;
}

/** By client id: roles that are mapped into its scope. */
function scopeMappings(exported: RealmRepresentation): Map<string, { name: string; client?: string }[]> {
  const found = new Map<string, { name: string; client?: string }[]>();
  const add = (to: string | undefined, names: readonly string[] | undefined, client?: string) => {
    if (to === undefined) return;
    const roles = (names ?? []).map((name) => ({ name, ...(client === undefined ? {} : { client }) }));
    found.set(to, [...(found.get(to) ?? []), ...roles]);
  };
  for (const one of exported.scopeMappings ?? []) add(one.client, one.roles);
  for (const [owner, list] of Object.entries(exported.clientScopeMappings ?? {}))
    for (const one of list) add(one.client, one.roles, owner);
  return found;
}
