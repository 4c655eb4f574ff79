import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adminClient, commonsClaim } from "../../../src/config/commons-instances.ts";
import { loadEnvironment } from "../../../src/config/load.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "g2p-commons-"));
  writeFileSync(
    join(folder, "signer.yaml"),
    "apiVersion: g2p.dev/v1\nkind: Module\nmodule: signer\ntitle: Signer\nclaims: {keys: {service: keymanager}}\n",
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** `service kind sandbox/instance/claim` of what belongs to the commons' own services, and of nothing else. */
async function owned(keycloak: string, keymanager: string, modules = "spar"): Promise<string[]> {
  const file = join(folder, "g2p.yaml");
  writeFileSync(
    file,
    `apiVersion: g2p.dev/v1
environment: staging
commons: {postgresql: {}, keycloak: ${keycloak}, keymanager: ${keymanager}}
sandboxes:
  - {name: dev, modules: [${modules}]}
  - {name: test, modules: [${modules}]}
`,
  );
  const { instances } = await loadEnvironment(file);
  return instances.flatMap(({ module, claims }) =>
    claims
      .filter(({ claim }) => module === "keycloak" || module === "keymanager" || /^key(cloak|manager)/.test(claim))
      .map(({ service, kind, sandbox, instance, claim }) => `${service} ${kind} ${sandbox}/${instance}/${claim}`),
  );
}

it("services that keep their data in PostgreSQL claim a database each, as modules do", async () => {
  expect(await owned("{}", "{}")).toEqual([
    "postgresql database commons/keycloak/main",
    "postgresql database commons/keymanager/main",
    "keycloak client commons/keymanager/admin",
  ]);
});

it("each sandbox's own service has its claims in that sandbox", async () => {
  expect(await owned("{}", "{sharing: sandbox}")).toEqual([
    "postgresql database commons/keycloak/main",
    "postgresql database dev/keymanager/main",
    "keycloak client dev/keymanager/admin",
    "postgresql database test/keymanager/main",
    "keycloak client test/keymanager/admin",
  ]);
});

it("each instance's own service has its claims among those of the instance", async () => {
  expect(await owned("{sharing: instance}", "{sharing: instance}")).toEqual([
    "postgresql database dev/spar/keycloak",
    "postgresql database dev/spar/keymanager",
    "keycloak client dev/spar/keymanager-admin",
    "postgresql database test/spar/keycloak",
    "postgresql database test/spar/keymanager",
    "keycloak client test/spar/keymanager-admin",
  ]);
});

it("a Keycloak that only Keymanager uses has its database, too", async () => {
  expect(await owned("{}", "{}", "./signer.yaml")).toEqual([
    "postgresql database commons/keycloak/main",
    "postgresql database commons/keymanager/main",
    "keycloak client commons/keymanager/admin",
  ]);
});

it("services that nobody claims, or that run elsewhere already, claim nothing", async () => {
  expect(await owned("{}", "{}", "")).toEqual([]);
  const admin = "admin: {user: admin, passwordFrom: {env: ADMIN}}";
  expect(await owned(`{mode: external, endpoint: "https://keycloak.example.org", ${admin}}`, "{}")).toEqual([
    "postgresql database commons/keymanager/main",
    "keycloak client commons/keymanager/admin",
  ]);
});

it("a scope's claims have the same coordinates wherever they are asked for", () => {
  expect(commonsClaim("keycloak", "")).toEqual({ sandbox: "commons", instance: "keycloak", claim: "main" });
  expect(commonsClaim("keymanager", "dev")).toEqual({ sandbox: "dev", instance: "keymanager", claim: "main" });
  expect(commonsClaim("keymanager", "dev/spar")).toEqual({ sandbox: "dev", instance: "spar", claim: "keymanager" });
  expect(adminClient("dev")).toEqual({ sandbox: "dev", instance: "keymanager", claim: "admin" });
  expect(adminClient("dev/spar")).toEqual({ sandbox: "dev", instance: "spar", claim: "keymanager-admin" });
});
