import type { CheckResult } from "../../model/check.ts";
import type { Credential } from "../../model/credential.ts";
import type { KeycloakEndpoint } from "../../model/endpoint.ts";
import { CommonsError } from "../../model/error.ts";
import type { HttpAnswer } from "../http.ts";
import { introspect, openKeycloak } from "./admin.ts";
import type { DesiredClient } from "./desired.ts";
import { openLoginPage } from "./login-page.ts";
import { refusalOf } from "./token.ts";

/** Failures that pass only when somebody changes something. */
const FINAL = ["KEYCLOAK_TLS", "KEYCLOAK_CA_FILE"];

/**
 * Looks, as the client itself, whether it can be used: it signs in at the introspection endpoint with its secret, or, being public, asks
 * for the login page. Neither makes a session. Never throws for what a server answers.
 */
export async function checkClient(
  endpoint: KeycloakEndpoint,
  wanted: DesiredClient,
  credential: Credential,
  timeoutMs: number,
): Promise<CheckResult> {
  try {
    const http = await openKeycloak(endpoint, "keycloak", 1, timeoutMs);
    try {
      const answer = wanted.spec.public
        ? await openLoginPage(http, endpoint.realm, wanted)
        : await introspect(http, endpoint.realm, wanted.clientId, credential.password);
      return judge(answer, endpoint, wanted);
    } finally {
      http.close();
    }
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    return { state: FINAL.includes(error.code) ? "unhealthy" : "waiting", reason: error.message.replace(/\.$/, "") };
  }
}

function judge(answer: HttpAnswer, endpoint: KeycloakEndpoint, wanted: DesiredClient): CheckResult {
  const { status } = answer;
  if (status === 200 || status === 302 || status === 303) return { state: "ready" };
  if (status === 404) return { state: "waiting", reason: `realm "${endpoint.realm}" does not exist yet` };
  if (status >= 500) return { state: "waiting", reason: `Keycloak is in trouble: ${refusalOf(answer)}` };
  if (wanted.spec.public)
    return {
      state: "waiting",
      reason: `Keycloak does not serve client "${wanted.clientId}" yet (HTTP ${status}): it does not exist, or not with this redirect URI`,
    };
  return {
    state: "unhealthy",
    reason: `Keycloak refused client "${wanted.clientId}": its secret is wrong, or the client does not exist yet (${refusalOf(answer)})`,
  };
}
