import type { Provider } from "../contract.ts";
import { clientBinding } from "./binding.ts";
import { checkClient } from "./check.ts";
import { clientOf, openSession } from "./session.ts";

/**
 * Keycloak: one realm for the environment, and in it an OIDC client for each claim.
 *
 * The realm is made and marked when it is absent. One that is there without the environment's mark is used as it is: only clients and
 * client scopes are made in it. No realm is ever removed, since it holds users.
 */
export const keycloak: Provider<"keycloak"> = {
  open: openSession,
  binding: async (endpoint, placement, claim, credential) =>
    clientBinding(endpoint, clientOf(placement, claim), credential),
  check: async (endpoint, placement, claim, credential, timeoutMs) =>
    checkClient(endpoint, clientOf(placement, claim), credential, timeoutMs),
};
