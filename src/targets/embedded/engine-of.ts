import type { OtherService } from "../../model/claim.ts";
import type { Endpoint } from "../../model/endpoint.ts";
import { baseUrl } from "../../model/endpoint.ts";
import type { Engine } from "./engine-definition.ts";
import type { KeycloakInput } from "./keycloak.ts";
import type { KeymanagerInput } from "./keymanager.ts";

/** What an engine is given of other services: nothing, or Keycloak's and Keymanager's own needs. */
export type EngineInput = KeycloakInput | KeymanagerInput | undefined;

/** Any engine; each knows what it takes. */
export type AnyEngine = Engine<OtherService, EngineInput>;

/** The engine of a service; of S3 the one of the named server. */
export async function engineOf(service: OtherService, server?: "minio" | "garage"): Promise<AnyEngine> {
  switch (service) {
    case "kafka":
      return (await import("./kafka.ts")).kafkaEngine;
    case "s3":
      return server === "garage"
        ? (await import("./garage.ts")).garageEngine
        : (await import("./minio.ts")).minioEngine;
    case "opensearch":
      return (await import("./opensearch.ts")).opensearchEngine;
    case "keymanager":
      return (await import("./keymanager.ts")).keymanagerEngine;
    case "keycloak":
      return (await import("./keycloak.ts")).keycloakEngine;
    case "redis":
      return (await import("./redis.ts")).redisEngine;
  }
}

/** Address of the environment's realm. @throws Error for an endpoint that is not Keycloak's */
export function realmUrl(endpoint: Endpoint): string {
  if (endpoint.service !== "keycloak") throw new Error(`${endpoint.service} has no realms`);
  return `${baseUrl(endpoint)}/realms/${encodeURIComponent(endpoint.realm)}`;
}
