import type { AccessDescriptor, ClaimDescriptor } from "../src/modules/claim-schema.ts";

/** What a claim of a descriptor asks for, in a line of Markdown. */
export function claimText(claim: ClaimDescriptor): string {
  switch (claim.service) {
    case "postgresql":
      return joined([
        `a database, ${claim.connectionLimit} connections`,
        claim.extensions.length > 0 ? `extensions ${words(claim.extensions)}` : "",
        claim.ownerVisible ? "owner visible as LOGIN" : "",
        claim.connectsToPostgres ? "login connects to `postgres`" : "",
      ]);
    case "kafka":
      return parts("topics", claim.topics, ({ partitions, retention, compact }) => [
        `${partitions} partition${partitions === 1 ? "" : "s"}`,
        retention === undefined ? "" : `kept ${retention}`,
        compact ? "compacted" : "",
      ]);
    case "s3":
      return parts("buckets", claim.buckets, ({ versioning, quota, expireDays }) => [
        versioning ? "versioned" : "",
        quota === undefined ? "" : `at most ${quota}`,
        expireDays === undefined ? "" : `deleted after ${expireDays} days`,
      ]);
    case "opensearch":
      return joined([
        parts("indices", claim.indices, ({ shards, replicas }) => [
          shards === 1 ? "" : `${shards} shards`,
          replicas === 0 ? "" : `${replicas} replicas`,
        ]),
        claim.tenant ? "a dashboards tenant" : "",
      ]);
    case "keymanager":
      return joined([
        `keys valid for ${claim.validityDays} days`,
        claim.baseKeys.length > 0 ? `encryption keys ${words(claim.baseKeys)}` : "",
        claim.client === undefined ? "" : `used by client \`${claim.client}\``,
      ]);
    case "keycloak":
      return joined([
        claim.public ? "a public client" : "a confidential client",
        claim.serviceAccount ? "tokens for itself" : "",
        claim.redirectUris.length > 0 ? `redirects to ${words(claim.redirectUris)}` : "",
        claim.roles.length > 0 ? `roles ${words(claim.roles)}` : "",
        claim.scopes.length > 0 ? `scopes ${words(claim.scopes)}` : "",
      ]);
    case "redis":
      return "keys and channels below its prefixes";
  }
}

/** What an access of a descriptor may do, in a line of Markdown. */
export function accessText(access: AccessDescriptor): string {
  if (access.service === "postgresql") return `reads, ${access.connectionLimit} connections`;
  return `${access.mode === "read" ? "reads" : "reads and writes"} ${words(access.only)}`;
}

function parts<T>(what: string, all: Readonly<Record<string, T>>, remarks: (part: T) => readonly string[]): string {
  const list = Object.entries(all).map(([name, part]) => {
    const text = remarks(part)
      .filter((remark) => remark !== "")
      .join(", ");
    return `\`${name}\`${text === "" ? "" : ` (${text})`}`;
  });
  return list.length === 0 ? what : `${what} ${list.join(", ")}`;
}

function words(all: readonly string[]): string {
  return all.map((word) => `\`${word}\``).join(", ");
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("; ");
}
