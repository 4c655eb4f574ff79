import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Footprint } from "../../src/model/footprint.ts";
import type { PlanItem, VerifyResult } from "../../src/model/plan.ts";
import type { StatusResult } from "../../src/model/status.ts";
import { makePlace, type Place, writeTo } from "../cli/harness.ts";

const MODULE = `
apiVersion: g2p.dev/v1
kind: Module
module: cache
title: Cache
claims:
  sessions: { service: redis }
env:
  - component: api
    prefix: CACHE_
    vars: { URL: "\${sessions.uri}", PREFIX: "\${sessions.keyPrefix}" }
`;

const environment = (sharing: string) => `
apiVersion: g2p.dev/v1
environment: cached
commons:
  redis: { mode: embedded, sharing: ${sharing} }
sandboxes:
  - name: dev
    modules: [./cache.yaml, { module: ./cache.yaml, name: other }]
`;

/** What commands say with `--json`. */
interface Result {
  readonly summary: Readonly<Record<string, number>>;
  readonly items: readonly PlanItem[];
  readonly verify: VerifyResult;
}

interface Shown {
  readonly bindings: { readonly sessions: Readonly<Record<string, string>> };
  readonly variables: readonly { readonly name: string; readonly value: string }[];
}

/** An environment whose commons is Redis alone. */
function redisPlace(sharing: string): Place {
  const made = makePlace(environment(sharing));
  writeTo(join(made.dir, "cache.yaml"), MODULE);
  return made;
}

let place: Place;

beforeAll(async () => {
  place = redisPlace("environment");
  const { code, data } = await place.json<Result>("up", "--detach");
  expect([code, data.summary["created"], data.summary["failed"]], JSON.stringify(data)).toEqual([0, 2, 0]);
  expect(data.verify.ok).toBe(true);
});

afterAll(async () => {
  await place.remove();
  expect(serversBelow(place.dir)).toEqual([]);
});

