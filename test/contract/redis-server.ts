import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RedisEndpoint } from "../../src/model/endpoint.ts";
import { Secret } from "../../src/model/secret.ts";
import { RedisConnection } from "../../src/providers/redis/connection.ts";
import { until } from "../../src/targets/embedded/until.ts";
import { freePort } from "../support/port.ts";

const READY_MS = 30_000;

/** A server with settings of one's own, and the default user as its administrator. */
export interface OwnServer {
  readonly endpoint: RedisEndpoint;
  /** Ends it, by SIGKILL or as it wants to; its files stay. */
  stop(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/**
 * Starts `redis-server` of the PATH.
 *
 * @param settings further lines of redis.conf
 * @param tls where given, it listens with TLS only
 */
export async function ownServer(
  dir: string,
  settings: readonly string[],
  tls?: { readonly certificate: string; readonly key: string; readonly caFile: string },
): Promise<OwnServer> {
  const port = await freePort();
  const password = "administrators-password-1";
  await mkdir(dir, { recursive: true });
  const file = (name: string) => join(dir, name);
  const secure = [
    `port 0`,
    `tls-port ${port}`,
    `tls-cert-file ${file("cert.pem")}`,
    `tls-key-file ${file("key.pem")}`,
    "tls-auth-clients no",
  ];
  if (tls !== undefined) {
    await writeFile(file("cert.pem"), tls.certificate);
    await writeFile(file("key.pem"), tls.key);
  }
  const lines = [
    "bind 127.0.0.1",
    `dir ${dir}`,
    'save ""',
    `requirepass ${password}`,
    ...(tls ? secure : [`port ${port}`]),
    ...settings,
  ];
  await writeFile(file("redis.conf"), `${lines.join("\n")}\n`);
  const endpoint: RedisEndpoint = {
    service: "redis",
    scope: "",
    hosts: [{ host: "127.0.0.1", port }],
    tls: tls !== undefined,
    ...(tls === undefined ? {} : { caFile: tls.caFile }),
    path: "",
    user: "default",
    password: new Secret(password),
  };
  let child: ReturnType<typeof spawn> | undefined;
  const start = async () => {
    child = spawn("redis-server", [file("redis.conf")], { cwd: dir, stdio: "ignore" });
    const ready = await until(async () => ((await answers(endpoint)) ? true : undefined), READY_MS);
    if (ready === true) return;
    child.kill("SIGKILL");
    throw new Error("redis-server did not start");
  };
  await start();
  return {
    endpoint,
    start,
    stop: async (signal = "SIGTERM") => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    },
  };
}

async function answers(endpoint: RedisEndpoint): Promise<boolean> {
  try {
    const connection = await RedisConnection.open(endpoint, endpoint, 2_000);
    await connection.send("PING").finally(() => connection.close());
    return true;
  } catch {
    return false;
  }
}
