import { chmod, chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createHash } from "node:crypto";
import writeFileAtomic from "write-file-atomic";
import { RedisConnection } from "../../providers/redis/connection.ts";
import { readIfThere } from "../create-once.ts";
import type { RedisEndpoint } from "../../model/endpoint.ts";
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { findProgram } from "./find-program.ts";

const PROGRAM = "redis-server";
const ADMIN = "g2p_admin";
const ATTEMPT_MS = 2_000;

/**
 * Redis as the system's own package brings it. The default user is off, so that nobody comes in without a name; users are kept in an ACL
 * file, and every write is in the append-only file after a second at most, so that SIGKILL loses next to nothing.
 */
export const redisEngine: Engine<"redis"> = {
  service: "redis",
  title: "Redis",
  extraPorts: [],
  readyTimeoutMs: 60_000,

  async missing() {
    return (await findProgram(PROGRAM)) === undefined
      ? "redis-server is not on PATH; install Redis 6.2 or newer, e.g. `apt-get install redis-server`"
      : undefined;
  },

  /** Nothing to install: the program is the system's. */
  async install() {
    return "";
  },

  async prepare(setup) {
    const { dataDir } = setup;
    const users = join(dataDir, "users.acl");
    const kept = (await readIfThere(users)) ?? "";
    // The administrator's password may have been made anew beside the data; everybody else stays as the server wrote them.
    const others = kept.split("\n").filter((line) => !/^user (default|g2p_admin) /.test(line) && line.trim() !== "");
    await writeFileAtomic(users, [usersFile(setup).trimEnd(), ...others, ""].join("\n"), { mode: 0o600 });
    const configuration = join(dataDir, "redis.conf");
    await writeFile(configuration, configurationFile(setup), { mode: 0o600 });
    await chmod(configuration, 0o600);
    if (setup.user !== undefined)
      for (const file of [users, configuration]) await chown(file, setup.user.uid, setup.user.gid);
    const program = await findProgram(PROGRAM);
    return { program: program ?? PROGRAM, args: [configuration], env: {} };
  },

  async isReady(setup) {
    let connection: RedisConnection | undefined;
    try {
      connection = await RedisConnection.open(
        redisEngine.endpoint(setup),
        { user: ADMIN, password: setup.password },
        ATTEMPT_MS,
      );
      // While it reads its data, it lets users in and refuses this with LOADING.
      await connection.send("EXISTS", "g2p:marks");
      return true;
    } catch {
      return false;
    } finally {
      connection?.close();
    }
  },

  endpoint(setup): RedisEndpoint {
    return {
      service: "redis",
      scope: "",
      hosts: [{ host: "127.0.0.1", port: portOf(setup) }],
      tls: false,
      path: "",
      user: ADMIN,
      password: setup.password,
    };
  },
};

function portOf({ ports }: Pick<EngineSetup<undefined>, "ports">): number {
  return ports["main"] ?? 0;
}

/** The first users; the password stands there as its hash. */
function usersFile({ password }: EngineSetup<undefined>): string {
  const hash = createHash("sha256").update(password.reveal()).digest("hex");
  return [`user default reset off`, `user ${ADMIN} on #${hash} ~* &* +@all`, ""].join("\n");
}

/** Redis docs, redis.conf. */
function configurationFile(setup: EngineSetup<undefined>): string {
  const { dataDir } = setup;
  const path = (name: string) => JSON.stringify(join(dataDir, name));
  return [
    "bind 127.0.0.1",
    `port ${portOf(setup)}`,
    "protected-mode yes",
    "daemonize no",
    `dir ${JSON.stringify(dataDir)}`,
    `aclfile ${path("users.acl")}`,
    "acllog-max-len 128",
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    "maxmemory 256mb",
    // A broker's queues must not be thrown away to make room.
    "maxmemory-policy noeviction",
    "",
  ].join("\n");
}