/** Processes that work in a folder or below it. */
function serversBelow(dir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${dir}/`);
      } catch {
        return false;
      }
    });
}

const sessionsOf = async (instance: string) =>
  (await place.json<Shown>("bindings", instance, "--reveal")).data.bindings.sessions;

/** What a command says to a module's own login. */
async function send(binding: Readonly<Record<string, string>>, ...command: string[]): Promise<unknown> {
  const client = createClient({ url: binding["uri"] ?? "" });
  client.on("error", () => {});
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

describe("bindings of a keyspace", () => {
  test("hide its password in every format unless asked to reveal it", async () => {
    const { password = "" } = await sessionsOf("dev/cache");
    expect(password).toMatch(/^[A-Za-z0-9]{16,}$/);
    for (const format of ["env", "dotenv", "json", "secret"]) {
      const masked = await place.g2p("bindings", "dev/cache", "--format", format);
      expect([masked.code, masked.stdout]).toEqual([0, expect.stringContaining("********")]);
      expect(masked.stdout).not.toContain(password);
      const revealed = await place.g2p("bindings", "dev/cache", "--format", format, "--reveal");
      expect([revealed.code, revealed.stdout]).toEqual([0, expect.stringContaining(password)]);
    }
  });

  test("as JSON hold every field, and their login works within its prefix only", async () => {
    const { code, data } = await place.json<Shown>("bindings", "dev/cache");
    expect([code, data]).toEqual([
      0,
      {
        sandbox: "dev",
        instance: "cache",
        module: "cache",
        bindings: {
          sessions: {
            type: "redis",
            host: "127.0.0.1",
            port: expect.stringMatching(/^\d+$/),
            username: "dev__cache__sessions",
            password: "********",
            uri: "********",
            keyPrefix: expect.stringMatching(/^dev__cache/),
            channelPrefix: expect.stringMatching(/^dev__cache/),
            ca: "",
            caFile: "",
          },
        },
        variables: [
          { name: "CACHE_URL", component: "api", value: "********" },
          { name: "CACHE_PREFIX", component: "api", value: data.bindings.sessions["keyPrefix"] },
        ],
      },
    ]);
    const [mine, others] = [await sessionsOf("dev/cache"), await sessionsOf("dev/other")];
    expect(await send(mine, "SET", `${mine["keyPrefix"]}one`, "kept")).toBe("OK");
    await expect(send(others, "GET", `${mine["keyPrefix"]}one`)).rejects.toThrow(/NOPERM/);
  });

  test("as secret are Kubernetes Secrets as the Service Binding specification has them", async () => {
    const { stdout } = await place.g2p("bindings", "--format", "secret", "--reveal");
    const secrets = parseAllDocuments(stdout).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as { metadata: { name: string }; stringData: Record<string, string> };
    });
    expect(new Set(secrets.map(({ metadata }) => metadata.name)).size).toBe(2);
    for (const [index, secret] of secrets.entries()) {
      const sessions = await sessionsOf(index === 0 ? "dev/cache" : "dev/other");
      expect(secret).toMatchObject({
        apiVersion: "v1",
        kind: "Secret",
        type: "servicebinding.io/redis",
        metadata: { namespace: "dev", labels: { "g2p.dev/claim": "sessions" } },
      });
      expect(secret.stringData).toEqual({ ...sessions, provider: "g2p" });
    }
  });

  test("reach a command's variables", async () => {
    const { uri, keyPrefix } = await sessionsOf("dev/cache");
    const { stdout } = await place.g2p("exec", "dev/cache", "--", "sh", "-c", 'echo "$CACHE_URL $CACHE_PREFIX"');
    expect(stdout).toBe(`${uri} ${keyPrefix}\n`);
  });
});

test("wait signs in as each instance, and says what keeps one from working", async () => {
  const ready = await place.json<{ ready: boolean; targets: { name: string }[] }>("wait", "--timeout", "20s");
  expect([ready.code, ready.data.ready]).toEqual([0, true]);
  expect(ready.data.targets).toHaveLength(2);

  expect(await place.g2p("remove", "dev/other", "--delete-data", "--yes")).toMatchObject({ code: 0 });
  const waiting = await place.g2p("wait", "--timeout", "300ms");
  expect([waiting.code, waiting.stderr]).toEqual([
    4,
    expect.stringMatching(/waiting for dev\/other sessions: its credentials were not made yet/),
  ]);
  expect(waiting.stderr).not.toContain("waiting for dev/cache");
  expect(await place.g2p("bindings", "dev/other", "--json")).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("NOT_APPLIED"),
  });
  expect(await place.g2p("apply")).toMatchObject({ code: 0 });
  expect(await place.g2p("wait", "dev/other", "--timeout", "20s")).toMatchObject({ code: 0 });
});

describe("footprint", () => {
  test("measures the shared server and scales it to one for each instance", async () => {
    const { code, data } = await place.json<Footprint>("footprint");
    expect([code, data.instances, data.servers.map(({ id }) => id)]).toEqual([0, 2, ["redis"]]);
    const [row] = data.rows;
    expect(row?.shared).toMatchObject({ servers: 1, processes: 1 });
    expect(row?.shared.memory).toBeGreaterThan(1e6);
    expect(row?.shared.disk).toBeGreaterThan(0);
    expect(row?.own).toMatchObject({ servers: 2, measured: 0, memory: 2 * (row?.shared.memory ?? 0) });
    const { stdout } = await place.g2p("footprint");
    expect(stdout).toMatch(/redis +1 .*scaled from the shared one/);
    expect(stdout).toMatch(/Sharing saves .* and 1 server\./);
  });

  test("measures servers of instances' own, where another environment runs them", async () => {
    const apart = redisPlace("instance");
    try {
      expect(await apart.g2p("up", "--detach")).toMatchObject({ code: 0 });
      const { code, data } = await place.json<Footprint>("footprint", "--against", join(apart.dir, ".g2p"));
      expect([code, data.rows[0]?.own]).toEqual([
        0,
        expect.objectContaining({ servers: 2, processes: 2, measured: 2 }),
      ]);
      const { data: stopped } = await apart.json<{ stopped: string[] }>("down");
      expect(stopped).toEqual({ stopped: ["redis/dev/cache", "redis/dev/other"] });
    } finally {
      await apart.remove();
    }
    expect(serversBelow(apart.dir)).toEqual([]);
  });
});

test("down stops the server and keeps its data; status, plan and footprint tell that it is stopped", async () => {
  expect(await place.json("down")).toEqual({ code: 0, data: { stopped: ["redis"] } });
  expect(serversBelow(place.dir)).toEqual([]);
  expect(await place.json("down")).toEqual({ code: 0, data: { stopped: [] } });

  const { code, data } = await place.json<StatusResult>("status");
  expect([code, data.servers]).toEqual([
    2,
    [{ id: "redis", service: "redis", address: "", state: "unhealthy", reason: expect.stringContaining("stopped") }],
  ]);
  expect(data.items.map(({ id, state }) => [id, state])).toEqual([
    ["redis/dev/cache/sessions", "unknown"],
    ["redis/dev/other/sessions", "unknown"],
  ]);
  for (const command of ["plan", "apply", "verify", "footprint"])
    expect(await place.json(command), command).toMatchObject({
      code: 1,
      data: { error: "service", code: "EMBEDDED_STOPPED", hint: expect.stringContaining("g2p up") },
    });
  const waiting = await place.g2p("wait", "dev/cache", "--timeout", "300ms");
  expect([waiting.code, waiting.stderr]).toEqual([
    4,
    expect.stringMatching(/waiting for dev\/cache sessions: .*redis/),
  ]);

  const again = await place.json<Result>("up", "--detach");
  expect([again.code, again.data.summary]).toEqual([
    0,
    { created: 0, updated: 0, unchanged: 2, removed: 0, failed: 0 },
  ]);
  const mine = await sessionsOf("dev/cache");
  expect(await send(mine, "GET", `${mine["keyPrefix"]}one`)).toBe("kept");
});
