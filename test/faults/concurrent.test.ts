import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Ended } from "../support/cli.ts";
import { CLAIMS, COMBINATIONS, troublesAfterApply } from "../support/kill.ts";
import { openWorld, type World } from "../support/world.ts";

const RUNS = 16;
const TWO_DATABASES = `
  - name: dev
    modules: [./farm.yaml, {module: ./case.yaml, uses: {registry: farm}}]
`;

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld({ version, as, maxConnections: 300 });
  }, 90_000);

  afterEach(() => {
    expect(world.written.join("")).not.toMatch(/concurrently updated|concurrently deleted|duplicate key|deadlock/);
  });

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  test("sixteen applies of one environment at once all succeed and make everything once", async () => {
    await world.reset();
    const ended = await atOnce(() => world.g2p("apply"));
    expect(failed(ended)).toEqual([]);
    expect(await troublesAfterApply(world)).toEqual([]);
    const audit = await world.sql<{ n: number }>(
      "SELECT count(*)::int AS n FROM ledger.audit WHERE action = 'create' AND item NOT LIKE '%/server'",
      "g2p_commons",
    );
    expect(audit[0]?.n).toBe(CLAIMS);
  }, 180_000);

  test("sixteen environments applied on one server at once all succeed, and removed at once leave nothing", async () => {
    await world.reset();
    const of = (index: number) => [
      "-f",
      join(world.dir, `env-${index}.yaml`),
      "--state",
      join(world.dir, `state-${index}`),
    ];
    for (let index = 0; index < RUNS; index += 1)
      await world.write(TWO_DATABASES, { file: join(world.dir, `env-${index}.yaml`), environment: `env-${index}` });

    expect(failed(await atOnce((index) => world.g2p("apply", ...of(index))))).toEqual([]);
    expect(failed(await atOnce((index) => world.g2p("plan", ...of(index))))).toEqual([]);
    const counts =
      "SELECT (SELECT count(*)::int FROM ledger.resource WHERE state = 'ready') AS ready, (SELECT count(*)::int FROM ledger.resource) AS resources, (SELECT count(*)::int FROM pg_database WHERE datname LIKE 'env%') AS databases";
    expect(await world.sql(counts, "g2p_commons")).toEqual([
      { ready: 3 * RUNS, resources: 3 * RUNS, databases: 2 * RUNS },
    ]);

    expect(failed(await atOnce((index) => world.g2p("remove", "dev", "--delete-data", "--yes", ...of(index))))).toEqual(
      [],
    );
    expect(await world.sql(counts, "g2p_commons")).toEqual([{ ready: 0, resources: 0, databases: 0 }]);
    expect(await world.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'env%'")).toEqual([]);
  }, 300_000);

  test("a sandbox applied and removed at once by several ends as the last apply leaves it", async () => {
    await world.reset();
    await world.g2p("apply");
    const ended = await atOnce((index) =>
      index % 4 === 3 ? world.g2p("remove", "dev", "--delete-data", "--yes") : world.g2p("apply"),
    );
    expect(failed(ended)).toEqual([]);
    expect(await troublesAfterApply(world)).toEqual([]);
  }, 180_000);
});

function atOnce(run: (index: number) => Promise<Ended>): Promise<Ended[]> {
  return Promise.all(Array.from({ length: RUNS }, (_, index) => run(index)));
}

function failed(ended: readonly Ended[]): string[] {
  return ended.flatMap(({ code, stdout, stderr }, index) =>
    code === 0 ? [] : [`run ${index} ended with ${code}: ${stdout.slice(0, 1_500)}${stderr.slice(0, 1_500)}`],
  );
}
