import { randomBytes } from "node:crypto";
import pLimit from "p-limit";
import { ErrorReply } from "redis";
import { type Credential, credentialKey } from "../../model/credential.ts";
import type { Cell } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import { RedisConnection } from "./connection.ts";
import type { DesiredKeyspace } from "./desired.ts";
import { errorCode, isRefusal, messageOf } from "./failure.ts";
import { claimOf, REGISTER } from "./mark.ts";
import type { Server } from "./server.ts";

/** Should a probe key survive its own removal, the server forgets it after so many milliseconds. */
const PROBE_MS = "60000";
const CONNECT_MS = 10_000;

/** One key for each kind of value. */
const PROBE_ENDS = ["", "-number", "-list"];

/** Errors that say nothing of the right (Redis source, server.c `processCommand`). */
const UNDECIDED = new Set(["NOAUTH", "LOADING", "OOM", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS"]);

/** One thing that is tried; what the server answers to anything but a refusal means that the right is there. */
interface Attempt {
  readonly to: string;
  readonly attempt: string;
  readonly expected: Cell["expected"];
  readonly run: (connection: RedisConnection) => Promise<unknown>;
}

/**
 * Tries from every login's own connection what must work and what must be refused: its own keys and channels, those of every other
 * claim, and what would tell of or harm the whole server. Commands that would do harm are sent with an argument that the server
 * refuses only after it has looked whether they are allowed. Probe keys are deleted, by the administrator where a hole let one be made.
 *
 * @param sample most pairs of a login and another claim that are tried
 */
export async function verifyServer(
  server: Server,
  desired: readonly DesiredKeyspace[],
  context: ProviderContext,
  sample?: number,
): Promise<Cell[]> {
  const credentials = await context.credentials.read(desired);
  const probe = `g2p-verify-${randomBytes(6).toString("hex")}`;
  const pairs = thinned(
    desired.flatMap((from) => desired.filter((to) => to.keyPrefix !== from.keyPrefix).map((to) => ({ from, to }))),
    sample,
  );
  let done = 0;
  const cells = await pLimit(Math.max(1, context.concurrency)).map(desired, async (from) => {
    context.signal.throwIfAborted();
    const others = pairs.filter((pair) => pair.from === from).map((pair) => pair.to);
    const attempts = [
      ...ownAttempts(from, probe),
      ...serverAttempts(),
      ...others.flatMap((to) => othersAttempts(to, probe)),
    ];
    const found = await tryAll(server, from, credentials.get(credentialKey(from)), attempts);
    done += 1;
    context.emit({
      type: "step-progress",
      step: `verify ${context.server}`,
      done,
      total: desired.length,
      doing: from.id,
    });
    return found;
  });
  const keys = desired.flatMap((one) => PROBE_ENDS.map((end) => one.keyPrefix + probe + end));
  if (keys.length > 0) await server.connection.send("UNLINK", ...keys);
  return cells.flat();
}

/** At most `most` of them, spread evenly. */
function thinned<T>(all: readonly T[], most: number | undefined): readonly T[] {
  if (most === undefined || all.length <= most) return all;
  return Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)]).filter(
    (one) => one !== undefined,
  );
}

function ownAttempts(own: DesiredKeyspace, probe: string): Attempt[] {
  const key = own.keyPrefix + probe;
  const channel = own.channelPrefix + probe;
  const tried = (attempt: string, run: Attempt["run"]): Attempt => ({
    to: claimOf(own),
    attempt,
    expected: "allowed",
    run,
  });
  return [
    tried("write and read own keys", async (connection) => {
      const [, value] = await Promise.all([
        connection.send("SET", key, "1", "PX", PROBE_MS),
        connection.send("GET", key),
        connection.send("DEL", key),
      ]);
      if (value !== "1") throw new Error("what was written was not read");
    }),
    tried("transaction and script on own keys", async (connection) => {
      await Promise.all([
        connection.send("MULTI"),
        connection.send("INCR", `${key}-number`),
        connection.send("PEXPIRE", `${key}-number`, PROBE_MS),
        connection.send("EXEC"),
      ]);
      await connection.send("EVAL", "return redis.call('DEL', KEYS[1])", "1", `${key}-number`);
    }),
    tried("wait for own list", async (connection) => {
      await Promise.all([connection.send("LPUSH", `${key}-list`, "1"), connection.send("BRPOP", `${key}-list`, "1")]);
    }),
    tried("publish and subscribe on own channels", async (connection) => {
      await connection.send("PUBLISH", channel, "1");
      await connection.trySubscribe(channel);
    }),
    tried("listen as Celery does", (connection) => connection.tryPatternSubscribe(`${own.keyPrefix}/0.celery.pidbox`)),
    tried("ask who it is", (connection) => connection.send("ACL", "WHOAMI")),
  ];
}

