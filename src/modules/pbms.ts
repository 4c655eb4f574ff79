import { databaseVariables } from "./database-variables.ts";
import type { ModuleDescriptorInput } from "./schema.ts";

/**
 * OpenG2P PBMS 3.x, from chart `openg2p-pbms`. `main` is Odoo's database: Odoo lists only databases whose owner it is
 * (`service/db.py`), and both Odoo and its `wait-for-psql.py` connect to `postgres`.
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
  },
  accesses: { registry: { uses: "registry", claim: "main", connectionLimit: 15 } },
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
  ],
};
