import type { KeymanagerEndpoint } from "../../model/endpoint.ts";
import type { ClaimRef } from "../../model/environment.ts";
import { name } from "../../naming/name.ts";
import type { Placement } from "../contract.ts";
import type { Mark } from "./mark.ts";

/** Word of `access_allowed` that lets everybody use the keys. */
export const EVERYBODY = "NA";

/** One key application as it is wanted. */
export interface DesiredApplication extends ClaimRef {
  /** `keymanager/sandbox/instance/claim`. */
  readonly id: string;
  readonly applicationId: string;
  readonly validityDays: number;
  readonly preExpireDays: number;
  readonly baseKeys: readonly string[];
  /** `access_allowed`: the service account of the claim's client, or {@link EVERYBODY} where nobody is asked who he is. */
  readonly access: string;
  /** The claim whose credential signs in; absent where nobody is asked. */
  readonly client: (ClaimRef & { readonly clientId: string }) | undefined;
  readonly mark: Mark;
  readonly accept: readonly string[];
}

/** All that one server is to hold. */
export interface Desired {
  readonly environment: Placement["environment"];
  readonly applications: readonly DesiredApplication[];
}

/** What a placement asks of a server. Pure. */
export function desire(endpoint: Pick<KeymanagerEndpoint, "auth">, placement: Placement<"keymanager">): Desired {
  const { environment, prefix } = placement;
  const applications = placement.claims.map((one): DesiredApplication => {
    const { sandbox, instance, claim, spec } = one;
    const ref = { sandbox, instance, claim };
    const client = endpoint.auth === undefined ? undefined : spec.client;
    return {
      ...ref,
      id: `keymanager/${sandbox}/${instance}/${claim}`,
      applicationId: name({ prefix, service: "keymanager", kind: "application-id", ...ref }).name,
      validityDays: spec.validityDays,
      preExpireDays: spec.preExpireDays,
      baseKeys: spec.baseKeys,
      access: client === undefined ? EVERYBODY : `service-account-${client.clientId}`,
      client: client === undefined ? undefined : { sandbox, instance, claim: client.claim, clientId: client.clientId },
      mark: { environment: environment.id, environmentName: environment.name, claim: ref },
      accept: one.accept,
    };
  });
  return { environment, applications };
}
