import type { Desired, DesiredClient } from "./desired.ts";
import { type Drift, repairable } from "./drift.ts";
import { type ObservedClient, type ObservedRealm, roleKey, type SecretState } from "./observe.ts";
import type { MapperRepresentation, NewMapper, RoleRepresentation } from "./representation.ts";
import {
  attributesOf,
  CLOSED_ATTRIBUTES,
  defaultScopesOf,
  mappersOf,
  optionalScopesOf,
  type Settings,
  settingsOf,
} from "./wanted.ts";

/** Words of the aspects of settings. */
export const SETTINGS = {
  enabled: "enabled",
  protocol: "protocol",
  publicClient: "public",
  bearerOnly: "bearer-only",
  clientAuthenticatorType: "authenticator",
  standardFlowEnabled: "standard-flow",
  implicitFlowEnabled: "implicit-flow",
  directAccessGrantsEnabled: "direct-access-grants",
  serviceAccountsEnabled: "service-account",
  authorizationServicesEnabled: "authorization-services",
  fullScopeAllowed: "full-scope",
  redirectUris: "redirect-uris",
  webOrigins: "web-origins",
} as const satisfies Record<keyof Settings, string>;

/** Mappers that older versions put on the client itself when it gets a service account; they tell the client about itself. */
const OWN_MAPPERS = new Set(["Client ID", "Client Host", "Client IP Address"]);

/** Made by Keycloak when authorization services are switched on, and left there when they are switched off. */
const PROTECTION_ROLE = "uma_protection";

/** Everything in which a client that is there differs from what is wanted. Pure. */
export function diffClient(
  wanted: DesiredClient,
  desired: Desired,
  realm: ObservedRealm,
  found: ObservedClient,
  secret: SecretState | undefined,
): Drift[] {
  return [
    ...diffSettings(wanted, desired, found),
    ...diffSecret(secret),
    ...diffMappers(wanted, found),
    ...diffScopes(wanted, realm, found),
    ...diffRoles(wanted, found),
    ...found.scopeMappings.map((role) =>
      repairable(`scope-mapping:${roleWord(role.name, role.client?.clientId)}`, "absent", "mapped", {
        do: "unmap-role",
        role,
      }),
    ),
    ...diffServiceAccount(realm, found),
  ];
}

function diffSettings(wanted: DesiredClient, desired: Desired, found: ObservedClient): Drift[] {
  const expected = settingsOf(wanted);
  const drifts: Drift[] = [];
  const compare = (aspect: string, want: string, is: string) => {
    if (want !== is) drifts.push(repairable(aspect, want, is, { do: "write" }));
  };
  for (const key of Object.keys(SETTINGS) as (keyof Settings)[])
    compare(SETTINGS[key], text(expected[key]), text(found.representation[key] ?? unset(expected[key])));
  const closed = new Set<string>(CLOSED_ATTRIBUTES);
  for (const [key, value] of Object.entries(attributesOf(wanted, desired))) {
    const is = found.representation.attributes?.[key];
    const aspect = closed.has(key) ? `attribute:${key}` : "mark";
    compare(aspect, value, typeof is === "string" ? is : closed.has(key) ? "false" : "absent");
  }
  // Three attributes are one mark.
  return drifts.filter((drift, index) => drifts.findIndex((one) => one.aspect === drift.aspect) === index);
}

/** What a setting is that Keycloak leaves out of its answer. */
function unset(expected: Settings[keyof Settings]): boolean | readonly string[] | string {
  return typeof expected === "boolean" ? false : Array.isArray(expected) ? [] : "unset";
}

function text(value: boolean | string | readonly string[]): string {
  if (typeof value !== "object") return String(value);
  return value.length === 0 ? "none" : value.toSorted().join(", ");
}

/** The stored secret is the truth; the server follows it. */
function diffSecret(state: SecretState | undefined): Drift[] {
  // Secrets that this administrator is not shown are tried by a deep look only.
  if (state === "matches" || state === "hidden") return [];
  const actual =
    state === "none stored"
      ? "none stored; a new one is made"
      : state === "refused"
        ? "the server refuses it"
        : state === "differs"
          ? "another one"
          : "not known";
  return [repairable("password", "the stored one", actual, { do: "write" })];
}

