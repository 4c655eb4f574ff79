import { databaseVariables } from "./database-variables.ts";
import type { ModuleDescriptorInput } from "./schema.ts";

/**
 * OpenG2P Registry 3.x, from chart `openg2p-registry` (farmer-registry is the same chart under another name).
 *
 * Connection limits, here and in the other modules: 5 for each image that opens connections (SQLAlchemy's `pool_size`), and
 * 5 to spare for migrations and people. Main: four APIs, beat, worker and db-seed.
 */
export const registry: ModuleDescriptorInput = {
  apiVersion: "g2p.dev/v1",
  kind: "Module",
  module: "registry",
  title: "Registry",
  claims: {
    main: { extensions: ["pg_trgm"], connectionLimit: 40 },
    idgenerator: { connectionLimit: 10 },
  },
  consents: { main: ["pbms", "g2p-bridge"] },
  env: [
    { component: "partner-api", prefix: "REGISTRY_PARTNER_API_", vars: databaseVariables("main") },
    { component: "staff-portal-api", prefix: "REGISTRY_STAFF_PORTAL_API_", vars: databaseVariables("main") },
    { component: "bene-portal-api", prefix: "REGISTRY_BENE_PORTAL_API_", vars: databaseVariables("main") },
    { component: "agent-portal-api", prefix: "REGISTRY_AGENT_PORTAL_API_", vars: databaseVariables("main") },
    { component: "celery-beat-producer", prefix: "REGISTRY_CELERY_BEAT_", vars: databaseVariables("main") },
    { component: "celery-worker", prefix: "REGISTRY_CELERY_WORKERS_", vars: databaseVariables("main") },
    {
      component: "id-generator",
      vars: {
        DB_HOST: "${idgenerator.host}",
        DB_PORT: "${idgenerator.port}",
        DB_NAME: "${idgenerator.database}",
        DB_USER: "${idgenerator.username}",
        DB_PASSWORD: "${idgenerator.password}",
      },
    },
    {
      component: "db-seed",
      vars: {
        PGHOST: "${main.host}",
        PGPORT: "${main.port}",
        PGDATABASE: "${main.database}",
        PGUSER: "${main.username}",
        PGPASSWORD: "${main.password}",
      },
    },
  ],
};
