import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, beforeAll, describe, expect, test } from "vitest";
import { type Binding, bindingsOf, environmentFile, makePlace, onTerminal, type Place, query } from "./harness.ts";

const SANDBOXES = {
  dev: ["registry", "pbms", "spar", "{module: spar, name: other}"],
  test: ["spar"],
};

let place: Place;
beforeAll(async () => {
  place = makePlace(environmentFile(SANDBOXES));
  expect(await place.g2p("up", "--detach")).toMatchObject({ code: 0 });
});
beforeEach(async () => {
  place.write(environmentFile(SANDBOXES));
  expect(await place.g2p("apply")).toMatchObject({ code: 0 });
});
afterAll(() => place?.remove());

interface Result {
  readonly summary: Record<string, number>;
  readonly items: readonly { readonly id: string; readonly action: string; readonly outcome?: string }[];
}

const ids = ({ items }: Result) => items.map(({ id }) => id).sort();

describe("without a terminal", () => {
  test("shows what would go with --dry-run, exit code 2, and removes nothing", async () => {
    const { code, data } = await place.json<Result>("remove", "dev/pbms", "--dry-run");
    expect([code, data.summary]).toEqual([2, { created: 0, updated: 0, unchanged: 0, removed: 3, failed: 0 }]);
    expect(ids(data)).toEqual([
      "postgresql/dev/pbms/bgtask",
      "postgresql/dev/pbms/main",
      "postgresql/dev/pbms/registry",
    ]);
    const { stdout } = await place.g2p("remove", "dev/pbms", "--dry-run");
    expect(stdout).toMatch(/- main +database +dev__pbms\n/);
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  });

  test("refuses to delete data that nobody said may go, naming the databases and their sizes", async () => {
    const refused = await place.g2p("remove", "dev/pbms", "--yes");
    expect([refused.code, refused.stdout]).toEqual([3, ""]);
    expect(refused.stderr).toMatch(
      /^error DATA_WOULD_BE_LOST: Removing dev\/pbms would delete the data of 2 databases: dev__pbms \(\d+ kB\), dev__pbms__bgtask \(\d+ kB\)\. Nothing was removed\.\n/,
    );
    expect(refused.stderr).toContain("hint: If that is what you want: g2p remove dev/pbms --delete-data.");
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  });

  test("removes an instance with all accesses to it, and nothing else", async () => {
    const gone = (await bindingsOf(place, "dev/registry")) as { main: Binding };
    const reading = (await bindingsOf(place, "dev/pbms")) as { main: Binding; registry: Binding };
    // No terminal, no question: --delete-data names what may go.
    const { code, data } = await place.json<Result>("remove", "dev/registry", "--delete-data");
    expect([code, Object.keys(data), data.summary]).toEqual([
      0,
      ["summary", "items"],
      { created: 0, updated: 0, unchanged: 0, removed: 3, failed: 0 },
    ]);
    expect(data.items.every(({ action, outcome }) => action === "remove" && outcome === "done")).toBe(true);
    expect(ids(data)).toEqual([
      "postgresql/dev/pbms/registry",
      "postgresql/dev/registry/idgenerator",
      "postgresql/dev/registry/main",
    ]);
    await expect(query(gone.main, "SELECT 1")).rejects.toThrow();
    await expect(query(reading.registry, "SELECT 1")).rejects.toThrow();
    expect(await query(reading.main, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(existsSync(join(place.dir, ".g2p/credentials/dev/registry"))).toBe(false);

    const again = await place.g2p("remove", "dev/registry", "--delete-data", "--yes");
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing to remove") });
  });

  test("says that the environment file still names what was removed, unless it does not", async () => {
    const named = await place.g2p("remove", "dev/spar", "--delete-data", "--yes");
    expect(named.stdout).toContain("The environment file still names dev/spar");
    place.write(environmentFile({ ...SANDBOXES, dev: ["registry", "pbms", "spar"] }));
    const unnamed = await place.g2p("remove", "dev/other", "--delete-data", "--yes");
    expect([unnamed.code, unnamed.stdout]).toEqual([0, expect.not.stringContaining("still names")]);
  });

  test("removes a whole sandbox", async () => {
    const { code, data } = await place.json<Result>("remove", "dev", "--delete-data", "--yes");
    expect([code, data.items.length]).toEqual([0, 7]);
    place.write(environmentFile({ test: ["spar"] }));
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
    expect(await place.g2p("verify")).toMatchObject({ code: 0 });
  });

  test.each([["dev/spar/main"], ["dev/"], ["/spar"]])("%s is no sandbox and no instance", async (target) => {
    expect(await place.g2p("remove", target, "--yes")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not SANDBOX or SANDBOX/INSTANCE"),
    });
  });
});

describe("on a terminal", () => {
  const remove = async (answer: string) => {
    const terminal = await onTerminal(["remove", "dev/other", "--delete-data"], { cwd: place.dir });
    await terminal.until("Type dev/other to remove it");
    terminal.type(answer);
    return terminal.ended;
  };

  test("shows what goes and removes it when its name is typed", async () => {
    const { code, screen } = await remove("dev/other\r");
    expect([code, screen]).toEqual([0, expect.stringMatching(/dev__other[\s\S]*Type dev\/other[\s\S]*removed/)]);
    expect(await place.g2p("plan")).toMatchObject({ code: 2 });
  });

  test("removes nothing when anything else is typed, or Ctrl-C", async () => {
    expect(await remove("dev/spar\r")).toMatchObject({
      code: 3,
      screen: expect.stringContaining("Nothing was removed."),
    });
    expect(await remove("\u0003")).toMatchObject({
      code: 130,
      screen: expect.stringContaining("Nothing was removed."),
    });
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  });
});
