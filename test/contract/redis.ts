import { join } from "node:path";
import { createClient } from "redis";
import type { RedisEndpoint } from "../../src/model/endpoint.ts";
import { MAIN, name } from "../../src/naming/name.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { redis } from "../../src/providers/redis/provider.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { redisEngine } from "../../src/targets/embedded/redis.ts";
import type { Damage, Subject } from "./subject.ts";

const INSTANCES = [
  { sandbox: "dev", instance: "bridge" },
  { sandbox: "dev", instance: "bridge-2" },
  { sandbox: "dev", instance: "pbms" },
  { sandbox: "test", instance: "bridge" },
] as const;

const FIRST = "redis/dev/bridge/cache";

/** Runs commands, each a line of words, as the server's administrator or another user. */
export async function command(
  endpoint: RedisEndpoint,
  commands: readonly (readonly string[])[],
  who?: { readonly user: string; readonly password: string },
): Promise<unknown[]> {
  const [first] = endpoint.hosts;
  const client = createClient({
    RESP: 2,
    socket: { ...first!, reconnectStrategy: false },
    username: who?.user ?? endpoint.user,
    password: who?.password ?? endpoint.password.reveal(),
  });
  client.on("error", () => {});
  await client.connect();
  try {
    const replies: unknown[] = [];
    for (const words of commands) replies.push(await client.sendCommand([...words]));
    return replies;
  } finally {
    client.destroy();
  }
}

/** Name of the user of the placement's first claim. */
export function firstUser(placement: Placement<"redis">): string {
  const { sandbox, instance, claim } = placement.claims[0]!;
  return name({ prefix: placement.prefix, service: "redis", kind: "user", sandbox, instance, claim }).name;
}

/** Key prefix of the claim with this index. */
export function keyPrefix(placement: Placement<"redis">, index = 0): string {
  const { sandbox, instance } = placement.claims[index]!;
  const tuple = { prefix: placement.prefix, service: "redis", sandbox, instance, claim: MAIN } as const;
  return name({ ...tuple, kind: "key-prefix" }).name;
}

/** Something an administrator did to the first claim's user. */
function done(
  title: string,
  aspect: RegExp,
  words: (user: string, placement: Placement<"redis">) => readonly string[],
  opens = false,
): Damage<"redis"> {
  return {
    name: title,
    item: FIRST,
    shows: "update",
    aspect,
    opens,
    make: async (endpoint, placement) => {
      await command(endpoint, [words(firstUser(placement), placement)]);
    },
  };
}

const setUser =
  (...rules: readonly string[]) =>
  (user: string) => ["ACL", "SETUSER", user, ...rules];

