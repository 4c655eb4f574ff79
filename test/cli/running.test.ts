import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Binding, bindingsOf, environmentFile, makePlace, type Place, query } from "./harness.ts";

const SANDBOXES = { dev: ["{module: registry, claims: {main: {readers: [superset]}}}", "pbms", "spar"] };

let place: Place;
let upped: { code: number; data: Record<string, unknown> };
beforeAll(async () => {
  place = makePlace(environmentFile(SANDBOXES));
  upped = await place.json("up", "--detach");
});
afterAll(() => place?.remove());

const SUMMARY = { created: 0, updated: 0, unchanged: 0, removed: 0, failed: 0 };

describe("up --detach", () => {
  test("writes one JSON document with what was done, proven and is running", () => {
    expect(upped.code, JSON.stringify(upped.data)).toBe(0);
    expect(Object.keys(upped.data)).toEqual(["summary", "items", "verify", "servers"]);
    // Seven resources, and the maintenance databases closed.
    expect(upped.data).toMatchObject({
      summary: { ...SUMMARY, created: 8 },
      verify: { ok: true },
      servers: [{ id: "postgresql", state: "ready", address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }],
    });
  });

  test("done again changes nothing and says so", async () => {
    const { code, data } = await place.json("up", "--detach");
    expect(code).toBe(0);
    expect(data).toMatchObject({ summary: { ...SUMMARY, unchanged: 7 }, servers: upped.data["servers"] });
  });
});

describe("plan and apply", () => {
  test("have nothing to do on what is as wanted", async () => {
    for (const command of [["plan"], ["plan", "--quick"], ["apply"]]) {
      const { code, data } = await place.json<{ summary: unknown; items: { action: string }[] }>(...command);
      expect([code, Object.keys(data), data.summary]).toEqual([0, ["summary", "items"], { ...SUMMARY, unchanged: 7 }]);
      expect(data.items.every(({ action }) => action === "unchanged")).toBe(true);
    }
    expect((await place.g2p("plan")).stdout).toBe("Nothing to do: 7 resources are as wanted.\n");
  });

  test("tell a change by exit code 2, do it with exit code 0, and are clean again", async () => {
    place.write(environmentFile({ ...SANDBOXES, test: ["spar"] }));
    const item = {
      id: "postgresql/test/spar/main",
      service: "postgresql",
      kind: "database",
      sandbox: "test",
      instance: "spar",
      claim: "main",
      server: "postgresql",
      name: "test__spar",
      action: "create",
      findings: [],
    };
    const planned = await place.json<{ summary: unknown; items: unknown[] }>("plan");
    expect([planned.code, planned.data.summary]).toEqual([2, { ...SUMMARY, created: 1, unchanged: 7 }]);
    expect(planned.data.items).toContainEqual(item);
    expect((await place.g2p("plan")).stdout).toMatch(
      /\+ main +database +test__spar\n\nPlan: 1 to create, 0 to update, 0 to remove, 7 unchanged\n$/,
    );

    const applied = await place.json<{ summary: unknown; items: unknown[] }>("apply");
    expect([applied.code, applied.data.summary]).toEqual([0, { ...SUMMARY, created: 1, unchanged: 7 }]);
    expect(applied.data.items).toContainEqual({ ...item, outcome: "done" });
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  });

  test("refuse a foreign database of a wanted name with exit code 3, do the rest, and take it over with --adopt", async () => {
    const { owner } = await superuser();
    await query(owner, "CREATE DATABASE foreign__spar");
    place.write(environmentFile({ ...SANDBOXES, foreign: ["spar", "registry"] }));
    const planned = await place.g2p("plan");
    expect([planned.code, planned.stdout]).toEqual([
      3,
      expect.stringMatching(/! main +database +foreign__spar\n.*not ours[\s\S]*1 refused/),
    ]);
    const applied = await place.json("apply");
    expect(applied).toMatchObject({ code: 3, data: { summary: { created: 2, failed: 1 } } });
    expect(await place.g2p("plan", "--adopt", "foreign__spar")).toMatchObject({ code: 2 });
    expect(await place.g2p("apply", "--adopt", "foreign__spar")).toMatchObject({ code: 0 });
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
    place.write(environmentFile(SANDBOXES));
    expect(await place.g2p("remove", "foreign", "--delete-data", "--yes")).toMatchObject({ code: 0 });
    expect(await place.g2p("remove", "test", "--delete-data", "--yes")).toMatchObject({ code: 0 });
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  });
});

