import type { KeymanagerEndpoint } from "../../model/endpoint.ts";
import type { Placed, Placement, Provider } from "../contract.ts";
import { binding } from "./binding.ts";
import { check } from "./check.ts";
import { desire, type DesiredApplication } from "./desired.ts";
import { openSession } from "./session.ts";

/**
 * MOSIP Keymanager: a key policy and keys for each claim. Where the server asks for tokens, the policy lets the service account of the
 * claim's client alone decrypt and sign.
 */
export const keymanager: Provider<"keymanager"> = {
  open: (endpoint, placement, context) => Promise.resolve(openSession(endpoint, placement, context)),
  binding: (endpoint, placement, claim, credential) =>
    binding(endpoint, wantedOf(endpoint, placement, claim), credential),
  check: (endpoint, placement, claim, credential, timeoutMs) =>
    check(endpoint, wantedOf(endpoint, placement, claim), credential, timeoutMs),
};

function wantedOf(
  endpoint: KeymanagerEndpoint,
  placement: Placement<"keymanager">,
  claim: Placed<"keymanager">,
): DesiredApplication {
  const [wanted] = desire(endpoint, { ...placement, claims: [claim] }).applications;
  if (wanted === undefined) throw new Error("a claim makes one application");
  return wanted;
}
