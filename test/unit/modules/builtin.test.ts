import { describe, expect, it } from "vitest";
import { builtinModules } from "../../../src/modules/builtin.ts";
import { descriptorMistakes } from "../../../src/modules/descriptor-mistakes.ts";

describe("the built-in modules", () => {
  for (const [name, module] of builtinModules()) {
    it(`have no mistakes in themselves: ${name}`, () => {
      expect(descriptorMistakes(module)).toEqual([]);
    });

    it(`read only what the owner's descriptor consents to: ${name}`, () => {
      for (const access of Object.values(module.accesses)) {
        const owner = builtinModules().get(module.uses[access.uses]?.module ?? "");
        expect(owner?.claims).toHaveProperty(access.claim);
        expect(owner?.consents[access.claim]).toContain(name);
      }
    });

    it(`use every claim and access in some variable: ${name}`, () => {
      const templates = module.env.flatMap(({ vars }) => Object.values(vars)).join(" ");
      for (const binding of [...Object.keys(module.claims), ...Object.keys(module.accesses)]) {
        expect(templates).toContain(`\${${binding}.password}`);
      }
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
      ]),
    );
  });
});
