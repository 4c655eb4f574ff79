import { databaseVariables } from "./database-variables.ts";
import type { ModuleDescriptorInput } from "./schema.ts";
import { kafkaVariables, keymanagerSignIn, opensearchVariables } from "./service-variables.ts";

/**
 * OpenG2P PBMS 3.x, from chart `openg2p-pbms`. `main` is Odoo's database: Odoo lists only databases whose owner it is
 * (`service/db.py`), and both Odoo and its `wait-for-psql.py` connect to `postgres`.
 *
 * The chart hands Odoo the object store's address and key id only: secret key and bucket are typed into Odoo, and
 * `g2p bindings` shows them.
 *
 * Connections: main 20 for Odoo and 5 for beat, worker and beneficiary API each; bgtask 5 for beat, staff API and
 * beneficiary API each and 10 for the worker, which has two pools on it; registry 5 for beat, worker and staff API each.
 */
export const pbms: ModuleDescriptorInput = {
  apiVersion: "g2p.dev/v1",
  kind: "Module",
  module: "pbms",
  title: "PBMS",
  uses: { registry: { module: "registry" } },
  claims: {
    main: { connectionLimit: 40, ownerVisible: true, connectsToPostgres: true },
    bgtask: { connectionLimit: 30 },
    documents: { service: "s3", buckets: { documents: {} } },
    "background-tasks": { service: "keycloak", serviceAccount: true },
    keys: { service: "keymanager", client: "background-tasks" },
    events: { service: "kafka", with: "events", topics: { programs: { partitions: 3, retention: "7d" } } },
  },
  accesses: {
    registry: { uses: "registry", claim: "main", connectionLimit: 15 },
    "registry-events": { service: "kafka", with: "events", uses: "registry", claim: "events", only: ["changes"] },
    "registry-search": { service: "opensearch", with: "search", uses: "registry", claim: "search", only: ["records"] },
  },
  consents: { main: ["g2p-bridge"] },
  env: [
    {
      component: "odoo",
      prefix: "ODOO_DATABASE_",
      vars: {
        HOST: "${main.host}",
        PORT_NUMBER: "${main.port}",
        NAME: "${main.database}",
        USER: "${main.username}",
        PASSWORD: "${main.password}",
      },
    },
    {
      component: "odoo",
      vars: {
        S3_URL: "${documents.url}",
        S3_REGION: "${documents.region}",
        S3_ACCESS_KEY_ID: "${documents.accessKey}",
      },
    },
    {
      component: "celery-beat-producer",
      prefix: "BG_TASK_CELERY_BEAT_",
      vars: {
        ...databaseVariables("bgtask"),
        ...databaseVariables("registry", "_SR"),
        ...databaseVariables("main", "_PBMS"),
      },
    },
    {
      component: "celery-worker",
      prefix: "BG_TASK_CELERY_WORKERS_",
      vars: {
        ...databaseVariables("bgtask"),
        ...databaseVariables("registry", "_SR"),
        ...databaseVariables("main", "_PBMS"),
        ...databaseVariables("bgtask", "_ASYNC"),
        DB_DRIVER_ASYNC: "postgresql+asyncpg",
        KEYMANAGER_API_BASE_URL: "${keys.url}",
        SIGN_KEY_KEYMANAGER_APP_ID: "${keys.applicationId}",
        SIGN_KEY_KEYMANAGER_REF_ID: "${keys.referenceId}",
        ...keymanagerSignIn("keys"),
      },
    },
    {
      component: "staff-portal-api",
      prefix: "STAFF_PORTAL_API_",
      vars: { ...databaseVariables("bgtask"), ...databaseVariables("registry", "_SR") },
    },
    {
      component: "bene-portal-api",
      prefix: "PBMS_BENE_PORTAL_API_",
      vars: { ...databaseVariables("main", "_PBMS"), ...databaseVariables("bgtask", "_BG_TASK") },
    },
    { component: "events", vars: kafkaVariables("events", ["programs"]) },
    { component: "registry-events", vars: kafkaVariables("registry-events", ["changes"]) },
    { component: "registry-search", vars: opensearchVariables("registry-search") },
  ],
};
