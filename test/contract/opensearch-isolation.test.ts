import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OpensearchEndpoint } from "../../src/model/endpoint.ts";
import { openHttp } from "../../src/providers/http.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { connect, type Connection } from "../../src/providers/opensearch/connection.ts";
import { makeAuthority } from "../../src/targets/embedded/certificate.ts";
import { names, send, subject } from "./opensearch.ts";
import type { TestEngine } from "./subject.ts";
import { asRef, ContractWorld, undone } from "./world.ts";

/** Requests as the first claim's own login, on what is the second's, beside those of verify. */
describe("an instance's login on one OpenSearch", () => {
  let dir = "";
  let engine: TestEngine<"opensearch"> | undefined;
  let world: ContractWorld<"opensearch">;
  let login: Connection;
  let own = "";
  let other = "";
  let otherUser = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "g2p-opensearch-isolation-"));
    await chmod(dir, 0o755);
    engine = await subject.start(dir);
    world = await ContractWorld.open(subject, engine.endpoint);
    expect(undone((await world.apply()).items)).toEqual([]);
    const placement: Placement<"opensearch"> = world.placement;
    own = names(placement).prefix;
    ({ prefix: other, user: otherUser } = names(placement, 1));
    login = await connect(engine.endpoint, await world.credential(asRef(placement.claims[0]!)), "test");
    const second = await connect(engine.endpoint, await world.credential(asRef(placement.claims[1]!)), "test");
    expect((await login.request(`/${own}people/_doc/1?refresh=true`, { method: "PUT", json: { own: 1 } })).status).toBe(
      201,
    );
    expect(
      (await second.request(`/${other}people/_doc/1?refresh=true`, { method: "PUT", json: { secret: 1 } })).status,
    ).toBe(201);
    second.close();
  });

  afterAll(async () => {
    login?.close();
    const left = await world?.close();
    await engine?.stop();
    await rm(dir, { recursive: true, force: true });
    expect(left).toEqual([]);
  });

  const status = async (method: "GET" | "PUT" | "POST" | "DELETE", path: string, json?: unknown) =>
    (await login.request(path, { method, ...(json === undefined ? {} : { json }) })).status;

  const ndjson = (lines: readonly unknown[]) => ({
    method: "POST" as const,
    text: lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    headers: { "content-type": "application/x-ndjson" },
  });

  test("uses its own indices in every way that clients do", async () => {
    const scrolled = await login.request(`/${own}*/_search?scroll=1m`, { method: "POST", json: { size: 1 } });
    const { _scroll_id } = scrolled.json as { _scroll_id: string };
    expect([
      scrolled.status,
      await status("POST", "/_search/scroll", { scroll_id: _scroll_id, scroll: "1m" }),
      await status("DELETE", "/_search/scroll", { scroll_id: [_scroll_id] }),
      await status("GET", "/"),
      await status("GET", `/${own}people/_mapping`),
      await status("PUT", `/${own}people/_mapping`, { properties: { when: { type: "date" } } }),
      await status("POST", `/${own}people/_refresh`),
      await status("GET", `/_cat/count/${own}people?format=json`),
      await status("POST", "/_reindex", { source: { index: `${own}people` }, dest: { index: `${own}copy` } }),
      await status("POST", `/${own}copy/_delete_by_query`, { query: { match_all: {} } }),
      await status("DELETE", `/${own}copy`),
    ]).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]);
    const bulk = await login.request("/_bulk", ndjson([{ index: { _index: `${own}dated-2026-04` } }, { own: 2 }]));
    expect(bulk.json).toMatchObject({ errors: false });
  });

  test("its new indices follow the word's template", async () => {
    await login.request(`/${own}people-log-2026/_doc/1`, { method: "PUT", json: { own: 1 } });
    const settings = await login.request(`/${own}people-log-2026/_settings?flat_settings=true`, { method: "GET" });
    expect(JSON.stringify(settings.json)).toContain('"index.number_of_shards":"2"');
  });

  test.each([
    ["search", "GET", "/{other}people/_search"],
    ["search by pattern", "GET", "/{other}*/_search"],
    ["search beside its own", "GET", "/{own}people,{other}people/_search"],
    ["search all", "GET", "/_all/_search"],
    ["get", "GET", "/{other}people/_doc/1"],
    ["mapping", "GET", "/{other}people/_mapping"],
    ["all mappings", "GET", "/_mapping"],
    ["list of indices", "GET", "/_cat/indices"],
    ["list of aliases", "GET", "/_alias"],
    ["statistics", "GET", "/_stats"],
    ["resolve", "GET", "/_resolve/index/*"],
    ["delete document", "DELETE", "/{other}people/_doc/1"],
    ["delete index", "DELETE", "/{other}people"],
    ["delete by pattern", "DELETE", "/{other}*"],
    ["create index", "PUT", "/{other}new"],
    ["cluster health", "GET", "/_cluster/health?level=indices"],
    ["cluster state", "GET", "/_cluster/state"],
    ["tasks", "GET", "/_tasks"],
    ["templates", "GET", "/_index_template"],
    ["users", "GET", "/_plugins/_security/api/internalusers"],
    ["tenants", "GET", "/_plugins/_security/api/tenants"],
    ["role mappings", "GET", "/_plugins/_security/api/rolesmapping"],
    ["snapshots", "GET", "/_snapshot"],
    ["points in time", "GET", "/_search/point_in_time/_all"],
  ] as const)("is refused at others': %s", async (_, method, path) => {
    expect(await status(method, path.replaceAll("{other}", other).replaceAll("{own}", own))).toBe(403);
  });

  test("is refused at others' with a body, too", async () => {
    const lookup = { query: { terms: { own: { index: `${other}people`, id: "1", path: "secret" } } } };
    expect([
      await status("PUT", `/${other}people/_doc/2`, { intruder: 1 }),
      await status("PUT", `/${other}people/_mapping`, { properties: { x: { type: "date" } } }),
      await status("PUT", `/${other}people/_settings`, { index: { refresh_interval: "9s" } }),
      await status("POST", `/${own}people/_search`, lookup),
      await status("POST", "/_reindex", { source: { index: `${other}people` }, dest: { index: `${own}stolen` } }),
      await status("POST", `/${other}people/_clone/${own}stolen`),
      await status("PUT", `/_index_template/${own}x`, { index_patterns: [`${own}x*`] }),
      await status("PUT", `/_plugins/_security/api/roles/${otherUser}`, { cluster_permissions: ["*"] }),
      await status("PUT", "/_plugins/_security/api/tenants/mine", { description: "mine" }),
    ]).toEqual([403, 403, 403, 403, 403, 403, 403, 403, 403]);
    const bulk = await login.request("/_bulk", ndjson([{ index: { _index: `${other}people` } }, { intruder: 2 }]));
    expect(bulk.json).toMatchObject({ errors: true, items: [{ index: { status: 403 } }] });
  });

  test("cannot reach or catch others' documents by an alias", async () => {
    const add = (index: string, alias: string) => status("POST", "/_aliases", { actions: [{ add: { index, alias } }] });
    expect([
      await add(`${other}people`, `${own}window`),
      await add(`${own}people`, `${other}planted`),
      await status("PUT", `/${own}trap`, { aliases: { [`${other}planted`]: {} } }),
      await status("POST", `/${own}people/_rollover/${own}next`, { aliases: { [`${other}planted`]: {} } }),
    ]).toEqual([403, 403, 403, 403]);
  });

  test("a tenant's saved objects go with the tenant", async () => {
    const { endpoint } = world;
    const tenant = names(world.placement).user;
    const saved = await send(endpoint, "/.kibana/_doc/1", {
      method: "PUT",
      json: { saved: 1 },
      headers: { securitytenant: tenant },
    });
    expect(saved.status).toBeLessThan(300);
    const list = async () =>
      (await send(endpoint, "/_cat/indices/.kibana_*?h=index&expand_wildcards=all", { method: "GET" })).text;
    expect(await list()).toMatch(/\.kibana_-?\d+_/);
    await world.remove(true);
    expect(await list()).not.toMatch(/\.kibana_-?\d+_/);
    expect(undone((await world.apply()).items)).toEqual([]);
  });

  describe("TLS", () => {
    const planAt = (endpoint: OpensearchEndpoint) =>
      world.plan({ endpoint }).then(
        () => new Error("it succeeded"),
        (error: unknown) => error,
      );

    test("another authority's certificate is a clear error", async () => {
      const caFile = join(dir, "other-authority.pem");
      await writeFile(caFile, makeAuthority("another").certificate);
      expect(await planAt({ ...world.endpoint, caFile })).toMatchObject({
        code: "OPENSEARCH_TLS",
        message: expect.stringContaining("is signed by nobody that is trusted here"),
      });
    });

    test("plain HTTP against TLS is a clear error", async () => {
      const error = await planAt({ ...world.endpoint, tls: false });
      expect(error).toMatchObject({ kind: "service", hint: expect.stringMatching(/tls|TLS|continues/) });
      expect((error as Error).message).toContain("OpenSearch");
    });

    test("TLS against a plain server is a clear error", async () => {
      const server = createServer((_, answer) => answer.end("{}"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      try {
        const error = await planAt({ ...world.endpoint, hosts: [{ host: "127.0.0.1", port }] });
        expect(error).toMatchObject({ code: "OPENSEARCH_TLS", hint: expect.stringContaining("http://") });
      } finally {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    });

    test("the certificate holds for the names of this machine", async () => {
      const { port } = world.endpoint.hosts[0]!;
      const http = await openHttp({
        base: `https://localhost:${port}`,
        caFile: world.endpoint.caFile,
        title: "OpenSearch",
        code: "OPENSEARCH",
      });
      expect((await http.request("/", { method: "GET" })).status).toBe(401);
      http.close();
    });
  });
});
