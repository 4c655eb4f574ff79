import type { Http, HttpAnswer } from "../http.ts";
import type { DesiredClient } from "./desired.ts";
import { oidcPath } from "./token.ts";

/** RFC 7636, appendix B: a challenge for a code that nobody will ever redeem. */
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/**
 * Asks the authorization endpoint as a browser would, but not to show a page (`prompt=none`), so that no login session is left: a
 * redirect (302) means that client and redirect URI are accepted, 400 that they are not. A client without redirect URIs
 * asks the token endpoint instead, where a public one is known (401 `unauthorized_client`) or not (401 `invalid_client`).
 */
export async function openLoginPage(http: Http, realm: string, wanted: DesiredClient): Promise<HttpAnswer> {
  const redirect = redirectUriOf(wanted);
  if (redirect !== undefined) {
    const query = new URLSearchParams({
      client_id: wanted.clientId,
      redirect_uri: redirect,
      response_type: "code",
      scope: "openid",
      prompt: "none",
      code_challenge: CHALLENGE,
      code_challenge_method: "S256",
    });
    return http.request(`${oidcPath(realm, "auth")}?${query.toString()}`);
  }
  const answer = await http.request(oidcPath(realm, "token"), {
    form: { grant_type: "client_credentials", client_id: wanted.clientId },
  });
  const known = answer.text.includes("Public client not allowed");
  return known ? { ...answer, status: 200 } : answer;
}

/** A redirect URI that the client's first pattern allows; `*` stands for any end of it. */
function redirectUriOf({ spec }: DesiredClient): string | undefined {
  return spec.redirectUris[0]?.replace(/\*$/, "");
}
