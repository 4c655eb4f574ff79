import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crash } from "../support/crash.ts";
import { CLAIMS, COMBINATIONS, leftAfterRemove, runKilled, said, troublesAfterApply } from "../support/kill.ts";
import { disagreements, openWorld, type World } from "../support/world.ts";

const REMOVE = ["remove", "dev", "--delete-data", "--yes"];
const FARM = "faults___dev__farm";

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;
  let base = "";

  beforeAll(async () => {
    world = await openWorld({ version, as });
    const [row] = await world.sql<{ data_directory: string }>("SHOW data_directory");
    base = join(row?.data_directory ?? "", "base");
  }, 90_000);

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  /** Runs a command during which the whole server is killed: with `at` just sent, once `moment` has come. */
  async function crashDuring(at: RegExp, moment: () => Promise<void>, ...args: string[]) {
    world.proxy.arm({
      at,
      when: "sent",
      act: async () => {
        await moment();
        crash(world.server);
        return "cut" as const;
      },
    });
    const ended = await world.g2p(...args);
    const { sprung } = world.proxy;
    await world.proxy.disarm();
    await world.server.restart();
    return { ...ended, sprung };
  }

  const atOnce = () => Promise.resolve();
  /** Waits until the server has made or removed a database's directory. */
  const directoriesChange = async () => {
    const before = readdirSync(base).length;
    const end = performance.now() + 2_000;
    while (readdirSync(base).length === before && performance.now() < end) await new Promise(setImmediate);
  };

  test.each([
    ["at its start", atOnce],
    ["in its midst", directoriesChange],
  ])(
    "a server killed during CREATE DATABASE, %s, fails the apply, and the next completes it",
    async (_, moment) => {
      await world.reset();
      const ended = await crashDuring(new RegExp(`CREATE DATABASE "${FARM}"`), moment, "apply");
      expect(ended).toMatchObject({ code: 1, sprung: true });
      expect(ended.stdout + ended.stderr).toMatch(/connection was cut|nothing listens|starting up/);
      expect(await troublesAfterApply(world)).toEqual([]);
    },
    60_000,
  );

  test.each([
    ["at its start", atOnce],
    ["in its midst", directoriesChange],
  ])(
    "a server killed during DROP DATABASE, %s, fails the remove, and the next completes it",
    async (_, moment) => {
      await world.g2p("apply");
      const ended = await crashDuring(new RegExp(`DROP DATABASE IF EXISTS "${FARM}"`), moment, ...REMOVE);
      expect(ended).toMatchObject({ code: 1, sprung: true });
      expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
    },
    60_000,
  );

  /** Makes a database what an interrupted DROP leaves. */
  const breakDatabase = () => world.sql(`UPDATE pg_database SET datconnlimit = -2 WHERE datname = '${FARM}'`);

  test("a database broken by an interrupted DROP is dropped by the next remove", async () => {
    await world.g2p("apply");
    await runKilled(world, { at: new RegExp(`DROP DATABASE IF EXISTS "${FARM}"`), when: "before" }, ...REMOVE);
    await breakDatabase();
    expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
  }, 60_000);

  test("a database broken by an interrupted DROP is made anew by an apply when its removal had begun", async () => {
    await world.g2p("apply");
    await runKilled(world, { at: new RegExp(`DROP DATABASE IF EXISTS "${FARM}"`), when: "before" }, ...REMOVE);
    await breakDatabase();
    expect(await troublesAfterApply(world)).toEqual([]);
  }, 60_000);

  test("a database in use that somebody's DROP broke is refused as lost, and made anew, empty, with --recreate", async () => {
    await world.g2p("apply");
    await breakDatabase();
    const refused = await world.g2p("apply");
    expect(refused.code, said("apply", refused)).toBe(3);
    expect(refused.stdout.replace(/\s+/g, " ")).toMatch(
      /says that database "faults___dev__farm" is in use, but it is broken.*--recreate/,
    );
    expect((await world.g2p("plan")).code).toBe(3);
    expect(await troublesAfterApply(world, "--recreate", "postgresql/dev/farm/main")).toEqual([]);
  }, 60_000);

  test("what an admin was lent when it was killed before giving it back is taken back by the next run", async () => {
    await world.reset();
    await world.g2p("apply");
    await runKilled(world, { at: /DROP DATABASE IF EXISTS "faults___dev__case"/, when: "before" }, ...REMOVE);
    const lent = await world.sql<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_auth_members WHERE roleid = 'faults___dev__case___owner'::regrole AND member = '${world.admin.user}'::regrole`,
    );
    if (as === "lesser") expect(lent[0]?.n).toBeGreaterThan(0);
    expect(await troublesAfterApply(world)).toEqual([]);
    await runKilled(world, { at: /DROP DATABASE IF EXISTS "faults___dev__case"/, when: "after" }, ...REMOVE);
    expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
    expect((await world.g2p("apply")).code).toBe(0);
    expect(await disagreements(world, { claims: CLAIMS })).toEqual([]);
  }, 60_000);
});
