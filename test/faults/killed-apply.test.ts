import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMBINATIONS, killsEverywhere, runKilled, troublesAfterApply } from "../support/kill.ts";
import { openWorld, type World } from "../support/world.ts";

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;
  let effects: string[] = [];

  beforeAll(async () => {
    world = await openWorld({ version, as });
    const { code, stdout, stderr } = await world.g2p("apply", "--concurrency", "1");
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
    effects = world.proxy.sideEffects.map((one) => one.text);
  }, 90_000);

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  /** Kills a first apply at each side effect in turn; what the next apply leaves wrong, by side effect. */
  async function killAtEach(when: "before" | "sent" | "after", chosen: (text: string) => boolean): Promise<string[]> {
    const wrong: string[] = [];
    for (const [index, text] of effects.entries()) {
      if (!chosen(text)) continue;
      await world.reset();
      const killed = await runKilled(world, { at: index + 1, when }, "apply", "--concurrency", "1");
      const troubles =
        killed.code === null ? await troublesAfterApply(world) : [`was not killed: ${killed.stdout}${killed.stderr}`];
      wrong.push(...troubles.map((trouble) => `${when} ${index + 1} (${text.slice(0, 120)}): ${trouble}`));
    }
    return wrong;
  }

  test("an apply killed after any side effect is completed by the next", async () => {
    expect(effects.length).toBeGreaterThan(15);
    expect(await killAtEach("after", () => true)).toEqual([]);
  }, 600_000);

  test("an apply killed while the server still works on a statement is completed by the next", async () => {
    const every = killsEverywhere(version, as);
    expect(await killAtEach("sent", (text) => every || text.startsWith("CREATE DATABASE"))).toEqual([]);
  }, 600_000);

  test("an apply killed inside or before the visit of a database is completed by the next that looks only quickly", async () => {
    const wrong: string[] = [];
    for (const at of [/CREATE EXTENSION/, /GRANT .*___reader" TO/s]) {
      await world.reset();
      await runKilled(world, { at, when: "after" }, "apply", "--concurrency", "1");
      wrong.push(...(await troublesAfterApply(world, "--quick")).map((trouble) => `${at.source}: ${trouble}`));
    }
    expect(wrong).toEqual([]);
  }, 120_000);
});
