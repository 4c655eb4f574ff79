import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlanItem, VerifyResult } from "../../src/model/plan.ts";
import { Secret } from "../../src/model/secret.ts";
import { RedisConnection } from "../../src/providers/redis/connection.ts";
import { bindingsOf, makePlace, type Place } from "../cli/harness.ts";
import { type FaultyPort, startFaultyPort } from "../support/faulty-port.ts";
import {
  MODULE,
  passwordVariables,
  type Reached,
  type Server,
  type Service,
  SERVICES,
  type Servers,
  startServers,
  userFile,
} from "./external-servers.ts";

const DEV = "  - { name: dev, modules: [./app.yaml] }";

/** Services that fail in a first run while the others work, and the others. Keymanager needs tokens of Keycloak. */
const HALVES: readonly (readonly Service[])[] = [
  ["postgresql", "kafka", "keymanager", "redis"],
  ["s3", "opensearch", "keycloak"],
];

/** What people call them. */
const CALLED: Readonly<Record<Service, RegExp>> = {
  postgresql: /postgresql/i,
  kafka: /kafka/i,
  s3: /s3|minio/i,
  opensearch: /opensearch/i,
  keymanager: /keymanager/i,
  keycloak: /keycloak|login service/i,
  redis: /redis/i,
};

type Per<T> = Record<Service, T>;

let servers: Servers;
let dir: string;
let ports: Per<FaultyPort>;
let securePorts: Per<FaultyPort>;
const places: Place[] = [];

const perService = async <T>(make: (service: Service) => Promise<T>) =>
  Object.fromEntries(await Promise.all(SERVICES.map(async (service) => [service, await make(service)]))) as Per<T>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "g2p-faults-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "ignore" });
  const subject = ["-subj", "/CN=faults", "-addext", "subjectAltName=IP:127.0.0.1"];
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    ...subject,
    "-keyout",
    "key",
    "-out",
    "ca.pem",
  );
  const secure = { key: readFileSync(join(dir, "key"), "utf8"), cert: readFileSync(join(dir, "ca.pem"), "utf8") };
  servers = await startServers();
  ports = await perService((service) => startFaultyPort(servers.of[service].port));
  securePorts = await perService((service) => startFaultyPort(servers.of[service].port, secure));
}, 900_000);

afterAll(async () => {
  for (const place of places) rmSync(place.dir, { recursive: true, force: true });
  for (const port of [...Object.values(ports ?? {}), ...Object.values(securePorts ?? {})]) await port.close();
  await servers?.place.remove();
  rmSync(dir, { recursive: true, force: true });
});

/** What commands say with `--json`. */
interface Result {
  readonly items: readonly PlanItem[];
  readonly error?: string;
  readonly message?: string;
}

/** An environment that uses the servers. */
class User {
  readonly name: string;
  readonly place: Place;

  constructor(name: string, reached: Partial<Per<Reached>> = {}, sandboxes = DEV) {
    // Of its own also on servers that an earlier run has used.
    this.name = `${name}-${randomBytes(3).toString("hex")}`;
    this.place = makePlace("", passwordVariables(servers));
    places.push(this.place);
    writeFileSync(join(this.place.dir, "app.yaml"), MODULE);
    this.reach(reached, sandboxes);
  }

  reach(reached: Partial<Per<Reached>>, sandboxes = DEV): void {
    this.place.write(userFile(servers, { name: this.name, sandboxes, reached }));
  }

