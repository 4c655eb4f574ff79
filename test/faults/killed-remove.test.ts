import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMBINATIONS, killsEverywhere, leftAfterRemove, runKilled, troublesAfterApply } from "../support/kill.ts";
import { openWorld, type World } from "../support/world.ts";

const REMOVE = ["remove", "dev", "--delete-data", "--yes"];
/** What stays of the environment without sandbox dev. */
const CLAIMS_LEFT = 1;

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;
  let effects: string[] = [];

  beforeAll(async () => {
    world = await openWorld({ version, as });
    expect((await world.g2p("apply")).code).toBe(0);
    world.proxy.arm();
    expect((await world.g2p(...REMOVE)).code).toBe(0);
    effects = world.proxy.sideEffects.map((one) => one.text);
  }, 90_000);

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  /** Kills a remove at each side effect in turn; what is wrong after `then`, by side effect. */
  async function killAtEach(
    when: "sent" | "after",
    chosen: (text: string, index: number) => boolean,
    then: () => Promise<string[]>,
  ): Promise<string[]> {
    const wrong: string[] = [];
    for (const [index, text] of effects.entries()) {
      if (!chosen(text, index)) continue;
      const prepared = await world.g2p("apply");
      const killed = await runKilled(world, { at: index + 1, when }, ...REMOVE);
      const troubles =
        prepared.code !== 0
          ? [`apply before it ended with ${prepared.code}: ${prepared.stdout}${prepared.stderr}`]
          : killed.code !== null
            ? [`was not killed: ${killed.stdout}${killed.stderr}`]
            : await then();
      wrong.push(...troubles.map((trouble) => `${when} ${index + 1} (${text.slice(0, 120)}): ${trouble}`));
    }
    return wrong;
  }

  const removeAgain = () => leftAfterRemove(world, "dev", CLAIMS_LEFT);

  test("a remove killed after any side effect is completed by the next, and nothing is left", async () => {
    expect(effects.length).toBeGreaterThan(10);
    expect(await killAtEach("after", () => true, removeAgain)).toEqual([]);
  }, 600_000);

  test("a remove killed while the server still drops a database is completed by the next", async () => {
    expect(await killAtEach("sent", (text) => text.startsWith("DROP DATABASE"), removeAgain)).toEqual([]);
  }, 300_000);

  test("after a remove was killed, an apply makes anew what was removed", async () => {
    const every = killsEverywhere(version, as);
    const some = (_: string, index: number) => every || index % 3 === 1;
    expect(await killAtEach("after", some, () => troublesAfterApply(world))).toEqual([]);
  }, 600_000);
});
