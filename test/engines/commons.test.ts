import { cpSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Footprint } from "../../src/model/footprint.ts";
import type { Cell, PlanItem, VerifyResult } from "../../src/model/plan.ts";
import type { StatusResult } from "../../src/model/status.ts";
import { makePlace, type Place, ROOT } from "../cli/harness.ts";

/** What commands say with `--json`. */
interface Result {
  readonly summary: Readonly<Record<string, number>>;
  readonly items: readonly PlanItem[];
  readonly verify: VerifyResult;
}

const SERVICES = ["postgresql", "kafka", "s3", "opensearch", "keymanager", "keycloak", "redis"] as const;

let place: Place;

beforeAll(() => {
  place = makePlace("");
  cpSync(join(ROOT, "examples/all-services"), place.dir, { recursive: true });
});

afterAll(async () => {
  await place.g2p("down");
  await place.remove();
});

/** Processes that work below the state directory's servers, or in the data directories that root's servers have elsewhere. */
function serverProcesses(): { pid: number; service: string }[] {
  const homes = new Map<string, string>();
  for (const service of SERVICES) {
    const dir = join(place.dir, ".g2p/servers", service, "environment");
    const { dataDir } = JSON.parse(readFileSync(join(dir, "server.json"), "utf8")) as { dataDir?: string };
    homes.set(dataDir ?? join(dir, "data"), service);
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const service = homes.get(readlinkSync(`/proc/${name}/cwd`));
        return service === undefined ? [] : [{ pid: Number(name), service }];
      } catch {
        return [];
      }
    });
}

function byService<T extends { readonly service: string }>(list: readonly T[]): Map<string, T[]> {
  return Map.groupBy(list, (one) => one.service);
}

/** Pairs of different instances of whom the first was refused by the second's things. */
function refusedPairs(cells: readonly Cell[]): Set<string> {
  const instance = (text: string) => text.split("/").slice(0, 2).join("/");
  const refused = cells.filter((cell) => cell.expected === "refused" && cell.actual === "refused");
  return new Set(
    refused
      .map(({ from, to }) => `${instance(from)} > ${instance(to)}`)
      .filter((pair) => {
        const [from = "", to = ""] = pair.split(" > ");
        return from !== to && from.includes("/") && to.includes("/");
      }),
  );
}

