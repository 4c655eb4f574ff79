import type { Provider } from "../contract.ts";
import { indicesBinding } from "./binding.ts";
import { checkIndices } from "./check.ts";
import { desiredOne } from "./desired.ts";
import { OpensearchSession } from "./session.ts";

/** OpenSearch: each claim is a user with a role that is limited to indices with its instance's prefix. */
export const opensearch: Provider<"opensearch"> = {
  open: (endpoint, placement, context) => OpensearchSession.open(endpoint, placement, context),
  binding: async (endpoint, placement, claim, credential) => indicesBinding(endpoint, placement, claim, credential),
  check: (endpoint, placement, claim, credential, timeoutMs) =>
    checkIndices(endpoint, desiredOne(placement, claim), credential, timeoutMs),
};
