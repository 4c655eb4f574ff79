import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, renameSync, statfsSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Ended } from "../support/cli.ts";
import { COMBINATIONS, said, troublesAfterApply, troublesOfApply } from "../support/kill.ts";
import type { Trap } from "../support/proxy.ts";
import { openWorld, type World } from "../support/world.ts";

const LOST =
  /the connection was cut|was shut down or the session ended|starting up or shutting down|nothing listens there|the server crashed/;

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;
  let effects: string[] = [];

  beforeAll(async () => {
    world = await openWorld({ version, as });
    expect((await world.g2p("apply", "--concurrency", "1")).code).toBe(0);
    effects = world.proxy.sideEffects.map((one) => one.text);
  }, 90_000);

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  /** Runs a first apply into trouble. */
  async function applyInto(trap: Trap): Promise<Ended & { sprung: boolean }> {
    await world.reset();
    world.proxy.arm(trap);
    const ended = await world.g2p("apply", "--concurrency", "1");
    const { sprung } = world.proxy;
    await world.proxy.disarm();
    return { ...ended, sprung };
  }

  /** Fails, naming what happened; the next apply does the rest. Else it must be true that all is done. */
  async function wrongOf(ended: Ended & { sprung: boolean }, names: RegExp): Promise<string[]> {
    if (!ended.sprung) return ["the trouble never came"];
    if (ended.code === 0) return (await world.g2p("plan")).code === 0 ? [] : ["said done, and was not"];
    const text = (ended.stdout + ended.stderr).replace(/\s+/g, " ");
    return [
      ...(ended.code === 1 && names.test(text) ? [] : [`no clear error: ${said("apply", ended)}`]),
      ...(await troublesOfApply(world)),
    ];
  }

  test("a connection cut at any statement fails the apply with a clear error, or it recovers", async () => {
    const wrong: string[] = [];
    for (const [index, text] of effects.entries()) {
      const ended = await applyInto({ at: index + 1, when: index % 2 === 0 ? "after" : "before", act: () => "cut" });
      wrong.push(...(await wrongOf(ended, LOST)).map((one) => `${index + 1} (${text.slice(0, 100)}): ${one}`));
    }
    expect(wrong).toEqual([]);
  }, 600_000);

  test.each([
    ["the intent", /INSERT INTO ledger.resource/],
    ["the roles", /CREATE ROLE/],
    ["a database", /CREATE DATABASE "faults___dev__case"/],
    ["the visit", /CREATE EXTENSION/],
  ])(
    "a server restarted while an apply makes %s fails it with a clear error, and the next completes it",
    async (_, at) => {
      const restart = async () => {
        await world.server.restart();
        return "go on" as const;
      };
      expect(await wrongOf(await applyInto({ at, when: "after", act: restart }), LOST)).toEqual([]);
    },
    90_000,
  );

  test.each([
    ["from the beginning", /CREATE DATABASE "g2p_commons"/, "before"],
    ["before the intent", /INSERT INTO ledger.resource/, "before"],
    ["between two databases", /CREATE DATABASE "faults___dev__case"/, "before"],
    ["before the visit", /CREATE EXTENSION/, "before"],
  ] as const)(
    "a server that turns read-only %s fails the apply with a clear error, and the next completes it",
    async (_, at, when) => {
      const readOnly = async () => {
        await world.sql("ALTER SYSTEM SET default_transaction_read_only = on");
        await world.sql("SELECT pg_reload_conf()");
        // The session that reads the statement next must have heard of it.
        await waitFor(
          async () =>
            (await world.sql<{ on: string }>(`SELECT current_setting('default_transaction_read_only') AS on`))[0]
              ?.on === "on",
        );
        return "go on" as const;
      };
      const ended = await applyInto({ at, when, act: readOnly });
      const again = await world.g2p("apply");
      await world.sql("ALTER SYSTEM RESET default_transaction_read_only");
      await world.sql("SELECT pg_reload_conf()");
      await waitFor(
        async () =>
          (await world.sql<{ on: string }>(`SELECT current_setting('default_transaction_read_only') AS on`))[0]?.on ===
          "off",
      );

      expect(again.code, said("apply", again)).toBe(1);
      expect((again.stdout + again.stderr).replace(/\s+/g, " ")).toMatch(/takes no writes now/);
      expect(await wrongOf(ended, /takes no writes now/)).toEqual([]);
    },
    90_000,
  );
});

test("a server whose disk is full fails the apply with a clear error, and the next completes it when there is space", async () => {
  const world = await openWorld({ as: "superuser" });
  const [row] = await world.sql<{ data_directory: string }>("SHOW data_directory");
  const base = join(row?.data_directory ?? "", "base");
  const disk = join(dirname(world.server.stateDir), "disk");
  try {
    // Databases on a small disk of their own; transaction log and shared catalogues stay where there is space.
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200m,mode=0711", "tmpfs", disk]);
    await world.server.restart(() => {
      const owner = statSync(base);
      cpSync(base, join(disk, "base"), { recursive: true });
      execFileSync("chown", ["-R", `${owner.uid}:${owner.gid}`, join(disk, "base")]);
      renameSync(base, `${base}.old`);
      symlinkSync(join(disk, "base"), base);
    });
    // Space for the ledger's database and a half.
    const { bsize, blocks, bfree } = statfsSync(disk);
    const used = (bsize * (blocks - bfree)) / 1024;
    execFileSync("mount", ["-o", `remount,size=${used + 12_000}k`, disk]);

    const failed = await world.g2p("apply", "--concurrency", "1");
    expect(failed.code, said("apply", failed)).toBe(1);
    expect((failed.stdout + failed.stderr).replace(/\s+/g, " ")).toMatch(/disk is full .*No space left on device/);
    expect(failed.stdout).not.toMatch(/Applied:/);
    expect((await world.g2p("plan")).code).not.toBe(0);

    execFileSync("mount", ["-o", "remount,size=200m", disk]);
    expect(await troublesAfterApply(world)).toEqual([]);
  } finally {
    // At once, since it could not write its last words to a disk that goes away.
    process.kill(world.server.pid, "SIGQUIT");
    execFileSync("umount", ["-l", disk]);
    await world.close();
  }
}, 90_000);

async function waitFor(there: () => Promise<boolean>): Promise<void> {
  while (!(await there())) await new Promise(setImmediate);
}
