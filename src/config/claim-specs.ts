import { type ClaimSpecs, KEYMANAGER_USER, type OtherService, PLAIN_TOKENS } from "../model/claim.ts";
import type { DatabaseSpec } from "../model/environment.ts";
import type { ClaimDescriptor } from "../modules/claim-schema.ts";
import type { Path } from "../modules/source-file.ts";
import { storedSettings } from "../modules/session-settings.ts";
import { bytes, milliseconds } from "../modules/units.ts";
import { didYouMean, listed, quoted } from "../modules/wording.ts";
import { name as nameOf } from "../naming/name.ts";
import type { Draft, Entry } from "./draft.ts";
import { own } from "./draft.ts";
import type { ClaimOverride } from "./environment-schema.ts";

type Descriptor<S extends ClaimDescriptor["service"]> = Extract<ClaimDescriptor, { readonly service: S }>;
type Override = ClaimOverride | undefined;

/** Which changes of an environment file fit which service; `accept` fits all. */
const CHANGES: Readonly<Record<ClaimDescriptor["service"], readonly (keyof ClaimOverride)[]>> = {
  postgresql: ["name", "login", "connectionLimit", "settings", "extensions", "readers"],
  kafka: ["topics"],
  s3: ["buckets"],
  opensearch: ["indices"],
  keymanager: [],
  keycloak: ["redirectUris", "webOrigins"],
  redis: [],
};

/** Reports changes that do not fit the claim's service, and changes to topics, buckets or indices that it does not have. */
export function reportMisplaced(draft: Draft, path: Path, claim: ClaimDescriptor, override: ClaimOverride): void {
  const fitting = CHANGES[claim.service];
  for (const [key, value] of Object.entries(override)) {
    if (key === "accept" || !draft.source.has([...path, key])) continue;
    if (!(fitting as readonly string[]).includes(key)) {
      const message = `${quoted(key)} does not fit a claim on ${claim.service}; what can be changed: ${listed([...fitting, "accept"])}`;
      draft.reportKey([...path, key], message);
    } else if (key === "topics" || key === "buckets" || key === "indices") {
      const known = Object.keys((claim as Readonly<Record<string, unknown>>)[key] as object);
      for (const word of Object.keys(value as object).filter((one) => !known.includes(one))) {
        const help = didYouMean(word, known) || `; ${key}: ${listed(known)}`;
        draft.reportKey([...path, key, word], `there is no ${quoted(word)}${help}`);
      }
    }
  }
}

/** A database claim with the entry's changes. */
export function databaseSpec(claim: Descriptor<"postgresql">, override: Override): DatabaseSpec {
  return {
    extensions: [...new Set([...claim.extensions, ...(override?.extensions ?? [])])],
    connectionLimit: override?.connectionLimit ?? claim.connectionLimit,
    settings: storedSettings({ ...claim.settings, ...override?.settings }),
    ownerVisible: claim.ownerVisible,
    connectsToPostgres: claim.connectsToPostgres,
    fixedName: {
      ...(override?.name === undefined ? {} : { database: override.name }),
      ...(override?.login === undefined ? {} : { login: override.login }),
    },
  };
}

/** A claim on another service with the entry's changes. */
export function specOf(
  draft: Draft,
  entry: Entry,
  name: string,
  claim: Exclude<ClaimDescriptor, { readonly service: "postgresql" }>,
  override: Override,
): ClaimSpecs[OtherService] {
  switch (claim.service) {
    case "kafka":
      return topics(claim, override);
    case "s3":
      return buckets(claim, override);
    case "opensearch":
      return indices(claim, override);
    case "keymanager":
      return keyApplication(draft, entry, claim);
    case "keycloak": {
      const { public: isPublic, serviceAccount, roles, scopes } = claim;
      return {
        public: isPublic,
        serviceAccount,
        roles,
        scopes,
        tokens: usesKeys(draft, entry, name) ? KEYMANAGER_USER : PLAIN_TOKENS,
        redirectUris: override?.redirectUris ?? claim.redirectUris,
        webOrigins: override?.webOrigins ?? claim.webOrigins,
      };
    }
    case "redis":
      return {};
  }
}

/** Does a key application of the entry's name this client? */
function usesKeys(draft: Draft, entry: Entry, client: string): boolean {
  const claims = Object.values(entry.module?.descriptor.claims ?? {});
  const keys = claims.filter((claim) => claim.service === "keymanager" && claim.client === client);
  return keys.length > 0 && draft.prefixes.keymanager !== undefined;
}

function topics(claim: Descriptor<"kafka">, override: Override): ClaimSpecs["kafka"] {
  const { produce, consume } = claim.quota;
  return {
    topics: mapValues(claim.topics, (word, topic) => {
      const change = own(override?.topics ?? {}, word);
      const retention = change?.retention ?? topic.retention;
      return {
        partitions: change?.partitions ?? topic.partitions,
        replication: change?.replication ?? topic.replication,
        retentionMs: retention === "forever" ? -1 : retention === undefined ? undefined : milliseconds(retention),
        compact: topic.compact,
      };
    }),
    quota: {
      produce: produce === undefined ? undefined : bytes(produce),
      consume: consume === undefined ? undefined : bytes(consume),
    },
  };
}

function buckets(claim: Descriptor<"s3">, override: Override): ClaimSpecs["s3"] {
  return {
    buckets: mapValues(claim.buckets, (word, bucket) => {
      const change = own(override?.buckets ?? {}, word);
      const quota = change?.quota ?? bucket.quota;
      return {
        versioning: change?.versioning ?? bucket.versioning,
        quotaBytes: quota === undefined ? undefined : bytes(quota),
        expireDays: change?.expireDays ?? bucket.expireDays,
      };
    }),
  };
}

function indices(claim: Descriptor<"opensearch">, override: Override): ClaimSpecs["opensearch"] {
  return {
    tenant: claim.tenant,
    indices: mapValues(claim.indices, (word, index) => {
      const change = own(override?.indices ?? {}, word);
      return {
        shards: change?.shards ?? index.shards,
        replicas: change?.replicas ?? index.replicas,
        deleteAfterDays: change?.deleteAfterDays ?? index.deleteAfterDays,
      };
    }),
  };
}

function keyApplication(draft: Draft, entry: Entry, claim: Descriptor<"keymanager">): ClaimSpecs["keymanager"] {
  const { validityDays, preExpireDays, baseKeys, client } = claim;
  const prefix = draft.prefixes.keycloak;
  const { sandbox, instance } = entry;
  const clientId = (word: string) =>
    nameOf({ prefix: prefix ?? "", service: "keycloak", kind: "client-id", sandbox, instance, claim: word }).name;
  return {
    validityDays,
    preExpireDays,
    baseKeys,
    client: client === undefined || prefix === undefined ? undefined : { claim: client, clientId: clientId(client) },
  };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, to: (key: string, value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, to(key, value)]));
}
