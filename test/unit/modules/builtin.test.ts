import { describe, expect, it } from "vitest";
import { builtinModules } from "../../../src/modules/builtin.ts";
import { referencesOf } from "../../../src/modules/template-references.ts";
import { descriptorMistakes } from "../../../src/modules/descriptor-mistakes.ts";

describe("the built-in modules", () => {
  for (const [name, module] of builtinModules()) {
    it(`have no mistakes in themselves: ${name}`, () => {
      expect(descriptorMistakes(module)).toEqual([]);
    });

    it(`read only what the owner's descriptor consents to: ${name}`, () => {
      for (const access of Object.values(module.accesses)) {
        if (access.uses === undefined) continue;
        const owner = builtinModules().get(module.uses[access.uses]?.module ?? "");
        expect(owner?.claims).toHaveProperty(access.claim);
        expect(owner?.consents[access.claim]).toContain(name);
      }
    });

    it(`fill a variable from every claim and access that is always there: ${name}`, () => {
      const parts = { ...module.claims, ...module.accesses };
      const used = new Set(
        module.env.flatMap(({ vars }) => Object.values(vars).flatMap(referencesOf)).map(({ binding }) => binding),
      );
      // A key application's binding has its client's credentials, too.
      for (const [claim, part] of Object.entries(module.claims))
        if (part.service === "keymanager" && used.has(claim) && part.client !== undefined) used.add(part.client);
      const always = Object.keys(parts).filter((one) => parts[one]?.with === undefined);
      expect(always.filter((one) => !used.has(one))).toEqual([]);
    });

    it(`hand over the whole login of each database: ${name}`, () => {
      const templates = module.env.flatMap(({ vars }) => Object.values(vars));
      for (const [binding, { service }] of Object.entries({ ...module.claims, ...module.accesses }))
        if (service === "postgresql")
          for (const field of ["host", "port", "database", "username", "password"])
            expect(templates).toContain(`\${${binding}.${field}}`);
    });
  }

  it("give each image the variable names that upstream's charts set", () => {
    const names = [...builtinModules().values()].flatMap(({ env }) =>
      env.flatMap(({ component, prefix, vars }) =>
        Object.keys(vars).map((suffix) => `${component} ${prefix}${suffix}`),
      ),
    );
    expect(names).toEqual(
      expect.arrayContaining([
        "partner-api REGISTRY_PARTNER_API_DB_HOSTNAME",
        "celery-worker REGISTRY_CELERY_WORKERS_DB_DBNAME",
        "id-generator DB_USER",
        "db-seed PGPASSWORD",
        "odoo ODOO_DATABASE_PORT_NUMBER",
        "celery-beat-producer BG_TASK_CELERY_BEAT_DB_PASSWORD_SR",
        "celery-worker BG_TASK_CELERY_WORKERS_DB_DBNAME_ASYNC",
        "staff-portal-api STAFF_PORTAL_API_DB_USERNAME_SR",
        "bene-portal-api PBMS_BENE_PORTAL_API_DB_HOSTNAME_BG_TASK",
        "celery-worker G2P_BRIDGE_AGENCY_ALLOCATOR_DB_USERNAME_PBMS",
        "celery-worker G2P_BRIDGE_MAPPER_CONNECTORS_DB_DBNAME_REGISTRY",
        "example-bank-api EXAMPLE_BANK_DB_HOSTNAME",
        "mapper-api SPAR_MAPPER_PARTNER_API_DB_HOSTNAME",
        "bene-portal-api G2P_SPAR_BENE_PORTAL_API_DB_PASSWORD",
        "partner-api REGISTRY_PARTNER_API_MINIO_BUCKET_NAME",
        "partner-api REGISTRY_PARTNER_API_MINIO_READ_SECRET_KEY",
        "partner-api REGISTRY_PARTNER_API_TEMPLATE_BUCKET_NAME",
        "partner-api REGISTRY_PARTNER_API_KEYMANAGER_API_BASE_URL",
        "partner-api REGISTRY_PARTNER_API_KEYMANAGER_SIGN_APP_ID",
        "partner-api REGISTRY_PARTNER_API_KEYMANAGER_AUTH_CLIENT_SECRET",
        "partner-api REGISTRY_PARTNER_API_OAUTH_CLIENT_SECRET",
        "staff-portal-api REGISTRY_STAFF_PORTAL_API_AUTH_REDIS_URL",
        "staff-portal-api REGISTRY_STAFF_PORTAL_API_KEYCLOAK_CLIENT_ID",
        "bene-portal-api REGISTRY_BENE_PORTAL_API_MINIO_ENDPOINT",
        "agent-portal-api REGISTRY_AGENT_PORTAL_API_KEYCLOAK_CLIENT_ID",
        "celery-worker REGISTRY_CELERY_WORKERS_MINIO_SECURE",
        "db-seed IMAGE_BUCKET_NAME",
        "odoo S3_ACCESS_KEY_ID",
        "celery-worker BG_TASK_CELERY_WORKERS_SIGN_KEY_KEYMANAGER_APP_ID",
        "celery-worker BG_TASK_CELERY_WORKERS_KEYMANAGER_AUTH_URL",
        "partner-api G2P_BRIDGE_OAUTH_CLIENT_SECRET",
        "celery-worker G2P_BRIDGE_CELERY_WORKERS_KEYMANAGER_SIGN_APP_ID",
        "celery-worker G2P_BRIDGE_CELERY_WORKERS_SIGN_KEY_KEYMANAGER_APP_ID",
      ]),
    );
  });
});
