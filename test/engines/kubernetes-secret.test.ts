import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findProgram } from "../../src/targets/embedded/find-program.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { redisEngine } from "../../src/targets/embedded/redis.ts";
import { until } from "../../src/targets/embedded/until.ts";
import { makePlace, type Place } from "../cli/harness.ts";
import { type FaultyPort, startFaultyPort } from "../support/faulty-port.ts";
import { freePort } from "../support/port.ts";

const programs = { etcd: await findProgram("etcd"), apiserver: await findProgram("kube-apiserver") };
const isHere = programs.etcd !== undefined && programs.apiserver !== undefined;
if (!isHere)
  console.warn(
    "NOT TESTED: secrets from Kubernetes. `etcd` (Debian etcd-server) and `kube-apiserver` (go build k8s.io/kubernetes/cmd/kube-apiserver) must be on PATH.",
  );

const PASSWORD_KEY = "redis-password";
const CA_KEY = "ca.crt";

describe.skipIf(!isHere)("secrets from a real Kubernetes", () => {
  const children: ChildProcess[] = [];
  let dir: string;
  let kubeconfig: (user: string) => string;
  let redisPort: FaultyPort;
  let password: string;
  const places: Place[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "g2p-kubernetes-"));
    const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "ignore" });
    const subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", "key", "-out", "crt");
    const secure = { key: readFileSync(join(dir, "key"), "utf8"), cert: readFileSync(join(dir, "crt"), "utf8") };
    const options = { stateDir: join(dir, "state"), scope: "", input: undefined, emit: () => {} };
    const { endpoint } = await startEngine(redisEngine, options);
    password = endpoint.password.reveal();
    redisPort = await startFaultyPort(endpoint.hosts[0]?.port ?? 0, secure);
    const config = await startKubernetes();
    await fill(config, secure.cert);
  }, 180_000);

  afterAll(async () => {
    for (const place of places) rmSync(place.dir, { recursive: true, force: true });
    for (const child of children.toReversed()) {
      child.kill("SIGTERM");
      if (child.exitCode === null) await new Promise((resolve) => child.once("exit", resolve));
    }
    await redisPort?.close();
    await stopEngine(redisEngine, { stateDir: join(dir, "state"), scope: "" });
    rmSync(dir, { recursive: true, force: true });
  });

  /** Starts etcd and an API server on free ports of this machine; gives the configuration of an administrator. */
  async function startKubernetes(): Promise<KubeConfig> {
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
    const store = `http://127.0.0.1:${client}`;
    const run = (program: string | undefined, args: readonly string[]) =>
      children.push(spawn(program ?? "", args, { cwd: dir, stdio: "ignore" }));
    run(programs.etcd, [
      "--data-dir=etcd",
      `--listen-client-urls=${store}`,
      `--advertise-client-urls=${store}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      "--unsafe-no-fsync",
    ]);
    const tokens = { admin: randomBytes(16).toString("hex"), nobody: randomBytes(16).toString("hex") };
    writeFileSync(
      join(dir, "tokens.csv"),
      `${tokens.admin},admin,admin,system:masters\n${tokens.nobody},nobody,nobody\n`,
      { mode: 0o600 },
    );
    run(programs.apiserver, [
      `--etcd-servers=${store}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      "--service-cluster-ip-range=10.96.0.0/24",
      "--authorization-mode=RBAC",
      "--token-auth-file=tokens.csv",
      "--tls-cert-file=crt",
      "--tls-private-key-file=key",
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-account-key-file=key",
      "--service-account-signing-key-file=key",
    ]);
    kubeconfig = (user) => {
      const file = join(dir, `${user}.kubeconfig`);
      const cluster = `{name: c, cluster: {server: "https://127.0.0.1:${port}", certificate-authority: ${join(dir, "crt")}}}`;
      const token = tokens[user as keyof typeof tokens];
      writeFileSync(
        file,
        `apiVersion: v1\nkind: Config\nclusters: [${cluster}]\nusers: [{name: u, user: {token: "${token}"}}]\ncontexts: [{name: x, context: {cluster: c, user: u, namespace: commons}}]\ncurrent-context: x\n`,
        { mode: 0o600 },
      );
      return file;
    };
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig("admin"));
    const roles = () => config.makeApiClient(RbacAuthorizationV1Api).listClusterRole();
    const isUp = await until(
      async () => ((await roles().catch(() => undefined))?.items.length ?? 0) > 0 || undefined,
      120_000,
    );
    if (isUp === undefined) throw new Error("Kubernetes did not come up within 120 s");
    return config;
  }

  async function fill(config: KubeConfig, ca: string): Promise<void> {
    const core = config.makeApiClient(CoreV1Api);
    await core.createNamespace({ body: { metadata: { name: "commons" } } });
    const stringData = { [PASSWORD_KEY]: password, [CA_KEY]: ca };
    await core.createNamespacedSecret({ namespace: "commons", body: { metadata: { name: "redis" }, stringData } });
  }

  /** An environment whose administrator's password and authority are in a Secret. */
  function user(
    settings: { readonly kubeconfig?: string; readonly secret?: string; readonly key?: string } = {},
  ): Place {
    const { secret = "redis", key = PASSWORD_KEY } = settings;
    const place = makePlace(
      `apiVersion: g2p.dev/v1
environment: user
commons:
  redis:
    mode: external
    endpoint: "rediss://127.0.0.1:${redisPort.port}"
    ca: { secret: { name: redis, key: ${CA_KEY} } }
    admin: { user: g2p_admin, passwordFrom: { secret: { name: ${secret}, key: ${key} } } }
sandboxes: [{ name: dev, modules: [./app.yaml] }]
`,
      { KUBECONFIG: settings.kubeconfig ?? kubeconfig("admin") },
    );
    writeFileSync(
      join(place.dir, "app.yaml"),
      "apiVersion: g2p.dev/v1\nkind: Module\nmodule: app\ntitle: App\nclaims: { cache: { service: redis } }\n",
    );
    places.push(place);
    return place;
  }

  test("administrator's password and authority are taken from it, and shown nowhere", async () => {
    const place = user();
    for (const command of ["apply", "plan", "verify", "wait"]) {
      const { code, stdout, stderr } = await place.g2p(command);
      expect(code, stdout + stderr).toBe(0);
      expect(stdout + stderr).not.toContain(password);
    }
  });

  test.each([
    ["no such Secret", { secret: "other" }, "SECRET_MISSING", /commons\/other.*is not there/],
    ["no such key", { key: "other" }, "SECRET_MISSING", /has no key other.*redis-password/],
  ])("%s is said to be missing", async (_, settings, code, message) => {
    expect(await user(settings).json("apply")).toMatchObject({
      code: 1,
      data: { code, message: expect.stringMatching(message) },
    });
  });

  test("an account without the right to read it is told so", async () => {
    expect(await user({ kubeconfig: kubeconfig("nobody") }).json("apply")).toMatchObject({
      code: 1,
      data: { code: "SECRET_MISSING", message: expect.stringMatching(/may not be read by you/) },
    });
  });

  test("a cluster that does not answer is an error of its own", async () => {
    const file = join(dir, "gone.kubeconfig");
    const text = readFileSync(kubeconfig("admin"), "utf8");
    writeFileSync(file, text.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${await freePort()}`));
    expect(await user({ kubeconfig: file }).json("apply")).toMatchObject({
      code: 1,
      data: { code: "KUBERNETES_UNREACHABLE" },
    });
  });
});
