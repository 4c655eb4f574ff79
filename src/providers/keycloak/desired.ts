import type { ClientSpec, ServiceClaim } from "../../model/claim.ts";
import type { ClaimRef } from "../../model/environment.ts";
import { name } from "../../naming/name.ts";
import type { Placement } from "../contract.ts";
import { refText } from "./mark.ts";

/** A client claim with its name decided. */
export interface DesiredClient extends ClaimRef {
  /** `keycloak/<sandbox>/<instance>/<claim>`. */
  readonly id: string;
  readonly clientId: string;
  readonly spec: ClientSpec;
  readonly accept: readonly string[];
}

/** What one realm is to hold. */
export interface Desired {
  readonly environment: { readonly id: string; readonly name: string };
  readonly clients: readonly DesiredClient[];
}

/** The client id of a claim. */
export function clientIdOf(prefix: string, ref: ClaimRef): string {
  const { sandbox, instance, claim } = ref;
  return name({ prefix, service: "keycloak", kind: "client-id", sandbox, instance, claim }).name;
}

/** Decides the names of everything that a placement asks for. */
export function desire(placement: Placement<"keycloak">): Desired {
  return {
    environment: placement.environment,
    clients: placement.claims.map((claim: ServiceClaim<"keycloak">) => ({
      sandbox: claim.sandbox,
      instance: claim.instance,
      claim: claim.claim,
      id: `keycloak/${refText(claim)}`,
      clientId: clientIdOf(placement.prefix, claim),
      spec: claim.spec,
      accept: claim.accept,
    })),
  };
}
