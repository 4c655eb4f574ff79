import type { ServiceClaim } from "../../model/claim.ts";
import type { ClaimRef } from "../../model/environment.ts";
import { MAIN, name } from "../../naming/name.ts";
import type { Placement } from "../contract.ts";
import { type Mark, claimOf } from "./mark.ts";

/** A claim with its names on the server. */
export interface DesiredKeyspace extends ClaimRef {
  /** `redis/dev/farmers/cache`. */
  readonly id: string;
  readonly user: string;
  readonly keyPrefix: string;
  readonly channelPrefix: string;
  readonly mark: Mark;
  readonly accept: readonly string[];
}

/** Numbered databases in which Celery's fanout works; upstream's modules use these two. */
const CELERY_DATABASES = [0, 1];

/**
 * What kombu subscribes to, behind `global_keyprefix` and its default fanout prefix: remote control of workers, their heartbeats, and all
 * events (kombu transport/redis.py `_get_subscribe_topic`; celery app/control.py, worker/consumer/gossip.py).
 */
const CELERY_TOPICS = ["celery.pidbox", "celeryev/worker.*", "celeryev/*"];

/**
 * The channels that a claim's user may use: all that begin with its channel prefix, or with its key prefix, which Celery takes for both.
 * PSUBSCRIBE is allowed only for a pattern that stands among them word for word (Redis docs, ACL, "Pub/Sub channel patterns"), and kombu uses
 * nothing else to listen, so Celery's patterns are named one by one.
 */
export function channelPatterns({ keyPrefix, channelPrefix }: DesiredKeyspace): readonly string[] {
  const celery = CELERY_DATABASES.flatMap((number) => CELERY_TOPICS.map((topic) => `${keyPrefix}/${number}.${topic}`));
  return [...new Set([channelPrefix, keyPrefix])].map((prefix) => `${prefix}*`).concat(celery);
}

/** Names everything that a server is to hold. Pure. */
export function desiredOf(placement: Placement<"redis">): readonly DesiredKeyspace[] {
  return placement.claims.map((claim) => desiredKeyspace(placement, claim));
}

/** Names one claim. */
export function desiredKeyspace(placement: Placement<"redis">, claim: ServiceClaim<"redis">): DesiredKeyspace {
  return { ...namesOf(placement, claim), accept: claim.accept };
}

/** Names what a claim has, wanted or not. */
export function namesOf(placement: Placement<"redis">, ref: ClaimRef): Omit<DesiredKeyspace, "accept"> {
  const { sandbox, instance, claim } = ref;
  const tuple = { prefix: placement.prefix, service: "redis", sandbox, instance } as const;
  return {
    id: `redis/${claimOf(ref)}`,
    sandbox,
    instance,
    claim,
    user: name({ ...tuple, kind: "user", claim }).name,
    keyPrefix: name({ ...tuple, kind: "key-prefix", claim: MAIN }).name,
    channelPrefix: name({ ...tuple, kind: "channel-prefix", claim: MAIN }).name,
    mark: { environment: placement.environment, sandbox, instance, claim },
  };
}