describe("the whole commons on this machine", () => {
  test("comes up, and every wall holds for every pair of instances on every service", async () => {
    const { code, data } = await place.json<Result>("up", "--detach");
    expect([code, data.summary?.["failed"]], JSON.stringify(data)).toEqual([0, 0]);
    const wrong = data.verify.cells.filter((cell) => !cell.ok);
    expect(wrong, JSON.stringify(wrong.slice(0, 5))).toEqual([]);
    const items = byService(data.items.filter((item) => item.kind !== "server"));
    const cells = byService(data.verify.cells);
    expect([...items.keys()].sort()).toEqual([...SERVICES].sort());
    for (const service of SERVICES) {
      const claims = (items.get(service) ?? []).filter((item) => item.kind !== "access");
      const holders = [...new Set(claims.map((item) => `${item.sandbox}/${item.instance}`))];
      const pairs = refusedPairs(cells.get(service) ?? []);
      for (const from of holders)
        for (const to of holders) if (from !== to) expect(pairs, service).toContain(`${from} > ${to}`);
    }
  });

  test("has nothing left to do, and every instance can use what it was handed", async () => {
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
    expect(await place.g2p("status")).toMatchObject({ code: 0 });
    expect(await place.g2p("wait", "--timeout", "60s")).toMatchObject({ code: 0 });
    const { data } = await place.json<Result>("up", "--detach");
    expect(data.summary).toMatchObject({ created: 0, updated: 0, removed: 0, failed: 0 });
  });

  test("takes less than 2.5 GB of memory", async () => {
    const { code, data } = await place.json<Footprint>("footprint");
    expect(code).toBe(0);
    expect(data.rows.map((row) => row.service)).toEqual([...SERVICES]);
    for (const row of data.rows) expect(row.shared.memory, row.service).toBeGreaterThan(1e6);
    expect(data.own.memory).toBeGreaterThan(data.shared.memory);
    expect(data.shared.memory).toBeLessThan(2.5e9);
  });

  test("bindings hold every field, and no secret is shown unasked", async () => {
    const shown = await place.g2p("bindings", "dev/registry");
    const revealed = await place.g2p("bindings", "dev/registry", "--reveal");
    expect([shown.code, revealed.code]).toEqual([0, 0]);
    expect(shown.stdout).toContain("REGISTRY_PARTNER_API_MINIO_SECRET_KEY='********'");
    expect(revealed.stdout).toMatch(/REGISTRY_PARTNER_API_MINIO_SECRET_KEY=[A-Za-z0-9]{16,}/);
    expect(revealed.stdout).toMatch(/REGISTRY_STAFF_PORTAL_API_AUTH_REDIS_URL='?redis:\/\/dev__registry__sessions:/);
    expect(revealed.stdout).toMatch(/REGISTRY_PARTNER_API_KEYMANAGER_SIGN_APP_ID=dev__registry__keys\b/);
    expect(revealed.stdout).toMatch(/KAFKA_TOPIC_CHANGES=dev__registry__changes\b/);
  });

  test("a service that stops fails only its own items, and the next run completes them", async () => {
    for (const { pid, service } of serverProcesses()) if (service === "redis") process.kill(pid, "SIGKILL");
    const { code, data } = await place.json<Result>("apply");
    expect(code).toBe(1);
    const unknown = data.items.filter((item) => item.action === "unknown");
    expect(new Set(unknown.map((item) => item.service))).toEqual(new Set(["redis"]));
    expect(unknown[0]?.reason).toMatch(/redis.*stopped/);
    expect(data.items.filter((item) => item.service !== "redis").every((item) => item.action === "unchanged")).toBe(
      true,
    );
    expect(await place.g2p("up", "--detach")).toMatchObject({ code: 0 });
  });

  test("after every server is killed at once, the next up recovers all of it", async () => {
    const killed = serverProcesses();
    expect(new Set(killed.map(({ service }) => service)).size).toBe(SERVICES.length);
    for (const { pid } of killed) process.kill(pid, "SIGKILL");
    const { code, data } = await place.json<Result>("up", "--detach");
    expect([code, data.summary?.["created"], data.summary?.["failed"]], JSON.stringify(data)).toEqual([0, 0, 0]);
    expect(data.verify.ok).toBe(true);
  });

  test("a sandbox is removed from every service, and the other one is untouched", async () => {
    const refused = await place.g2p("remove", "staging", "--yes");
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("--delete-data");
    expect(await place.g2p("remove", "staging", "--delete-data", "--yes")).toMatchObject({ code: 0 });
    expect(await place.g2p("remove", "staging", "--delete-data", "--yes")).toMatchObject({ code: 0 });
    const { data } = await place.json<StatusResult>("status");
    const states = (sandbox: string) =>
      new Set(data.items.filter((item) => item.sandbox === sandbox).map((item) => item.state));
    expect(states("dev")).toEqual(new Set(["ready"]));
    expect(states("staging")).toEqual(new Set(["missing"]));
    const planned = await place.json<Result>("plan");
    const actions = planned.data.items.filter((item) => item.sandbox === "staging").map((item) => item.action);
    expect(new Set(actions)).toEqual(new Set(["create"]));
  });

  test("down leaves no process behind", async () => {
    expect(serverProcesses().length).toBeGreaterThan(0);
    expect(await place.g2p("down")).toMatchObject({ code: 0 });
    expect(serverProcesses()).toEqual([]);
  });
});

test("what a machine lacks is named in a line, and the rest works", async () => {
  const text = `
apiVersion: g2p.dev/v1
environment: poor
commons:
  postgresql: { mode: embedded }
  kafka: { mode: embedded }
  redis: { mode: embedded }
  elsewhere: [s3, keycloak, keymanager]
sandboxes:
  - { name: dev, modules: [{ module: registry, with: [events] }, spar] }
`;
  const other = makePlace(text, { PATH: "/nonexistent" });
  try {
    const { code, stdout, stderr } = await other.g2p("up", "--detach", "--json");
    const { items, verify } = JSON.parse(stdout) as Result;
    expect(code, stderr).toBe(1);
    const unknown = items.filter((item) => item.action === "unknown");
    expect(new Set(unknown.map((item) => item.service))).toEqual(new Set(["kafka", "redis"]));
    for (const { reason, service } of unknown) {
      expect(reason).toMatch(service === "kafka" ? /java/i : /redis-server/);
      expect(reason?.split("\n")).toHaveLength(1);
    }
    expect(items.some((item) => item.service === "postgresql" && item.outcome === "done")).toBe(true);
    expect(verify.ok).toBe(true);
  } finally {
    await other.remove();
  }
});
