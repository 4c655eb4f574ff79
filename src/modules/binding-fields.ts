import type { Service } from "../model/service.ts";
import type { ClaimDescriptor } from "./claim-schema.ts";

const SECRET = ["password", "secretKey", "clientSecret"] as const;

/** Fields of a service's binding that a variable's template may name, beside those of single topics, buckets and indices. */
export const BINDING_FIELDS = {
  postgresql: ["host", "port", "database", "username", "password", "uri", "sslmode"],
  kafka: [
    "host",
    "port",
    "bootstrapServers",
    "username",
    "password",
    "securityProtocol",
    "saslMechanism",
    "topicPrefix",
    "groupPrefix",
    "transactionalIdPrefix",
    "ca",
    "caFile",
  ],
  s3: ["host", "port", "url", "endpoint", "secure", "region", "accessKey", "secretKey", "ca", "caFile"],
  opensearch: ["host", "port", "url", "username", "password", "indexPrefix", "tenant", "ca", "caFile"],
  keymanager: [
    "host",
    "port",
    "url",
    "applicationId",
    "referenceId",
    "certificate",
    "authEnabled",
    "tokenUrl",
    "clientId",
    "clientSecret",
    "ca",
    "caFile",
  ],
  keycloak: [
    "host",
    "port",
    "url",
    "realm",
    "issuer",
    "tokenUrl",
    "jwksUrl",
    "clientId",
    "clientSecret",
    "ca",
    "caFile",
  ],
  redis: ["host", "port", "username", "password", "uri", "keyPrefix", "channelPrefix", "ca", "caFile"],
} as const satisfies Record<Exclude<Service, "kubernetes">, readonly string[]>;

/** Services that have claims. */
export type ClaimService = keyof typeof BINDING_FIELDS;

/** Is a binding's field always secret? (`uri` holds the password, too.) */
export function isSecretField(field: string): boolean {
  return field === "uri" || (SECRET as readonly string[]).includes(field);
}

/** The words of a claim's own parts: topics, buckets, groups of indices. */
export function wordsOf(claim: ClaimDescriptor): readonly string[] {
  if (claim.service === "kafka") return Object.keys(claim.topics);
  if (claim.service === "s3") return Object.keys(claim.buckets);
  return claim.service === "opensearch" ? Object.keys(claim.indices) : [];
}

/** Every field of a binding of `service` that has these parts, e.g. `bucket-documents`. */
export function bindingFields(service: ClaimService, words: readonly string[]): readonly string[] {
  const word = service === "kafka" ? "topic" : service === "s3" ? "bucket" : "index";
  return [...BINDING_FIELDS[service], ...words.map((one) => `${word}-${one}`)];
}
