import type { OtherService } from "../model/claim.ts";
import type { Provider } from "./contract.ts";

const PROVIDERS: { readonly [S in OtherService]: () => Promise<Provider<S>> } = {
  kafka: async () => (await import("./kafka/provider.ts")).kafka,
  s3: async () => (await import("./s3/provider.ts")).s3,
  opensearch: async () => (await import("./opensearch/provider.ts")).opensearch,
  keymanager: async () => (await import("./keymanager/provider.ts")).keymanager,
  keycloak: async () => (await import("./keycloak/provider.ts")).keycloak,
  redis: async () => (await import("./redis/provider.ts")).redis,
};

/** The provider of a service beside PostgreSQL; its libraries are loaded only now. */
export function providerOf<S extends OtherService>(service: S): Promise<Provider<S>> {
  return PROVIDERS[service]();
}
