import { databaseVariables } from "./database-variables.ts";
import type { ModuleDescriptorInput } from "./schema.ts";
import { kafkaVariables, keymanagerVariables, minioVariables, opensearchVariables } from "./service-variables.ts";

const TEMPLATES = { TEMPLATE_BUCKET_NAME: "${documents.bucket-templates}" };

/**
 * OpenG2P Registry 3.x, from chart `openg2p-registry` (farmer-registry is the same chart under another name).
 *
 * Connection limits, here and in the other modules: 5 for each image that opens connections (SQLAlchemy's `pool_size`), and
 * 5 to spare for migrations and people. Main: four APIs, beat, worker and db-seed.
 *
 * The Celery images keep their broker in a Redis of the chart's own, since Celery's key names cannot be given a prefix from outside.
 */
export const registry: ModuleDescriptorInput = {
  apiVersion: "g2p.dev/v1",
  kind: "Module",
  module: "registry",
  title: "Registry",
  claims: {
    main: { extensions: ["pg_trgm"], connectionLimit: 40 },
    idgenerator: { connectionLimit: 10 },
    documents: { service: "s3", buckets: { default: {}, templates: {}, documents: {} } },
    "staff-portal": {
      service: "keycloak",
      serviceAccount: true,
      redirectUris: ["http://localhost:3000/*"],
      webOrigins: ["+"],
    },
    "agent-portal": {
      service: "keycloak",
      with: "agent-portal",
      public: true,
      redirectUris: ["http://localhost:3001/*"],
      webOrigins: ["+"],
    },
    keys: { service: "keymanager", baseKeys: ["ENCRYPT"], client: "staff-portal" },
    sessions: { service: "redis" },
    events: { service: "kafka", with: "events", topics: { changes: { partitions: 3, retention: "7d" } } },
    search: { service: "opensearch", with: "search", indices: { records: {} }, tenant: true },
  },
  accesses: {
    "documents-read": { service: "s3", claim: "documents", only: ["default", "templates", "documents"] },
  },
  consents: { main: ["pbms", "g2p-bridge"], events: ["pbms"], search: ["pbms"] },
  env: [
    {
      component: "partner-api",
      prefix: "REGISTRY_PARTNER_API_",
      vars: {
        ...databaseVariables("main"),
        ...minioVariables("documents", "documents-read", "documents"),
        ...TEMPLATES,
        ...keymanagerVariables("keys"),
        OAUTH_CLIENT_SECRET: "${staff-portal.clientSecret}",
      },
    },
    {
      component: "staff-portal-api",
      prefix: "REGISTRY_STAFF_PORTAL_API_",
      vars: {
        ...databaseVariables("main"),
        ...minioVariables("documents", "documents-read", "documents"),
        ...TEMPLATES,
        KEYCLOAK_CLIENT_ID: "${staff-portal.clientId}",
        AUTH_REDIS_URL: "${sessions.uri}",
      },
    },
    {
      component: "bene-portal-api",
      prefix: "REGISTRY_BENE_PORTAL_API_",
      vars: { ...databaseVariables("main"), ...minioVariables("documents", "documents-read", "templates") },
    },
    {
      component: "agent-portal-api",
      prefix: "REGISTRY_AGENT_PORTAL_API_",
      vars: { ...databaseVariables("main"), KEYCLOAK_CLIENT_ID: "${agent-portal.clientId}" },
    },
    { component: "celery-beat-producer", prefix: "REGISTRY_CELERY_BEAT_", vars: databaseVariables("main") },
    {
      component: "celery-worker",
      prefix: "REGISTRY_CELERY_WORKERS_",
      vars: {
        ...databaseVariables("main"),
        ...minioVariables("documents", "documents-read", "default"),
        ...TEMPLATES,
      },
    },
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
        MINIO_ENDPOINT: "${documents.endpoint}",
        MINIO_SECURE: "${documents.secure}",
        MINIO_ACCESS_KEY: "${documents.accessKey}",
        MINIO_SECRET_KEY: "${documents.secretKey}",
        IMAGE_BUCKET_NAME: "${documents.bucket-documents}",
        TEMPLATE_BUCKET_NAME: "${documents.bucket-templates}",
      },
    },
    { component: "events", vars: kafkaVariables("events", ["changes"]) },
    { component: "search", vars: opensearchVariables("search") },
  ],
};
