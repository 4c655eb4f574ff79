import { databaseVariables } from "./database-variables.ts";
import type { ModuleDescriptorInput } from "./schema.ts";
import { keymanagerVariables } from "./service-variables.ts";

/**
 * OpenG2P SPAR 2.x, from chart `openg2p-spar`. The chart leaves the mapper's `DB_PORT` to its default 5432; the image reads
 * it all the same. Connections: 5 for mapper, beneficiary API and the seed Job each.
 */
export const spar: ModuleDescriptorInput = {
  apiVersion: "g2p.dev/v1",
  kind: "Module",
  module: "spar",
  title: "SPAR",
  claims: {
    main: { connectionLimit: 20 },
    service: { service: "keycloak", serviceAccount: true },
    keys: { service: "keymanager", client: "service" },
  },
  env: [
    {
      component: "mapper-api",
      prefix: "SPAR_MAPPER_PARTNER_API_",
      vars: { ...databaseVariables("main"), ...keymanagerVariables("keys") },
    },
    { component: "bene-portal-api", prefix: "G2P_SPAR_BENE_PORTAL_API_", vars: databaseVariables("main") },
  ],
};
