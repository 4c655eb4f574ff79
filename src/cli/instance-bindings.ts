import type { Fields } from "../model/binding.ts";
import type { Instance, ServerAddress } from "../model/environment.ts";
import { ServiceError } from "../model/error.ts";
import { databaseBinding } from "../providers/postgresql/binding.ts";
import { refKey } from "../providers/postgresql/desired.ts";
import type { Session } from "./session.ts";

/**
 * Everything an instance is handed, by claim or access name.
 *
 * @throws ServiceError when a credential was not made yet, saying to apply first
 */
export async function instanceBindings(
  session: Session,
  addresses: ReadonlyMap<string, ServerAddress>,
  instance: Instance,
): Promise<Map<string, Fields>> {
  const credentials = await session.state.credentials.read(instance.claims);
  const bindings = new Map<string, Fields>();
  for (const claim of instance.claims)
    for (const [scope, desired] of session.desired) {
      const wanted = [...desired.databases, ...desired.accesses].find((one) => refKey(one) === refKey(claim));
      const address = addresses.get(scope);
      if (wanted === undefined || address === undefined) continue;
      const credential = credentials.get(refKey(claim));
      if (credential === undefined)
        throw new ServiceError(`${refKey(claim)} has no credentials yet.`, {
          code: "NOT_APPLIED",
          resource: wanted.id,
          hint: "Run g2p apply (or g2p up) first.",
        });
      bindings.set(claim.claim, { ...databaseBinding(wanted, address, credential) });
    }
  return bindings;
}