/** Redis, with the server that embedded environments use. */
export const subject: Subject<"redis"> = {
  service: "redis",
  module: import.meta.url,
  provider: redis,

  async start(dir) {
    const options = { stateDir: join(dir, "state"), scope: "" };
    const { endpoint } = await startEngine(redisEngine, { ...options, input: undefined, emit: () => {} });
    return {
      endpoint,
      stop: async () => {
        if (!(await stopEngine(redisEngine, options))) throw new Error("the server did not run any more");
      },
    };
  },

  placement: (id, prefix) => ({
    environment: { id, name: "contract" },
    prefix,
    claims: INSTANCES.map((one) => ({
      ...one,
      claim: "cache",
      kind: "keyspace",
      service: "redis",
      spec: {},
      accept: [],
      position: { file: "g2p.yaml", line: 1, column: 1 },
    })),
    accesses: [],
  }),

  damages: [
    done("a user was switched off", /^enabled$/, setUser("off")),
    done("a user's password was changed", /^password$/, setUser("resetpass", ">hand-made")),
    done("a second password was added", /^password:extra$/, setUser(">hand-made")),
    done("a user lets any password in", /^password:none$/, setUser("nopass")),
    done("a user may use every key", /^keys$/, setUser("allkeys"), true),
    done(
      "a user may use another instance's keys",
      /^keys$/,
      (user, placement) => ["ACL", "SETUSER", user, `~${keyPrefix(placement, 1)}*`],
      true,
    ),
    done(
      "a user may only read another instance's keys",
      /^keys$/,
      (user, placement) => ["ACL", "SETUSER", user, `%R~${keyPrefix(placement, 3)}*`],
      true,
    ),
    done("a user may use every channel", /^(mark|channels)$/m, setUser("allchannels"), true),
    done(
      "a user may listen to another instance's channels",
      /^channels$/,
      (user, placement) => ["ACL", "SETUSER", user, `&${keyPrefix(placement, 2)}*`],
      true,
    ),
    done("a further set of rights opens all keys", /^selectors$/, setUser("(~* +@all)"), true),
    done("a user may list all keys", /^commands$/, setUser("+scan"), true),
    done("a user may administer", /^commands$/, setUser("+@admin"), true),
    done("a user may do less than it should", /^commands$/, setUser("-@list")),
    done("payloads are not looked at", /^payload$/, setUser("skip-sanitize-payload")),
    done("a user's mark was taken away", /^mark$/m, (user, placement) => [
      "ACL",
      "SETUSER",
      user,
      "resetchannels",
      `&${keyPrefix(placement)}*`,
    ]),
    done("a user was deleted", /^user$/, (user) => ["ACL", "DELUSER", user]),
    done("the register lost an entry", /^register$/m, (user) => ["HDEL", "g2p:marks", user]),
    done("a change was not finished", /^commands$/, (user, placement) => [
      "HSET",
      "g2p:marks",
      user,
      JSON.stringify({
        environment: placement.environment,
        sandbox: "dev",
        instance: "bridge",
        claim: "cache",
        keyPrefix: keyPrefix(placement),
      }),
    ]),
  ],

  async foreign(endpoint, placement) {
    const user = firstUser(placement);
    await command(endpoint, [["ACL", "SETUSER", user, "on", ">somebody-else", "~other*", "+get"]]);
    return {
      item: FIRST,
      remove: async () => {
        await command(endpoint, [["ACL", "DELUSER", user]]);
      },
    };
  },

  async writeData(endpoint, placement, user, password) {
    const key = `${keyPrefix(placement)}kept`;
    await command(
      endpoint,
      [
        ["SET", key, "1"],
        ["SELECT", "1"],
        ["HSET", key, "field", "1"],
      ],
      { user, password },
    );
  },

  async hasData(endpoint, placement) {
    const key = `${keyPrefix(placement)}kept`;
    const found = await command(endpoint, [
      ["EXISTS", key],
      ["SELECT", "1"],
      ["EXISTS", key],
    ]);
    return found[0] === 1 && found[2] === 1;
  },

  async snapshot(endpoint) {
    const [users, register, zero, , one, info] = await command(endpoint, [
      ["ACL", "LIST"],
      ["HGETALL", "g2p:marks"],
      ["KEYS", "*"],
      ["SELECT", "1"],
      ["KEYS", "*"],
      ["INFO", "keyspace"],
    ]);
    const databases = String(info).replaceAll(/:keys=.*/g, "");
    return {
      // Passwords are random, and rules are printed in no stable order.
      users: (users as string[])
        .map((line) =>
          line
            .replaceAll(/#[0-9a-f]{64}/g, "#…")
            .split(" ")
            .sort()
            .join(" "),
        )
        .sort(),
      register: pairs(register as string[]),
      keys: [(zero as string[]).toSorted(), (one as string[]).toSorted()],
      databases,
    };
  },

  async writes(endpoint) {
    const [stats] = await command(endpoint, [["INFO", "commandstats"]]);
    const writing = /^cmdstat_(acl\|setuser|acl\|deluser|acl\|save|hset|hsetnx|hdel|set|unlink|del):calls=(\d+)/gm;
    return [...String(stats).matchAll(writing)].reduce((sum, match) => sum + Number(match[2]), 0);
  },
};

/** Fields of a hash in a stable order; printed rules are in none. */
function pairs(list: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = 0; at < list.length; at += 2)
    found.push(
      `${list[at]}: ${(list[at + 1] ?? "").replace(/"printed":"([^"]*)"/, (_, rules: string) => rules.split(" ").sort().join(" "))}`,
    );
  return found.sort();
}
