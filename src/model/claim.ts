import type { ClaimRef } from "./environment.ts";
import type { Position } from "./error.ts";
import type { Service } from "./service.ts";

/** The services of a commons beside PostgreSQL. */
export type OtherService = Exclude<Service, "postgresql" | "kubernetes">;

/** One topic as it is wanted. */
export interface TopicSpec {
  readonly partitions: number;
  /** Copies of each partition; `undefined` takes the broker's default. */
  readonly replication: number | undefined;
  /** `retention.ms`; `undefined` takes the broker's default, -1 keeps for ever. */
  readonly retentionMs: number | undefined;
  /** `cleanup.policy=compact` instead of `delete`. */
  readonly compact: boolean;
}

/** Topics of an instance, with the user that owns them. Kind `topics`, service `kafka`. */
export interface TopicsSpec {
  /** By the module's own word; the name on the server is made from it. */
  readonly topics: Readonly<Record<string, TopicSpec>>;
  /** Bytes a second; `undefined` sets no quota. */
  readonly quota: { readonly produce: number | undefined; readonly consume: number | undefined };
}

/** One bucket as it is wanted. */
export interface BucketSpec {
  readonly versioning: boolean;
  /** Hard quota in bytes; `undefined` sets none. */
  readonly quotaBytes: number | undefined;
  /** Objects older than so many days are deleted by the server; `undefined` keeps them. */
  readonly expireDays: number | undefined;
}

/** Buckets of an instance, with the key that reads and writes them. Kind `buckets`, service `s3`. */
export interface BucketsSpec {
  /** By the module's own word; the name on the server is made from it. */
  readonly buckets: Readonly<Record<string, BucketSpec>>;
}

/** One group of indices of an instance: `<index prefix><word>*`. */
export interface IndexSpec {
  readonly shards: number;
  readonly replicas: number;
  /** Indices older than so many days are deleted, where the server has index state management; `undefined` keeps them. */
  readonly deleteAfterDays: number | undefined;
}

/** Indices of an instance, with the user and role limited to them. Kind `indices`, service `opensearch`. */
export interface IndicesSpec {
  /** By the module's own word: an index template for `<index prefix><word>*`. */
  readonly indices: Readonly<Record<string, IndexSpec>>;
  /** A dashboards tenant of the instance's own. */
  readonly tenant: boolean;
}

/** A key application of Keymanager. Kind `key-application`, service `keymanager`. */
export interface KeyApplicationSpec {
  /** Days a key is valid, and days before its end from which a new one is made (`key_policy_def`). */
  readonly validityDays: number;
  readonly preExpireDays: number;
  /** Reference ids whose base keys (encryption certificates) exist from the start, e.g. `ENCRYPT`. */
  readonly baseKeys: readonly string[];
  /** The OIDC client whose service account alone may use the keys; `undefined` where the environment has no Keycloak. */
  readonly client: { readonly claim: string; readonly clientId: string } | undefined;
}

/** An OIDC client. Kind `client`, service `keycloak`. */
export interface ClientSpec {
  /** A public client has no secret. */
  readonly public: boolean;
  readonly redirectUris: readonly string[];
  readonly webOrigins: readonly string[];
  /** It may get tokens for itself (client credentials). */
  readonly serviceAccount: boolean;
  /** Client roles it defines. */
  readonly roles: readonly string[];
  /** Default client scopes it gets beside the realm's; they exist or are made. */
  readonly scopes: readonly string[];
  /** What its tokens say of themselves, so that another service of the commons lets it in. */
  readonly tokens: TokenContent;
}

/** What the tokens of a client's service account hold beside what Keycloak puts there. */
export interface TokenContent {
  /** Audiences (`aud`) that they are for. */
  readonly audiences: readonly string[];
  /** Values in `realm_access.roles`, though the realm has no such roles. */
  readonly roles: readonly string[];
}

/** Tokens as they are without us. */
export const PLAIN_TOKENS: TokenContent = { audiences: [], roles: [] };

/** Tokens with which Keymanager lets a client use the key applications whose policy names it. */
export const KEYMANAGER_USER: TokenContent = { audiences: ["keymanager"], roles: ["keymanager-user"] };

/** Tokens with which Keymanager lets its administrator do everything. */
export const KEYMANAGER_ADMIN: TokenContent = { audiences: ["keymanager"], roles: ["keymanager-admin"] };

/** A part of Redis: keys and channels that begin with the instance's prefixes. Kind `keyspace`, service `redis`. */
export type KeyspaceSpec = Readonly<Record<never, never>>;

/** What each service's claim asks for. */
export interface ClaimSpecs {
  readonly kafka: TopicsSpec;
  readonly s3: BucketsSpec;
  readonly opensearch: IndicesSpec;
  readonly keymanager: KeyApplicationSpec;
  readonly keycloak: ClientSpec;
  readonly redis: KeyspaceSpec;
}

/** What a service's claim is called; `item.kind` of plans. */
export const CLAIM_KINDS = {
  kafka: "topics",
  s3: "buckets",
  opensearch: "indices",
  keymanager: "key-application",
  keycloak: "client",
  redis: "keyspace",
} as const satisfies Record<OtherService, string>;

/** Kind of a claim on a service beside PostgreSQL. */
export type ServiceClaimKind = (typeof CLAIM_KINDS)[OtherService];

/** Services on which an instance may be given access to another one's claim. */
export type SharedService = "kafka" | "s3" | "opensearch";

/** A module instance's claim on a service beside PostgreSQL. An instance has at most one on kafka, s3, opensearch and redis each. */
export interface ServiceClaim<S extends OtherService = OtherService> extends ClaimRef {
  readonly kind: (typeof CLAIM_KINDS)[S];
  readonly service: S;
  readonly spec: ClaimSpecs[S];
  /** Drift findings that are accepted, as printed by plan (`aspect`), `*` matches any run of characters. */
  readonly accept: readonly string[];
  readonly position: Position;
}

/**
 * An instance's access to named parts of another instance's claim: a login of its own on the owner's server, so that it can be
 * revoked and rotated alone.
 */
export interface ServiceAccess<S extends SharedService = SharedService> extends ClaimRef {
  readonly kind: "access";
  readonly service: S;
  /** The claim of which parts are used. */
  readonly target: ClaimRef;
  /** The target's words (topics, buckets, indices) that may be used; at least one. */
  readonly words: readonly string[];
  readonly mode: "read" | "write";
  readonly accept: readonly string[];
  readonly position: Position;
}

/** A claim or access on one of the services beside PostgreSQL, told apart by `service`. */
export type AnyServiceClaim = { [S in OtherService]: ServiceClaim<S> }[OtherService];
