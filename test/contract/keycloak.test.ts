import { expect, test } from "vitest";
import type { KeycloakEndpoint } from "../../src/model/endpoint.ts";
import { asAdmin } from "./keycloak-admin.ts";
import { subject } from "./keycloak.ts";
import type { Bench } from "./laws/law.ts";
import { contractSuite } from "./suite.ts";
import { ContractWorld, undone } from "./world.ts";

contractSuite(subject, (bench) => {
  test("a realm of ours is made safe, kept safe, and stays when the last client goes", async () => {
    const endpoint = realm(bench, "own");
    const world = await ContractWorld.open(subject, endpoint);
    try {
      expect(undone((await world.apply()).items)).toEqual([]);
      const safe = await settings(endpoint);
      expect(safe).toMatchObject({ registrationAllowed: false, bruteForceProtected: true, sslRequired: "external" });
      await asAdmin(endpoint, (admin) =>
        admin.call("PUT", "", { registrationAllowed: true, bruteForceProtected: false, sslRequired: "none" }),
      );
      const [item] = (await world.plan()).items.filter((one) => one.kind === "server");
      expect(item?.action).toBe("update");
      expect(item?.findings.map((finding) => finding.aspect)).toEqual([
        "realm:registration",
        "realm:brute-force-protection",
        "realm:ssl-required",
      ]);
      expect(undone((await world.apply()).items)).toEqual([]);
      expect(await settings(endpoint)).toEqual(safe);
      await world.expectClean();
      await world.remove(true);
      expect((await world.planRemoval(true)).length).toBe(0);
      expect(await settings(endpoint)).toEqual(safe);
    } finally {
      await world.close();
      await asAdmin(endpoint, (admin) => admin.call("DELETE", ""));
    }
  });

  test("a realm that was there before is used, and nothing of it is changed but our clients", async () => {
    const endpoint = realm(bench, "guest");
    await asAdmin(endpoint, (admin) => admin.makeRealm({ registrationAllowed: true }));
    const before = await settings(endpoint);
    const world = await ContractWorld.open(subject, endpoint);
    try {
      expect(undone((await world.apply()).items)).toEqual([]);
      await world.expectClean();
      expect(await settings(endpoint)).toEqual(before);
      expect((await world.status()).reason).toContain('realm "guest" is not ours');
    } finally {
      await world.close();
      await asAdmin(endpoint, (admin) => admin.call("DELETE", ""));
    }
  });
});

function realm(bench: Bench<"keycloak">, name: string): KeycloakEndpoint {
  return { ...bench.engine().endpoint, realm: name };
}

async function settings(endpoint: KeycloakEndpoint): Promise<unknown> {
  return asAdmin(endpoint, async (admin) => (await admin.call("GET", "")).json as unknown);
}
