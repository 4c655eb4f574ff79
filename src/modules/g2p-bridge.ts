import { databaseVariables } from "./database-variables.ts";
import type { ModuleDescriptorInput } from "./schema.ts";
import { kafkaVariables } from "./service-variables.ts";

/**
 * OpenG2P G2P Bridge 2.x with its example bank, from chart `openg2p-bridge`. PBMS and Registry are read by the worker for
 * in-kind benefits only, SPAR by HTTP, so the Bridge can do without each of them.
 *
 * Connections: main 5 for API, beneficiary API, beat and worker each; example bank 5 for API, beat and worker each; each
 * access two pools or three of the one worker.
 */
export const g2pBridge: ModuleDescriptorInput = {
  apiVersion: "g2p.dev/v1",
  kind: "Module",
  module: "g2p-bridge",
  title: "G2P Bridge",
  uses: {
    pbms: { module: "pbms", optional: true },
    registry: { module: "registry", optional: true },
    spar: { module: "spar", optional: true },
  },
  claims: {
    main: { connectionLimit: 25 },
    "example-bank": { connectionLimit: 20 },
    service: { service: "keycloak", serviceAccount: true },
    keys: { service: "keymanager", client: "service" },
    events: { service: "kafka", with: "events", topics: { disbursements: { partitions: 3, retention: "7d" } } },
  },
  accesses: {
    pbms: { uses: "pbms", claim: "main", connectionLimit: 15 },
    registry: { uses: "registry", claim: "main", connectionLimit: 10 },
  },
  env: [
    {
      component: "partner-api",
      prefix: "G2P_BRIDGE_",
      vars: {
        ...databaseVariables("main"),
        KEYMANAGER_AUTH_ENABLED: "${keys.authEnabled}",
        OAUTH_URL: "${service.tokenUrl}",
        OAUTH_CLIENT_ID: "${service.clientId}",
        OAUTH_CLIENT_SECRET: "${service.clientSecret}",
      },
    },
    { component: "bene-portal-api", prefix: "BRIDGE_BENE_PORTAL_API_", vars: databaseVariables("main") },
    { component: "celery-beat-producer", prefix: "G2P_BRIDGE_CELERY_BEAT_", vars: databaseVariables("main") },
    {
      component: "celery-worker",
      prefix: "G2P_BRIDGE_CELERY_WORKERS_",
      vars: {
        ...databaseVariables("main"),
        ...databaseVariables("pbms", "_PBMS"),
        KEYMANAGER_API_BASE_URL: "${keys.url}",
        KEYMANAGER_SIGN_APP_ID: "${keys.applicationId}",
        SIGN_KEY_KEYMANAGER_APP_ID: "${keys.applicationId}",
        OAUTH_URL: "${service.tokenUrl}",
        OAUTH_CLIENT_ID: "${service.clientId}",
        OAUTH_CLIENT_SECRET: "${service.clientSecret}",
      },
    },
    { component: "celery-worker", prefix: "G2P_BRIDGE_AGENCY_ALLOCATOR_", vars: databaseVariables("pbms", "_PBMS") },
    { component: "celery-worker", prefix: "G2P_BRIDGE_WAREHOUSE_ALLOCATOR_", vars: databaseVariables("pbms", "_PBMS") },
    {
      component: "celery-worker",
      prefix: "G2P_BRIDGE_GEO_RESOLVER_",
      vars: databaseVariables("registry", "_REGISTRY"),
    },
    {
      component: "celery-worker",
      prefix: "G2P_BRIDGE_MAPPER_CONNECTORS_",
      vars: databaseVariables("registry", "_REGISTRY"),
    },
    { component: "example-bank-api", prefix: "EXAMPLE_BANK_", vars: databaseVariables("example-bank") },
    {
      component: "example-bank-celery-beat-producer",
      prefix: "EXAMPLE_BANK_CELERY_",
      vars: databaseVariables("example-bank"),
    },
    {
      component: "example-bank-celery-worker",
      prefix: "EXAMPLE_BANK_CELERY_",
      vars: databaseVariables("example-bank"),
    },
    { component: "events", vars: kafkaVariables("events", ["disbursements"]) },
  ],
};
