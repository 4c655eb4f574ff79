import { describe, expect } from "vitest";
import { createClient, ErrorReply } from "redis";
import { asRef, ContractWorld, undone } from "./world.ts";
import { law } from "./laws/law.ts";
import { command, firstUser, keyPrefix, subject } from "./redis.ts";
import { contractSuite } from "./suite.ts";

type Words = readonly string[];

contractSuite(subject, (bench) => {
  describe("commands", () => {
    law(bench, "no command that we know reaches what belongs to another instance, in any database", async (world) => {
      await world.apply();
      const own = keyPrefix(world.placement);
      const other = keyPrefix(world.placement, 1);
      await command(world.endpoint, [
        ["SET", `${other}a`, "secret"],
        ["SELECT", "1"],
        ["SET", `${other}a`, "secret"],
      ]);
      for (const database of ["0", "1"])
        expect(await allowed(world, database, forbidden(own, `${other}a`))).toEqual([]);
      await command(world.endpoint, [
        ["DEL", `${other}a`],
        ["SELECT", "1"],
        ["DEL", `${other}a`],
      ]);
    });

    law(bench, "what Celery and redis-py use works", async (world) => {
      await world.apply();
      const own = keyPrefix(world.placement);
      const refused = await answers(world, "1", used(own));
      expect(refused.filter(([, answer]) => answer instanceof Error)).toEqual([]);
      await command(world.endpoint, [
        ["SELECT", "1"],
        ["DEL", ...["list", "zset", "hash", "set", "text"].map((one) => own + one)],
      ]);
    });

    law(bench, "one instance's prefix is never the beginning of another's", async (world) => {
      const prefixes = world.placement.claims.map((_, index) => keyPrefix(world.placement, index));
      for (const one of prefixes) expect(prefixes.filter((other) => other.startsWith(one))).toEqual([one]);
    });
  });

  describe("server", () => {
    law(bench, "emptying the server loses the register, and the users stay ours", async (world) => {
      await world.apply();
      await command(world.endpoint, [["FLUSHALL"]]);
      const { items } = await world.plan();
      expect(items.map((item) => item.action)).toEqual(world.ids.map(() => "update"));
      expect(items[0]?.findings.map((finding) => finding.aspect)).toEqual(["register", "commands"]);
      expect((await world.list()).length).toBe(world.ids.length);
      expect(undone((await world.apply()).items)).toEqual([]);
      await world.expectClean();
    });

    law(bench, "after it was emptied, a removal still finds its users", async (world) => {
      await world.apply();
      await command(world.endpoint, [["FLUSHALL"]]);
      expect((await world.remove(true)).map((item) => item.outcome)).toEqual(world.ids.map(() => "done"));
      expect(await world.list()).toEqual([]);
    });

    law(bench, "keys that stand below a prefix already are not ours until they are adopted", async (world) => {
      const key = `${keyPrefix(world.placement, 2)}old`;
      await command(world.endpoint, [
        ["SELECT", "3"],
        ["SET", key, "1"],
      ]);
      const { items } = await world.apply();
      expect(items.map((item) => item.action)).toEqual(["create", "create", "refuse", "create"]);
      expect(items[2]?.reason).toMatch(/is not ours: /);
      await world.remove(true);
      expect(
        await command(world.endpoint, [
          ["SELECT", "3"],
          ["EXISTS", key],
        ]),
      ).toEqual(["OK", 1]);
      expect(undone((await world.apply({ adopt: [world.ids[2]!] })).items)).toEqual([]);
      await world.expectClean();
    });

    law(bench, "an accepted difference is neither shown nor repaired, also when another one is", async (world) => {
      const accepting = {
        ...world.placement,
        claims: world.placement.claims.map((claim, index) => (index === 0 ? { ...claim, accept: ["comm*"] } : claim)),
      };
      await world.apply({ placement: accepting });
      await command(world.endpoint, [["ACL", "SETUSER", firstUser(world.placement), "+dbsize", "off"]]);
      const { items } = await world.plan({ placement: accepting });
      expect(items[0]?.findings.map((finding) => finding.aspect)).toEqual(["enabled"]);
      await world.apply({ placement: accepting });
      expect(await world.unready()).toEqual([]);
      expect(await allowed(world, "0", [["DBSIZE"]])).toEqual([["DBSIZE"]]);
      expect((await world.plan({ placement: accepting })).items[0]?.action).toBe("unchanged");
      expect((await world.plan()).items[0]?.findings.map((finding) => finding.aspect)).toEqual(["commands"]);
    });

    law(bench, "a removal without data forgets claims that hold none", async (world) => {
      await world.apply();
      await world.writeData();
      const items = await world.remove(false);
      expect(items.map((item) => item.action)).toEqual(["retain", "remove", "remove", "remove"]);
      expect(items[0]?.reason).toContain("2 keys");
      expect((await world.list()).map((one) => one.name)).toEqual([firstUser(world.placement)]);
    });

    law(
      bench,
      "two environments that begin at the same time with the same names: each name has one holder",
      async (world) => {
        const environment = { id: "delta-id", name: "delta" };
        const other = await ContractWorld.open(subject, world.endpoint, { environment });
        const [mine, theirs] = await Promise.all([world.apply(), other.apply()]);
        const done = (items: typeof mine.items) =>
          items.map((item) => item.action !== "refuse" && item.outcome === "done");
        const [a, b] = [done(mine.items), done(theirs.items)];
        expect(a.map((one, index) => Number(one) + Number(b[index]))).toEqual(world.ids.map(() => 1));
        for (const [index, claim] of world.placed.entries())
          expect((await (a[index] ? world : other).check(claim)).state).toBe("ready");
        expect(await other.close()).toEqual([]);
      },
    );

    law(bench, "thousands of keys in several databases go with their claim, and others' stay", async (world) => {
      await world.apply();
      const [own, other] = [keyPrefix(world.placement), keyPrefix(world.placement, 1)];
      const fill = `for i = 1, 5000 do redis.call('SET', ARGV[1] .. i .. '\\255', i) end`;
      const filled = [own, other].map((prefix) => ["EVAL", fill, "0", prefix]);
      await command(world.endpoint, [...filled, ["SELECT", "5"], ...filled]);
      const planned = await world.planRemoval(true);
      expect(planned[0]?.reason).toBe("10000 keys");
      const { remove } = await import("../../src/engine/teardown.ts");
      await remove([world.place()], { scope: { sandbox: "dev", instance: "bridge" }, deleteData: true }, () => {});
      const sizes = await command(world.endpoint, [["DBSIZE"], ["SELECT", "5"], ["DBSIZE"]]);
      // The other's keys, and in database 0 the register.
      expect(sizes).toEqual([5_001, "OK", 5_000]);
    });
  });
});

