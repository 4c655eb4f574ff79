import type { RedisEndpoint } from "../../model/endpoint.ts";
import { RefusedError, ServiceError } from "../../model/error.ts";
import { listOf, mapOf, RedisConnection, textOf } from "./connection.ts";
import { errorCode, toFailure } from "./failure.ts";
import { LEAKY_CATEGORIES, OLDEST, type ServerVersion } from "./rules.ts";

/** A server as its administrator sees it. */
export interface Server {
  readonly endpoint: RedisEndpoint;
  /** As in messages: `redis` or `redis/dev`. */
  readonly id: string;
  readonly connection: RedisConnection;
  readonly version: ServerVersion;
  /**
   * Where users are kept: in a file that ACL SAVE writes, or in memory only, so that they are gone after a restart; `unknown` where the
   * administrator may not ask.
   */
  readonly users: "file" | "memory" | "unknown";
}

/**
 * Connects the administrator and looks what kind of server it is.
 *
 * @throws ServiceError when it cannot be reached or refuses the administrator; RefusedError `REDIS_VERSION` for one that is too old,
 * `REDIS_CLUSTER` for a member of a cluster, whose users each member has for itself
 */
export async function openServer(endpoint: RedisEndpoint, id: string): Promise<Server> {
  const doing = `Connecting to ${id} at ${addressOf(endpoint)}`;
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open(endpoint, endpoint);
    const info = await connection.send("INFO", "server");
    const facts = new Map(
      textOf(info)
        .split(/\r?\n/)
        .map((line) => [line.split(":", 1)[0] ?? "", line.slice(line.indexOf(":") + 1)]),
    );
    if (facts.get("redis_mode") === "cluster")
      throw new RefusedError(
        `${doing} failed: it is a member of a Redis cluster, expected a single server. Nothing was changed.`,
        {
          code: "REDIS_CLUSTER",
          resource: id,
          hint: "Point g2p.yaml at a server that is not in cluster mode.",
        },
      );
    const version = await versionOf(connection, facts.get("redis_version") ?? "", doing, id);
    return { endpoint, id, connection, version, users: await whereUsersAre(connection) };
  } catch (error) {
    connection?.close();
    throw toFailure(error, doing, id);
  }
}

/** `host:port`. */
export function addressOf({ hosts: [first] }: RedisEndpoint): string {
  const host = first?.host.includes(":") ? `[${first.host}]` : first?.host;
  return `${host}:${first?.port}`;
}

async function versionOf(connection: RedisConnection, text: string, doing: string, id: string): Promise<ServerVersion> {
  const [, major = 0, minor = 0] = (/^(\d+)\.(\d+)/.exec(text) ?? []).map(Number);
  if (text === "")
    throw new ServiceError(`${doing} failed: it does not tell its version, expected Redis or Valkey.`, {
      code: "REDIS_NOT_REDIS",
      resource: id,
      hint: "Correct host and port in g2p.yaml.",
    });
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor))
    throw new RefusedError(
      `${doing} failed: it is version ${text}, expected ${OLDEST.major}.${OLDEST.minor} or newer, since older ones cannot keep users from each other's channels. Nothing was changed.`,
      { code: "REDIS_VERSION", resource: id, hint: "Upgrade the server." },
    );
  const categories = major < 8 ? [] : listOf(await connection.send("ACL", "CAT")).map(textOf);
  return { text, major, minor, leakyCategories: LEAKY_CATEGORIES.filter((one) => categories.includes(one)) };
}

/** CONFIG is denied to administrators of many hosted servers, which keep users by other means. */
async function whereUsersAre(connection: RedisConnection): Promise<Server["users"]> {
  try {
    const file = textOf(mapOf(await connection.send("CONFIG", "GET", "aclfile")).get("aclfile"));
    return file === "" ? "memory" : "file";
  } catch (error) {
    if (errorCode(error) === "NOPERM" || /unknown command/i.test(String(error))) return "unknown";
    throw error;
  }
}