function othersAttempts(other: DesiredKeyspace, probe: string): Attempt[] {
  const key = other.keyPrefix + probe;
  const channel = other.channelPrefix + probe;
  const tried = (attempt: string, run: Attempt["run"]): Attempt => ({
    to: claimOf(other),
    attempt,
    expected: "refused",
    run,
  });
  const script = (command: string) => (connection: RedisConnection) =>
    connection.send("EVAL", `return redis.pcall(${command})`, "0");
  return [
    tried("read keys", (connection) => connection.send("GET", key)),
    tried("write keys", (connection) => connection.send("SET", key, "1", "PX", PROBE_MS)),
    tried("delete keys", (connection) => connection.send("DEL", key)),
    tried("read keys by a script", script(`'GET', '${key}'`)),
    tried("write keys by a script", script(`'SET', '${key}', '1', 'PX', '${PROBE_MS}'`)),
    tried("publish", (connection) => connection.send("PUBLISH", channel, "1")),
    tried("subscribe", (connection) => connection.trySubscribe(channel)),
    tried("subscribe to a pattern", (connection) => connection.tryPatternSubscribe(`${other.channelPrefix}*`)),
  ];
}

function serverAttempts(): Attempt[] {
  const tried = (attempt: string, ...command: readonly string[]): Attempt => ({
    to: "the server",
    attempt,
    expected: "refused",
    run: (connection) => connection.send(...command),
  });
  return [
    tried("list keys", "SCAN", "0"),
    tried("list keys by pattern", "KEYS", "g2p-verify-none"),
    tried("get any key", "RANDOMKEY"),
    tried("count keys", "DBSIZE"),
    tried("list channels", "PUBSUB", "CHANNELS"),
    tried("read the marks", "HGETALL", REGISTER),
    tried("write the marks", "HDEL", REGISTER, "g2p-verify-none"),
    tried("read the configuration", "CONFIG", "GET", "port"),
    tried("list users", "ACL", "LIST"),
    tried("list connections", "CLIENT", "LIST"),
    tried("server information", "INFO", "server"),
    tried("empty the server", "FLUSHALL", "g2p-verify-none"),
    tried("empty the database", "FLUSHDB", "g2p-verify-none"),
    tried("swap databases", "SWAPDB", "0", "g2p-verify-none"),
    tried("forget scripts", "SCRIPT", "FLUSH", "g2p-verify-none"),
    tried("stop the server", "SHUTDOWN", "g2p-verify-none"),
  ];
}

async function tryAll(
  server: Server,
  from: DesiredKeyspace,
  credential: Credential | undefined,
  attempts: readonly Attempt[],
): Promise<Cell[]> {
  const who = `${from.sandbox}/${from.instance}`;
  const cell = ({ to, attempt, expected }: Attempt, actual: Cell["actual"], detail: string): Cell => {
    const judged = { service: "redis", from: who, to, attempt, expected, actual, ok: actual === expected } as const;
    return { ...judged, how: "tried", ...(detail === "" ? {} : { detail }) };
  };
  if (credential === undefined)
    return attempts.map((attempt) => cell(attempt, "error", "no credential is stored: apply first"));
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open(
      server.endpoint,
      { user: credential.username, password: credential.password },
      CONNECT_MS,
      3,
    );
    const own = connection;
    // Sent together: the server answers in this order, and a refusal of one does not stop the next.
    return await Promise.all(
      attempts.map(async (attempt) => {
        const error = await attempt.run(own).then(
          (reply) => (reply instanceof Error ? reply : undefined),
          (reason: unknown) => reason,
        );
        return cell(attempt, ...outcomeOf(attempt, error));
      }),
    );
  } catch (error) {
    return attempts.map((attempt) => cell(attempt, "error", `login failed: ${messageOf(error)}`));
  } finally {
    connection?.close();
  }
}

/** NOPERM is a refusal, also as a script passes it on; any other answer to what must be refused means that it was allowed. */
function outcomeOf({ expected }: Attempt, error: unknown): [Cell["actual"], string] {
  if (error === undefined) return ["allowed", ""];
  const text = messageOf(error);
  if (isRefusal(error)) return ["refused", "NOPERM"];
  if (expected === "refused" && error instanceof ErrorReply && !UNDECIDED.has(errorCode(error)))
    return ["allowed", `the right is there: ${text}`];
  return ["error", errorCode(error) === "" ? text : `${errorCode(error)}: ${text}`];
}