/** What each command answers to the first claim's login in one database; errors are answers. */
async function answers(
  world: ContractWorld<"redis">,
  database: string,
  commands: readonly Words[],
): Promise<(readonly [Words, unknown])[]> {
  const { username, password } = await world.credential(asRef(world.placed[0]!));
  const [first] = world.endpoint.hosts;
  const client = createClient({
    socket: { ...first!, reconnectStrategy: false },
    username,
    password: password.reveal(),
  });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.sendCommand(["SELECT", database]);
    const found: (readonly [Words, unknown])[] = [];
    for (const words of commands)
      found.push([words, await client.sendCommand([...words]).catch((error: unknown) => error)]);
    return found;
  } finally {
    client.destroy();
  }
}

/** Those of the commands that the server did not refuse for want of rights. */
async function allowed(world: ContractWorld<"redis">, database: string, commands: readonly Words[]): Promise<Words[]> {
  return (await answers(world, database, commands))
    .filter(
      ([, answer]) =>
        !(
          answer instanceof ErrorReply &&
          /NOPERM|No permissions|ACL failure in script|user executing the script can't/.test(answer.message)
        ),
    )
    .map(([words]) => words);
}

function forbidden(own: string, other: string): Words[] {
  const script = (body: string, ...keys: string[]) => ["EVAL", body, String(keys.length), ...keys];
  return [
    ["GET", other],
    ["GETDEL", other],
    ["EXISTS", other],
    ["TYPE", other],
    ["TTL", other],
    ["DUMP", other],
    ["OBJECT", "ENCODING", other],
    ["MEMORY", "USAGE", other],
    ["STRLEN", other],
    ["SET", other, "1"],
    ["APPEND", other, "1"],
    ["DEL", other],
    ["UNLINK", other],
    ["EXPIRE", other, "1"],
    ["PERSIST", other],
    ["RENAME", other, `${own}x`],
    ["RENAME", `${own}x`, other],
    ["COPY", other, `${own}x`],
    ["COPY", `${own}x`, other],
    ["MOVE", other, "2"],
    ["TOUCH", other],
    ["WATCH", other],
    ["MGET", `${own}x`, other],
    ["MSET", `${own}x`, "1", other, "1"],
    ["BITOP", "OR", `${own}x`, other],
    ["SUNIONSTORE", `${own}x`, other],
    ["ZUNIONSTORE", `${own}x`, "1", other],
    ["PFMERGE", `${own}x`, other],
    ["LMOVE", other, `${own}x`, "LEFT", "LEFT"],
    ["BRPOP", other, "0.01"],
    ["XREAD", "STREAMS", other, "0"],
    ["XADD", other, "*", "a", "1"],
    ["SORT", `${own}x`, "BY", "nosort", "GET", other],
    ["RESTORE", other, "0", "x"],
    ["MIGRATE", "127.0.0.1", "1", other, "0", "10"],
    script("return redis.call('GET', KEYS[1])", other),
    script(`return redis.call('GET', '${other}')`),
    script(`return redis.call('SET', '${other}', '1')`),
    script(`return redis.call('SCAN', '0')`),
    script(`return redis.call('KEYS', '*')`),
    script(`return redis.call('FLUSHALL')`),
    ["SCAN", "0"],
    ["SCAN", "0", "MATCH", `${own}*`],
    ["KEYS", `${own}*`],
    ["RANDOMKEY"],
    ["DBSIZE"],
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["SWAPDB", "0", "1"],
    ["PUBLISH", other, "1"],
    ["PUBSUB", "CHANNELS"],
    ["PUBSUB", "NUMSUB", other],
    ["PUBLISH", "__keyevent@0__:set", "1"],
    ["CLIENT", "TRACKING", "ON", "BCAST"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["CLIENT", "PAUSE", "1"],
    ["CONFIG", "GET", "*"],
    ["CONFIG", "SET", "maxmemory", "1"],
    ["ACL", "LIST"],
    ["ACL", "USERS"],
    ["ACL", "GETUSER", "default"],
    ["ACL", "SETUSER", "default", "on"],
    ["ACL", "LOG"],
    ["HGETALL", "g2p:marks"],
    ["DEL", "g2p:marks"],
    ["INFO"],
    ["MONITOR"],
    ["SLOWLOG", "GET"],
    ["SCRIPT", "FLUSH"],
    ["SCRIPT", "KILL"],
    ["FUNCTION", "LIST"],
    ["FUNCTION", "FLUSH"],
    ["FCALL", "f", "0"],
    ["MODULE", "LIST"],
    ["LATENCY", "LATEST"],
    ["CLUSTER", "INFO"],
    ["REPLICAOF", "NO", "ONE"],
    ["SHUTDOWN", "NOSAVE"],
    ["SAVE"],
    ["BGSAVE"],
    ["ROLE"],
  ];
}

/** Commands of kombu's Redis transport, Celery's result backend, and redis-py's connections, locks and caches. */
function used(own: string): Words[] {
  return [
    ["PING"],
    ["ACL", "WHOAMI"],
    ["CLIENT", "SETNAME", "celery"],
    ["CLIENT", "GETNAME"],
    ["CLIENT", "ID"],
    ["ECHO", "1"],
    ["LPUSH", `${own}list`, "1", "2"],
    ["BRPOP", `${own}list`, "1"],
    ["LLEN", `${own}list`],
    ["LRANGE", `${own}list`, "0", "-1"],
    ["SADD", `${own}set`, "a"],
    ["SMEMBERS", `${own}set`],
    ["SSCAN", `${own}set`, "0"],
    ["ZADD", `${own}zset`, "1", "a"],
    ["ZREVRANGEBYSCORE", `${own}zset`, "+inf", "0", "LIMIT", "0", "1"],
    ["ZREM", `${own}zset`, "b"],
    ["HSET", `${own}hash`, "a", "1"],
    ["HGET", `${own}hash`, "a"],
    ["HSCAN", `${own}hash`, "0"],
    ["WATCH", `${own}text`],
    ["MULTI"],
    ["SETEX", `${own}text`, "60", "1"],
    ["PUBLISH", `${own}text`, "1"],
    ["EXPIRE", `${own}text`, "60"],
    ["EXEC"],
    ["UNWATCH"],
    ["SET", `${own}text`, "1", "NX", "PX", "1000"],
    ["MGET", `${own}text`, `${own}other`],
    ["SCRIPT", "LOAD", "return 1"],
    ["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
    ["EVAL", "return redis.call('GET', KEYS[1])", "1", `${own}text`],
    ["DEL", `${own}other`],
    ["TIME"],
    ["COMMAND", "COUNT"],
  ];
}
