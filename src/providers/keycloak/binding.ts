import type { Fields } from "../../model/binding.ts";
import type { Credential } from "../../model/credential.ts";
import { baseUrl, type KeycloakEndpoint } from "../../model/endpoint.ts";
import { Secret } from "../../model/secret.ts";
import type { DesiredClient } from "./desired.ts";
import { oidcPath } from "./token.ts";

/**
 * What an instance is handed for its client. `issuer` is what Keycloak writes into tokens when it is asked at this address (a server
 * with a fixed `hostname` must be named by it in g2p.yaml). A public client's secret is empty.
 */
export function clientBinding(endpoint: KeycloakEndpoint, wanted: DesiredClient, credential: Credential): Fields {
  const url = baseUrl(endpoint);
  const [first] = endpoint.hosts;
  return {
    host: first?.host ?? "",
    port: String(first?.port ?? ""),
    url,
    realm: endpoint.realm,
    issuer: `${url}/realms/${encodeURIComponent(endpoint.realm)}`,
    tokenUrl: url + oidcPath(endpoint.realm, "token"),
    jwksUrl: url + oidcPath(endpoint.realm, "certs"),
    clientId: wanted.clientId,
    clientSecret: wanted.spec.public ? new Secret("") : credential.password,
  };
}