/** Mappers decide what tokens say: only those that are wanted may be there. One that differs is removed and made again. */
function diffMappers(wanted: DesiredClient, found: ObservedClient): Drift[] {
  const present = found.representation.protocolMappers ?? [];
  const isWanted = (one: MapperRepresentation) => mappersOf(wanted).some((mapper) => isSame(one, mapper));
  const isOwn = (one: MapperRepresentation) =>
    OWN_MAPPERS.has(one.name) && one.protocolMapper === "oidc-usersessionmodel-note-mapper";
  const extra = present.filter((one) => !isWanted(one) && !isOwn(one));
  const missing = mappersOf(wanted).filter((mapper) => !present.some((one) => isSame(one, mapper)));
  return [
    ...extra.map((one) =>
      repairable(`mapper:${one.name}`, "absent", one.protocolMapper ?? "present", {
        do: "remove-mapper",
        mapper: one.id,
      }),
    ),
    ...missing.map((mapper) =>
      repairable(`mapper:${mapper.name}`, mapper.protocolMapper, "absent", { do: "make-mapper", mapper }),
    ),
  ];
}

function isSame(found: MapperRepresentation, wanted: NewMapper): boolean {
  const text = (config: Readonly<Record<string, string>> = {}) => JSON.stringify(Object.entries(config).toSorted());
  const { name, protocolMapper, config } = wanted;
  return found.name === name && found.protocolMapper === protocolMapper && text(found.config) === text(config);
}

function diffScopes(wanted: DesiredClient, realm: ObservedRealm, found: ObservedClient): Drift[] {
  const { representation } = found;
  const [defaults, optional] = [defaultScopesOf(wanted, realm), optionalScopesOf(wanted, realm)];
  const has = new Set(representation.defaultClientScopes);
  const missing = defaults.filter((scope) => !has.has(scope));
  // Keycloak takes a new default scope out of the optional ones by itself only where it is asked to move it.
  const spare = (representation.optionalClientScopes ?? []).filter((scope) => !optional.includes(scope));
  return [
    ...spare.map((scope) =>
      repairable(`optional-scope:${scope}`, "absent", "present", { do: "remove-scope", scope, from: "optional" }),
    ),
    ...missing.map((scope) => repairable(`scope:${scope}`, "present", "absent", { do: "add-scope", scope })),
    ...[...has]
      .filter((scope) => !defaults.includes(scope))
      .map((scope) =>
        repairable(`scope:${scope}`, "absent", "present", { do: "remove-scope", scope, from: "default" }),
      ),
  ];
}

function diffRoles(wanted: DesiredClient, found: ObservedClient): Drift[] {
  const present = new Map(found.roles.map((role) => [role.name, role]));
  const missing = wanted.spec.roles.filter((role) => !present.has(role));
  return [
    ...missing.map((role) => repairable(`role:${role}`, "present", "absent", { do: "make-role", role })),
    ...found.roles
      .filter(({ name }) => name === PROTECTION_ROLE && !wanted.spec.roles.includes(name))
      .map(({ name }) => repairable(`role:${name}`, "absent", "present", { do: "remove-role", role: name })),
    // Further roles give nobody anything by themselves, and users may hold them: they stay.
    ...found.roles.filter((role) => wanted.spec.roles.includes(role.name)).flatMap(diffRole),
  ];
}

/** A role that holds others would give their rights to everybody who has it. */
function diffRole(role: RoleRepresentation): Drift[] {
  if (role.composite !== true) return [];
  const { realm = [], client = {} } = role.composites ?? {};
  const parts = [...realm, ...Object.entries(client).flatMap(([id, names]) => names.map((one) => roleWord(one, id)))];
  return [
    repairable(`role:${role.name}:composites`, "none", parts.join(", ") || "present", {
      do: "empty-role",
      role: role.name,
    }),
  ];
}

/** A service account may hold what every user of the realm holds, and nothing else. */
function diffServiceAccount(realm: ObservedRealm, found: ObservedClient): Drift[] {
  const account = found.serviceAccount;
  if (account === undefined) return [];
  const user = account.id;
  const held = [
    ...(account.realmRoles ?? [])
      .filter((name) => name !== realm.defaultRole)
      .map((name) => ({ name, clientId: undefined })),
    ...Object.entries(account.clientRoles ?? {}).flatMap(([clientId, names]) =>
      names.map((name) => ({ name, clientId })),
    ),
  ];
  return [
    ...held.flatMap(({ name, clientId }) => {
      const role = realm.roles.get(roleKey(name, clientId));
      const aspect = `service-account:role:${roleWord(name, clientId)}`;
      return role === undefined ? [] : [repairable(aspect, "absent", "held", { do: "take-role", user, role })];
    }),
    ...(account.groups ?? []).map((path) =>
      repairable(`service-account:group:${path}`, "absent", "member", { do: "leave-group", user, path }),
    ),
    ...(account.enabled === false
      ? [repairable("service-account:enabled", "true", "false", { do: "enable-account", user })]
      : []),
  ];
}

/** A role as findings name it: `realm-management/manage-users`, or `offline_access` for one of the realm. */
function roleWord(name: string, clientId: string | undefined): string {
  return clientId === undefined || clientId === "" ? name : `${clientId}/${name}`;
}