/** The embedded server's superuser, as the state directory has it. */
async function superuser(): Promise<{ owner: Binding }> {
  const password = readFileSync(join(place.dir, ".g2p/servers/postgresql/environment/admin-password"), "utf8").trim();
  const { main } = (await bindingsOf(place, "dev/spar")) as { main: Binding };
  return { owner: { ...main, database: "postgres", username: "postgres", password } };
}

describe("verify", () => {
  test("writes every attempt with its outcome", async () => {
    const { code, data } = await place.json<{ ok: boolean; cells: Record<string, unknown>[] }>("verify");
    expect([code, data.ok]).toEqual([0, true]);
    expect(data.cells.length).toBeGreaterThan(100);
    for (const cell of data.cells) {
      expect(cell).toEqual(
        expect.objectContaining({
          service: "postgresql",
          from: expect.any(String),
          to: expect.any(String),
          attempt: expect.any(String),
          expected: expect.stringMatching(/^(allowed|refused)$/),
          actual: expect.stringMatching(/^(allowed|refused)$/),
          ok: true,
        }),
      );
    }
  });

  test("ends with exit code 2 and names the hole when a wall is down; apply mends it", async () => {
    const { owner } = await superuser();
    await query(owner, 'GRANT CONNECT ON DATABASE "dev__registry" TO "dev__spar___a"');
    const { code, stdout } = await place.g2p("verify");
    expect(code).toBe(2);
    expect(stdout).toMatch(/✗ dev\/spar\/main: connect on dev\/registry\/main: expected refused, was allowed/);
    expect(stdout).toMatch(/\nIsolation is broken: /);
    expect(await place.g2p("apply")).toMatchObject({ code: 0 });
    expect(await place.g2p("verify")).toMatchObject({ code: 0 });
  });
});

describe("status", () => {
  test("shows servers and resources, and names what is not as it should be", async () => {
    const { code, data } = await place.json<{ servers: unknown[]; items: { state: string }[] }>("status");
    expect(code).toBe(0);
    expect(data).toMatchObject({
      environment: "test",
      servers: [{ id: "postgresql", state: "ready", version: expect.stringMatching(/^18/) }],
    });
    expect(data.items).toHaveLength(7);
    expect(data.items.every(({ state }) => state === "ready")).toBe(true);

    const { owner } = await superuser();
    await query(owner, 'ALTER ROLE "dev__spar___a" NOLOGIN');
    const { code: drifted, stdout } = await place.g2p("status");
    expect(drifted).toBe(2);
    expect(stdout).toMatch(/main +database +dev__spar +(outdated|unhealthy)/);
    expect(await place.g2p("apply")).toMatchObject({ code: 0 });
  });
});

describe("with the server stopped", () => {
  beforeAll(async () => void (await place.g2p("down")));

  test("status shows it, and what should be on it", async () => {
    const { code, data } = await place.json<{ servers: unknown[]; items: { state: string }[] }>("status");
    expect(code).toBe(2);
    expect(data.servers).toEqual([
      {
        id: "postgresql",
        service: "postgresql",
        address: "",
        state: "unhealthy",
        reason: "The embedded server postgresql is stopped.",
      },
    ]);
    expect(data.items.map(({ state }) => state)).toEqual(Array(7).fill("unknown"));
    expect(await place.g2p("status")).toMatchObject({
      code: 2,
      stderr: "",
      stdout: expect.stringContaining("is stopped"),
    });
  });

  test.each([["plan"], ["apply"], ["verify"], ["bindings"], ["remove", "dev"], ["exec", "dev/spar", "--", "true"]])(
    "%s says so and what to do",
    async (...command) => {
      const { code, data } = await place.json(...command);
      expect(code).toBe(1);
      expect(data).toMatchObject({ code: "EMBEDDED_STOPPED", hint: expect.stringContaining("g2p up") });
    },
  );

  test("down has nothing to stop", async () => {
    expect(await place.g2p("down")).toEqual({ code: 0, stdout: "No embedded server was running.\n", stderr: "" });
  });
});
