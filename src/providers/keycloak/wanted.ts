import type { Desired, DesiredClient } from "./desired.ts";
import { markAttributes } from "./mark.ts";
import type { ObservedRealm } from "./observe.ts";
import type { ClientRepresentation, NewMapper } from "./representation.ts";

/** Client scope that Keycloak gives a client together with its service account. */
const SERVICE_ACCOUNT_SCOPE = "service_account";

/** Attributes that would open another way to tokens; none of them may be on. */
export const CLOSED_ATTRIBUTES = [
  "oauth2.device.authorization.grant.enabled",
  "oidc.ciba.grant.enabled",
  "standard.token.exchange.enabled",
  "use.jwks.url",
] as const;

/** Everything of a client that is a plain setting. */
export type Settings = Required<
  Pick<
    ClientRepresentation,
    | "enabled"
    | "protocol"
    | "publicClient"
    | "bearerOnly"
    | "clientAuthenticatorType"
    | "standardFlowEnabled"
    | "implicitFlowEnabled"
    | "directAccessGrantsEnabled"
    | "serviceAccountsEnabled"
    | "authorizationServicesEnabled"
    | "fullScopeAllowed"
    | "redirectUris"
    | "webOrigins"
  >
>;

/** The settings that a client claim asks for. A client without redirect URIs needs no browser flow, so it has none. */
export function settingsOf({ spec }: DesiredClient): Settings {
  return {
    enabled: true,
    protocol: "openid-connect",
    publicClient: spec.public,
    bearerOnly: false,
    clientAuthenticatorType: "client-secret",
    standardFlowEnabled: spec.redirectUris.length > 0,
    implicitFlowEnabled: false,
    directAccessGrantsEnabled: false,
    serviceAccountsEnabled: spec.serviceAccount && !spec.public,
    authorizationServicesEnabled: false,
    fullScopeAllowed: false,
    redirectUris: spec.redirectUris.toSorted(),
    webOrigins: spec.webOrigins.toSorted(),
  };
}

/** The attributes that a client is to have; others are left to Keycloak's defaults. */
export function attributesOf(wanted: DesiredClient, desired: Desired): Record<string, string> {
  const { id, name } = desired.environment;
  return {
    ...markAttributes({ environment: id, environmentName: name, claim: wanted }),
    ...Object.fromEntries(CLOSED_ATTRIBUTES.map((key) => [key, "false"])),
  };
}

/** Default client scopes that a client is to have: the realm's, its service account's, and what it asks for. */
export function defaultScopesOf(wanted: DesiredClient, realm: ObservedRealm): string[] {
  // The realm's list also names scopes for SAML, which Keycloak gives to no OpenID Connect client.
  const realms = realm.defaultScopes.filter((name) => realm.scopes.get(name)?.protocol !== "saml");
  const account =
    settingsOf(wanted).serviceAccountsEnabled && realm.scopes.has(SERVICE_ACCOUNT_SCOPE) ? [SERVICE_ACCOUNT_SCOPE] : [];
  return [...new Set([...realms, ...account, ...wanted.spec.scopes])];
}

/** Client scopes that may be asked for: the realm's, but none that is a default one of the client. */
export function optionalScopesOf(wanted: DesiredClient, realm: ObservedRealm): string[] {
  const defaults = defaultScopesOf(wanted, realm);
  return realm.optionalScopes.filter((name) => !defaults.includes(name));
}

/** Protocol mappers that put into the client's access tokens what its claim asks for (`oidc-audience-mapper`, `oidc-hardcoded-role-mapper`). */
export function mappersOf({ spec }: DesiredClient): NewMapper[] {
  const { audiences, roles } = spec.tokens;
  return [
    ...audiences.map((audience) => ({
      name: `g2p-audience-${audience}`,
      protocol: "openid-connect",
      protocolMapper: "oidc-audience-mapper",
      config: {
        "included.custom.audience": audience,
        "access.token.claim": "true",
        "introspection.token.claim": "true",
      },
    })),
    ...roles.map((role) => ({
      name: `g2p-role-${role}`,
      protocol: "openid-connect",
      protocolMapper: "oidc-hardcoded-role-mapper",
      config: { role },
    })),
  ];
}
