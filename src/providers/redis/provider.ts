import type { Provider } from "../contract.ts";
import { keyspaceBinding } from "./binding.ts";
import { checkKeyspace } from "./check.ts";
import { desiredKeyspace } from "./desired.ts";
import { RedisSession } from "./session.ts";

/** Redis: each claim is a user that is limited by ACL to keys and channels with its instance's prefix. */
export const redis: Provider<"redis"> = {
  open: (endpoint, placement, context) => RedisSession.open(endpoint, placement, context),
  binding: (endpoint, placement, claim, credential) =>
    keyspaceBinding(endpoint, desiredKeyspace(placement, claim), credential),
  check: (endpoint, placement, claim, credential, timeoutMs) =>
    checkKeyspace(endpoint, desiredKeyspace(placement, claim), credential, timeoutMs),
};