  /** Runs a command; nothing that it says holds a secret. */
  async run(...args: string[]): Promise<{ readonly code: number; readonly items: readonly PlanItem[]; said: string }> {
    const { code, stdout, stderr } = await this.place.g2p(...args, "--json");
    for (const secret of this.#secrets())
      expect(`${stdout}${stderr}`.includes(secret), `a secret in ${args[0]}'s output`).toBe(false);
    const { items = [] } = JSON.parse(stdout) as Result;
    return { code, items, said: stdout + stderr };
  }

  /** Applies; all is done, and a second time there is nothing to do. */
  async completes(): Promise<void> {
    const { code, items, said } = await this.run("apply");
    expect(code, said).toBe(0);
    expect(new Set(items.map(({ service }) => service))).toEqual(new Set(SERVICES));
    const again = await this.run("plan", "--quick");
    expect(again.code, again.said).toBe(0);
  }

  /** Applies; what belongs to `broken` is not done and says in one line why, everything else is done. */
  async fails(broken: readonly Service[], says: RegExp): Promise<void> {
    const { code, items, said } = await this.run("apply");
    expect(code, said).toBe(1);
    const may = broken.includes("keycloak") ? [...broken, "keymanager"] : broken;
    for (const item of items) {
      const text = `${item.id}: ${item.action} ${item.outcome} ${item.reason}`;
      const failed = item.action === "unknown" || item.outcome === "failed" || item.outcome === "not started";
      if (broken.includes(item.service as Service)) expect(failed, text).toBe(true);
      if (!may.includes(item.service as Service)) expect(failed, text).toBe(false);
      if (!failed) continue;
      expect(item.reason, text).toMatch(CALLED[item.service as Service]);
      // A plain Redis waits for more of what TLS begins with; only the hint can guess that.
      expect(`${item.reason} ${item.hint}`, text).toMatch(says);
      expect(item.reason, text).not.toContain("\n");
      expect(item.hint, text).not.toBe(undefined);
    }
  }

  #secrets(): string[] {
    const below = join(this.place.dir, ".g2p/credentials");
    if (!existsSync(below)) return Object.values(passwordVariables(servers));
    const files = readdirSync(below, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const stored = files.map(
      (entry) => (JSON.parse(readFileSync(join(entry.parentPath, entry.name), "utf8")) as Server).password,
    );
    return [...stored, ...Object.values(passwordVariables(servers))];
  }
}

const same = <T>(services: readonly Service[], make: (service: Service) => T) =>
  Object.fromEntries(services.map((service) => [service, make(service)])) as Partial<Per<T>>;

const through = () => same(SERVICES, (service) => ({ port: ports[service].port }));

describe("where a part of the servers fails, the rest is done, and a later run completes it", () => {
  test("stopped", async () => {
    const user = new User("stopped", through());
    for (const half of HALVES) {
      for (const service of half) await ports[service].refuse();
      await user.fails(half, /nothing listens|ECONNREFUSED/);
      for (const service of half) await ports[service].pass();
    }
    await user.completes();
  });

  test("asked with a wrong password, which comes from a file", async () => {
    const user = new User("password");
    const file = (service: Service) => join(user.place.dir, `${service}.password`);
    user.reach(same(SERVICES, (service) => ({ passwordFrom: `{ file: ${file(service)} }` })));
    for (const half of HALVES) {
      for (const service of SERVICES)
        writeFileSync(file(service), half.includes(service) ? "wrong\n" : `${servers.of[service].password}\n`);
      await user.fails(half, /./);
    }
    for (const service of SERVICES) writeFileSync(file(service), `${servers.of[service].password}\n`);
    await user.completes();
  });

  test("asked by TLS where it speaks plainly, or plainly where it speaks TLS", async () => {
    const user = new User("tls");
    for (const half of HALVES) {
      user.reach(same(half, (service) => ({ tls: !servers.of[service].tls })));
      await user.fails(half, /TLS|SSL|certificate/i);
    }
    const secured = SERVICES.filter((service) => !["postgresql", "opensearch"].includes(service));
    for (const half of HALVES) {
      const broken = half.filter((service) => secured.includes(service));
      user.reach(same(broken, (service) => ({ port: securePorts[service].port })));
      await user.fails(broken, /./);
    }
    user.reach({});
    await user.completes();
  });

  test("another service's port", async () => {
    const user = new User("port");
    const other = (service: Service) => servers.of[service === "redis" || service === "kafka" ? "s3" : "redis"].port;
    for (const half of HALVES) {
      user.reach(same(half, (service) => ({ port: other(service) })));
      await user.fails(half, /./);
    }
    user.reach({});
    await user.completes();
  });

  test("silent", async () => {
    const user = new User("silent", through());
    const half = SERVICES.filter((service) => service !== "postgresql");
    for (const service of half) await ports[service].silence();
    await user.fails(half, /no answer|in time|did not answer|not answer/i);
    for (const service of half) await ports[service].pass();
    await user.completes();
  });
});

test("servers with TLS are used when the authority is known, and only then", async () => {
  const secured: readonly Service[] = ["s3", "keycloak", "keymanager", "redis"];
  const user = new User(
    "secure",
    same(secured, (service) => ({ port: securePorts[service].port, tls: true })),
  );
  await user.fails(secured, /certificate/i);
  const caFile = join(dir, "ca.pem");
  user.reach(same(secured, (service) => ({ port: securePorts[service].port, tls: true, caFile })));
  await user.completes();
  expect((await user.run("verify")).code).toBe(0);
});

test("servers far away take longer, and nothing else", async () => {
  for (const service of SERVICES) await ports[service].pass(20);
  const user = new User("slow", through());
  await user.completes();
  for (const service of SERVICES) await ports[service].pass();
});

test("connections that are cut in the middle of an apply leave what the next run completes", async () => {
  for (const service of SERVICES) await ports[service].pass();
  const whole = new User("whole", through());
  await whole.completes();
  const bytes = Object.fromEntries(SERVICES.map((service) => [service, ports[service].passed])) as Per<number>;
  for (const part of [0.15, 0.3, 0.5]) {
    const user = new User(`cut-${part * 100}`, through());
    for (const service of SERVICES) await ports[service].cutAfter(Math.round(bytes[service] * part * 0.6));
    const { code, items, said } = await user.run("apply");
    expect(code, said).toBe(1);
    for (const { id, reason } of items.filter(({ outcome }) => outcome === "failed"))
      expect(reason, id).toMatch(/^[^\n]+$/);
    for (const service of SERVICES) await ports[service].pass();
    await user.completes();
  }
});

test("servers that are killed and started again in the middle of an apply leave what the next run completes", async () => {
  for (const service of SERVICES) await ports[service].pass();
  const boxes = [1, 2, 3, 4].map((index) => `  - { name: box-${index}, modules: [./app.yaml] }`).join("\n");
  const user = new User("killed", through(), boxes);
  const running = user.run("apply");
  await expect
    .poll(() => Math.min(ports.redis.passed, ports.s3.passed), { timeout: 60_000, interval: 5 })
    .toBeGreaterThan(500);
  for (const service of ["redis", "s3"])
    for (const pid of processesIn(join(servers.place.dir, ".g2p/servers", service, "environment/data")))
      process.kill(pid, "SIGKILL");
  const { code, items, said } = await running;
  expect([0, 1], said).toContain(code);
  for (const item of items.filter(({ outcome }) => outcome !== "done" && outcome !== undefined))
    expect(["redis", "s3"], JSON.stringify(item)).toContain(item.service);
  await servers.up();
  user.reach(through(), boxes);
  await user.completes();
});

describe("what is used up", () => {
  let user: User;
  beforeAll(async () => {
    user = new User("full");
    await user.completes();
  });

  test("a bucket's quota stops the module, and not the environment", async () => {
    const { files } = (await bindingsOf(user.place, "dev/app")) as unknown as Record<string, Record<string, string>>;
    const client = new S3Client({
      endpoint: files!["endpoint"]!.includes("://") ? files!["endpoint"]! : `http://${files!["endpoint"]}`,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: files!["accessKey"]!, secretAccessKey: files!["secretKey"]! },
    });
    const put = (size: number) =>
      client.send(new PutObjectCommand({ Bucket: files!["bucket-docs"]!, Key: "report", Body: Buffer.alloc(size) }));
    await put(1_000);
    await expect(put(2 * 1024 * 1024)).rejects.toThrow(/quota/i);
    client.destroy();
    expect((await user.run("plan")).code).toBe(0);
    const { code, said } = await user.run("verify");
    expect(code, said).toBe(0);
    expect((JSON.parse(said) as VerifyResult).ok).toBe(true);
  });

  test("a Redis without memory fails its own items alone, until it has some", async () => {
    const { port, user: name, password } = servers.of.redis;
    const endpoint = {
      service: "redis",
      scope: "",
      hosts: [{ host: "127.0.0.1", port }],
      tls: false,
      path: "",
      user: name,
      password: new Secret(password),
    } as const;
    const connection = await RedisConnection.open(endpoint, { user: name, password: endpoint.password }, 10_000);
    const boxes = `${DEV}\n  - { name: more, modules: [./app.yaml] }`;
    user.reach({}, boxes);
    try {
      await connection.send("CONFIG", "SET", "maxmemory", "1kb");
      const { code, items, said } = await user.run("apply");
      expect(code, said).toBe(1);
      const failed = items.filter(({ outcome }) => outcome === "failed" || outcome === "not started");
      expect(new Set(failed.map(({ id }) => id))).toEqual(new Set(["redis/more/app/cache"]));
      expect(failed[0]?.reason).toMatch(/redis.*out of memory/i);
    } finally {
      await connection.send("CONFIG", "SET", "maxmemory", "256mb");
      connection.close();
    }
    expect((await user.run("apply")).code).toBe(0);
  });
});

test("after all that, the servers' own environment is as it was", async () => {
  const { code, stdout, stderr } = await servers.place.g2p("plan");
  expect(code, stdout + stderr).toBe(0);
});

/** Processes that work in a folder. */
function processesIn(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return readlinkSync(`/proc/${name}/cwd`) === folder ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
}
