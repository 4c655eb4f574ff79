import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { RedisEndpoint } from "../../src/model/endpoint.ts";
import { CommonsError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";
import { makeAuthority, makeServerCertificate } from "../../src/targets/embedded/certificate.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { redisEngine } from "../../src/targets/embedded/redis.ts";
import { freePort } from "../support/port.ts";
import { command, keyPrefix, subject } from "./redis.ts";
import { ownServer, type OwnServer } from "./redis-server.ts";
import { asRef, ContractWorld, troubles, undone } from "./world.ts";

let dir = "";
let caFile = "";
let strangersFile = "";
const authority = makeAuthority("g2p test authority");
let servers: OwnServer[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "g2p-redis-"));
  caFile = join(dir, "ca.pem");
  strangersFile = join(dir, "stranger.pem");
  await writeFile(caFile, authority.certificate);
  await writeFile(strangersFile, makeAuthority("somebody else").certificate);
});

afterEach(async () => {
  for (const server of servers) await server.stop();
  servers = [];
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function server(name: string, settings: readonly string[], tls = false): Promise<OwnServer> {
  const pair = makeServerCertificate(authority, "127.0.0.1");
  const started = await ownServer(join(dir, name), settings, tls ? { ...pair, caFile } : undefined);
  servers.push(started);
  return started;
}

/** The error that opening a session gives. */
async function refusal(endpoint: RedisEndpoint): Promise<CommonsError> {
  const world = await ContractWorld.open(subject, endpoint);
  const error: unknown = await world.plan().catch((reason: unknown) => reason);
  await world.expectNoSecrets();
  if (!(error instanceof CommonsError)) throw new Error("a plan was made", { cause: error });
  expect(error.hint).toMatch(/\S/);
  return error;
}

describe("TLS", () => {
  test("a server with TLS is used with its authority alone", async () => {
    const { endpoint } = await server("tls", [], true);
    const world = await ContractWorld.open(subject, endpoint);
    expect(undone((await world.apply()).items)).toEqual([]);
    await world.expectClean();
    expect((await world.verify()).ok).toBe(true);
    const fields = await world.binding(world.placed[0]!);
    const uri = fields["uri"];
    expect(uri instanceof Secret ? uri.reveal() : "").toMatch(/^rediss:\/\/dev__bridge__cache:.+@127\.0\.0\.1:\d+\/0$/);
    expect(await world.close()).toEqual([]);
  });

  test("without the authority, with another one, or without TLS it is an error that says so", async () => {
    const { endpoint } = await server("tls-wrong", [], true);
    const { caFile: _, ...system } = endpoint;
    expect((await refusal(system)).code).toBe("REDIS_TLS");
    expect((await refusal({ ...endpoint, caFile: strangersFile })).code).toBe("REDIS_TLS");
    expect((await refusal({ ...endpoint, caFile: join(dir, "none.pem") })).code).toBe("REDIS_FILE");
    expect((await refusal({ ...system, tls: false })).message).toMatch(/cut|in time/);
  });

  test("TLS against a server without is an error that says so", async () => {
    const { endpoint } = await server("plain", []);
    // Redis waits for the end of what it takes for a command.
    expect((await refusal({ ...endpoint, tls: true, caFile })).hint).toContain(
      "with TLS only where `endpoint` in g2p.yaml says `rediss://`",
    );
  });
});

describe("a server that keeps users in memory only", () => {
  test("says so, and what a restart loses is made again with the same passwords", async () => {
    const own = await server("memory", ["appendonly yes", "appendfsync always"]);
    const world = await ContractWorld.open(subject, own.endpoint);
    await world.apply();
    await world.writeData();
    expect((await world.status()).reason).toContain("aclfile");
    await own.stop("SIGKILL");
    await own.start();
    const { items } = await world.plan();
    expect(items.map((item) => [item.action, item.findings[0]?.aspect])).toEqual(
      world.ids.map(() => ["update", "user"]),
    );
    expect((await world.check(world.placed[0]!)).state).toBe("unhealthy");
    const before = await world.credential(asRef(world.placed[0]!));
    expect(undone((await world.apply()).items)).toEqual([]);
    await world.expectClean();
    expect(await world.hasData()).toBe(true);
    expect((await world.credential(asRef(world.placed[0]!))).password.reveal()).toBe(before.password.reveal());
    expect(await world.close()).toEqual([]);
  });

  test("and no data either, has everything made again after a restart", async () => {
    const own = await server("nothing", []);
    const world = await ContractWorld.open(subject, own.endpoint);
    await world.apply();
    await own.stop("SIGKILL");
    await own.start();
    expect((await world.plan()).items.map((item) => item.action)).toEqual(world.ids.map(() => "create"));
    expect(undone((await world.apply()).items)).toEqual([]);
    await world.expectClean();
    expect(await world.close()).toEqual([]);
  });
});

describe("a server that keeps its users, but not its data", () => {
  test("has its users known as ours after a restart", async () => {
    const folder = join(dir, "users-only");
    const own = await server("users-only-conf", []);
    await own.stop();
    await rm(folder, { recursive: true, force: true });
    const users = join(dir, "users-only.acl");
    await writeFile(users, "user default on >administrators-password-1 ~* &* +@all\n");
    const kept = await server("users-only", [`aclfile ${users}`]);
    const world = await ContractWorld.open(subject, kept.endpoint);
    await world.apply();
    await kept.stop("SIGKILL");
    await kept.start();
    expect(await world.unready()).toEqual([]);
    const { items } = await world.plan();
    expect(items.map((item) => item.findings.map((finding) => finding.aspect).join())).toEqual(
      world.ids.map(() => "register,commands"),
    );
    expect(undone((await world.apply()).items)).toEqual([]);
    await world.expectClean();
    expect(await world.close()).toEqual([]);
  });
});

describe("a server that we cannot use", () => {
  test("a member of a cluster is refused", async () => {
    const { endpoint } = await server("cluster", ["cluster-enabled yes"]);
    const error = await refusal(endpoint);
    expect([error.kind, error.code]).toEqual(["refused", "REDIS_CLUSTER"]);
  });

  test("a replica is named as such, item by item", async () => {
    const own = await server("replica", [`replicaof 127.0.0.1 ${await freePort()}`]);
    const world = await ContractWorld.open(subject, own.endpoint);
    const { items } = await world.apply();
    expect(items[0]?.reason).toContain("replica");
    expect(troubles(items, "unchanged").length).toBe(world.ids.length);
  });

  test("a server without memory is named as such, and what was done is completed when it has some", async () => {
    const own = await server("memory-full", []);
    const world = await ContractWorld.open(subject, own.endpoint);
    await command(own.endpoint, [["CONFIG", "SET", "maxmemory", "1"]]);
    const { items } = await world.apply();
    expect(items.map((item) => item.outcome)).toEqual(world.ids.map(() => "failed"));
    expect(items[0]?.reason).toContain("out of memory");
    await command(own.endpoint, [["CONFIG", "SET", "maxmemory", "0"]]);
    expect(undone((await world.apply()).items)).toEqual([]);
    await world.expectClean();
    expect(await world.close()).toEqual([]);
  });

  test("an administrator without the right is told so", async () => {
    const own = await server("rights", []);
    await command(own.endpoint, [
      ["ACL", "SETUSER", "lesser", "on", ">lesser-password", "~*", "&*", "+@all", "-@admin"],
    ]);
    const error = await refusal({ ...own.endpoint, user: "lesser", password: new Secret("lesser-password") });
    expect(error.code).toBe("REDIS_NO_RIGHT");
  });
});

describe("embedded", () => {
  test("killed at once after an apply, it has users and data again when it is started", async () => {
    const options = { stateDir: join(dir, "state"), scope: "dev" };
    const start = () => startEngine(redisEngine, { ...options, input: undefined, emit: () => {} });
    const first = await start();
    expect(first.started).toBe(true);
    const world = await ContractWorld.open(subject, first.endpoint);
    try {
      await world.apply();
      process.kill(first.pid, "SIGKILL");
      const second = await start();
      expect(second.endpoint.hosts).toEqual(first.endpoint.hosts);
      await world.expectClean();
      await expect(command(second.endpoint, [["PING"]], { user: "default", password: "" })).rejects.toThrow();
      const { pid, started } = await start();
      expect([pid, started]).toEqual([second.pid, false]);
      await command(second.endpoint, [["SET", `${keyPrefix(world.placement)}a`, "1"]]);
      expect(await world.close()).toEqual([]);
    } finally {
      expect(await stopEngine(redisEngine, options)).toBe(true);
    }
    expect(await stopEngine(redisEngine, options)).toBe(false);
  });
});
