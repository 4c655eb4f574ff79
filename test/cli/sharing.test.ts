import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Binding, bindingsOf, environmentFile, makePlace, type Place, query, serverProcesses } from "./harness.ts";

const SANDBOXES = { dev: ["registry", "pbms", "spar"], test: ["spar"] };

/** The same file but for one word; on how many servers its claims are placed, and who shares one. */
describe.each([
  {
    sharing: "sandbox",
    servers: ["postgresql/dev", "postgresql/test"],
    scope: (instance: string) => instance.split("/")[0],
  },
  {
    sharing: "instance",
    servers: ["postgresql/dev/registry", "postgresql/dev/pbms", "postgresql/dev/spar", "postgresql/test/spar"],
    scope: (instance: string) => instance,
  },
])("sharing: $sharing", ({ sharing, servers, scope }) => {
  let place: Place;
  const bindings = new Map<string, Record<string, Binding>>();
  beforeAll(async () => {
    place = makePlace(environmentFile(SANDBOXES, { postgresql: `{mode: embedded, sharing: ${sharing}}` }));
    const { code, data } = await place.json<{ servers: { id: string }[]; verify: unknown }>("up", "--detach");
    expect(code, JSON.stringify(data)).toBe(0);
    expect(data.servers.map(({ id }) => id).sort()).toEqual([...servers].sort());
    for (const instance of ["dev/registry", "dev/pbms", "dev/spar", "test/spar"])
      bindings.set(instance, await bindingsOf(place, instance));
  });
  afterAll(() => place?.remove());

  test("starts one server for each, and places each instance on its own", () => {
    expect(serverProcesses(place.dir)).toHaveLength(servers.length);
    const ports = new Map([...bindings].map(([instance, { main }]) => [instance, main?.port]));
    for (const [one, port] of ports)
      for (const [other, another] of ports)
        expect(port === another, `${one} and ${other}`).toBe(scope(one) === scope(other));
  });

  test("keeps names as they are with one server for all", () => {
    expect(bindings.get("dev/pbms")).toMatchObject({
      main: { database: "dev__pbms" },
      registry: { database: "dev__registry" },
    });
  });

  test("lets an access reach the server of its owner", async () => {
    const { registry } = bindings.get("dev/pbms") as { registry: Binding };
    const { main } = bindings.get("dev/registry") as { main: Binding };
    expect(registry.port).toBe(main.port);
    await query(main, "CREATE TABLE people AS SELECT 'Asha' AS name");
    expect(await query(registry, "SELECT name FROM people")).toEqual([{ name: "Asha" }]);
    await expect(query(registry, "DELETE FROM people")).rejects.toThrow("permission denied");
  });

  test("is clean after up, and every wall stands on every server", async () => {
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
    const { code, data } = await place.json<{ ok: boolean; cells: { from: string }[] }>("verify");
    expect([code, data.ok]).toEqual([0, true]);
    expect(new Set(data.cells.map(({ from }) => from))).toEqual(
      new Set(
        [...bindings].flatMap(([instance, claims]) => Object.keys(claims).map((claim) => `${instance}/${claim}`)),
      ),
    );
    expect(await place.g2p("status")).toMatchObject({ code: 0 });
  });

  test("removes an instance wherever its claims and accesses are", async () => {
    const { registry } = bindings.get("dev/pbms") as { registry: Binding };
    const { code, data } = await place.json<{ summary: unknown }>("remove", "dev/pbms", "--delete-data", "--yes");
    expect([code, data.summary]).toMatchObject([0, { removed: 3, failed: 0 }]);
    await expect(query(registry, "SELECT 1")).rejects.toThrow();
  });

  test("down stops them all, also when the file asks for other servers meanwhile", async () => {
    place.write(environmentFile({ dev: ["spar"] }));
    const { code, data } = await place.json<{ stopped: string[] }>("down");
    expect([code, data.stopped.sort()]).toEqual([0, [...servers].sort()]);
    expect(serverProcesses(place.dir)).toEqual([]);
  });

  test("another word for sharing starts other servers, and says that data stays behind", async () => {
    place.write(environmentFile({ dev: ["spar"] }));
    const { code, stderr } = await place.g2p("up", "--detach");
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/! (postgresql\/[^ ]+,? )+are not asked for any more .*: their data stays in/),
    ]);
  });
});
