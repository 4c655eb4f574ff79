import { Secret } from "../../model/secret.ts";
import type { Http, HttpAnswer } from "../http.ts";

/** An access token. */
export interface Token {
  readonly token: Secret;
  /** Of `performance.now()`: when it should no longer be used. */
  readonly until: number;
}

/** Path of an OpenID Connect endpoint of a realm (Keycloak documentation, "Securing applications", OIDC endpoints). */
export function oidcPath(realm: string, endpoint: "token" | "token/introspect" | "auth" | "certs"): string {
  return `/realms/${encodeURIComponent(realm)}/protocol/openid-connect/${endpoint}`;
}

/** The token of a token endpoint's answer; `undefined` when it holds none. Ends a fifth of its life early, so that none is used up on its way. */
export function tokenOf(answer: HttpAnswer): Token | undefined {
  if (answer.status !== 200) return undefined;
  const { access_token: token, expires_in: seconds } = answer.json as Record<string, unknown>;
  if (typeof token !== "string") return undefined;
  const life = typeof seconds === "number" ? seconds : 60;
  return { token: new Secret(token), until: performance.now() + life * 800 };
}

/** What a token endpoint says about a refusal, e.g. `invalid_client (Invalid client or Invalid client credentials)`. */
export function refusalOf(answer: HttpAnswer): string {
  const body = (typeof answer.json === "object" && answer.json !== null ? answer.json : {}) as Record<string, unknown>;
  const words = [body["error"], body["error_description"] ?? body["errorMessage"]].filter(
    (word): word is string => typeof word === "string",
  );
  const [error, description] = words;
  if (error === undefined) return `HTTP ${answer.status}`;
  return description === undefined ? error : `${error} (${description})`;
}

/** Asks a token endpoint for a client's own token. */
export function requestToken(http: Http, path: string, clientId: string, secret: Secret): Promise<HttpAnswer> {
  return http.request(path, {
    form: { grant_type: "client_credentials", client_id: clientId, client_secret: secret.reveal() },
  });
}

/** The claims inside a token; not verified, since it came from the server itself. */
export function claimsOf(token: Secret): Record<string, unknown> {
  const [, payload = ""] = token.reveal().split(".");
  const value: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
