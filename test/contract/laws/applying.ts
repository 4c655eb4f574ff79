import { describe, expect } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import { Secret } from "../../../src/model/secret.ts";
import { asRef, troubles, undone } from "../world.ts";
import { type Bench, law } from "./law.ts";

const CONCURRENT = 6;

/** What applying does on a server where nobody else has touched anything. */
export function applying<S extends OtherService>(bench: Bench<S>): void {
  const { subject } = bench;

  describe("applying", () => {
    law(bench, "the first apply makes everything, and what is handed out works", async (world) => {
      const planned = await world.plan();
      expect(planned.items.filter((item) => item.kind !== "server").map((item) => item.id)).toEqual(world.ids);
      expect(planned.items.filter((item) => item.action === "create").map((item) => item.id)).toEqual(world.ids);
      const result = await world.apply();
      expect(undone(result.items)).toEqual([]);
      expect(result.summary.created).toBeGreaterThanOrEqual(world.ids.length);
      await world.expectClean();
      for (const claim of world.placed) {
        const fields = await world.binding(claim);
        expect(Object.keys(fields).length).toBeGreaterThan(0);
        for (const value of Object.values(fields))
          expect(value instanceof Secret || typeof value === "string").toBe(true);
      }
    });

    law(bench, "looking writes nothing, neither on the server nor in the store", async (world) => {
      const before = await world.snapshot();
      await world.plan();
      await world.plan({ depth: "quick" });
      await world.list();
      await world.planRemoval(true);
      expect(await world.snapshot()).toEqual(before);
      expect((await world.credentials.read(world.placed.map(asRef))).size).toBe(0);
    });

    law(bench, "a second apply changes nothing", async (world) => {
      await world.apply();
      await world.plan();
      const before = await world.snapshot();
      const writes = await subject.writes?.(world.endpoint);
      for (const depth of ["quick", "deep"] as const) {
        const again = await world.apply({ depth });
        expect(troubles(again.items, "unchanged")).toEqual([]);
      }
      expect(await subject.writes?.(world.endpoint)).toBe(writes);
      expect(await world.snapshot()).toEqual(before);
    });

    law(
      bench,
      `${CONCURRENT} applies at the same time from nothing agree on one state and one set of passwords`,
      async (world) => {
        const results = await Promise.all(Array.from({ length: CONCURRENT }, () => world.apply()));
        expect(results.flatMap((result) => undone(result.items))).toEqual([]);
        await world.expectClean();
      },
    );

    law(bench, "what is stopped before it began has changed nothing", async (world) => {
      const before = await world.snapshot();
      const stopped = new AbortController();
      stopped.abort();
      const result = await world.apply({ signal: stopped.signal });
      const changes = result.items.filter((item) => item.action === "create");
      expect(changes.map((item) => [item.id, item.outcome])).toEqual(world.ids.map((id) => [id, "not started"]));
      expect(await world.snapshot()).toEqual(before);
    });

    law(bench, "two environments with prefixes of their own share the server", async (world) => {
      await world.apply();
      const own = await world.snapshot();
      const { inWorld } = await import("./law.ts");
      await inWorld(bench, { environment: { id: "beta-id", name: "beta" }, prefix: "beta" }, async (other) => {
        expect(undone((await other.apply()).items)).toEqual([]);
        await other.expectClean();
        await world.expectClean();
        expect((await world.list()).length).toBe(world.ids.length);
        expect((await other.list()).length).toBe(other.ids.length);
      });
      expect(await world.snapshot()).toEqual(own);
    });

    law(bench, "the stored password decides: a new one is found missing on the server and set there", async (world) => {
      await world.apply();
      const claim = world.placed[subject.claimWithPassword ?? 0]!;
      const old = await world.credential(asRef(claim));
      await world.credentials.remove(asRef(claim));
      await world.credentials.getOrCreate([asRef(claim)], () => old.username);
      const item = (await world.plan()).items.find((one) => one.id === world.ids[subject.claimWithPassword ?? 0]);
      expect(item?.action).toBe("update");
      expect(item?.findings.map((finding) => finding.aspect).join()).toMatch(/password|secret|key/);
      expect(undone((await world.apply({ depth: "deep" })).items)).toEqual([]);
      await world.expectClean();
      expect((await world.check(claim, old)).state).not.toBe("ready");
    });

    law(bench, "the server tells its version and address, and all that is ours on it", async (world) => {
      expect(await world.list()).toEqual([]);
      await world.apply();
      const status = await world.status();
      expect(status.state).toBe("ready");
      expect(status.service).toBe(subject.service);
      expect(status.version).toMatch(/^\S+$/);
      expect(status.address).toContain(":");
      const found = (await world.list()).map((one) => `${subject.service}/${one.sandbox}/${one.instance}/${one.claim}`);
      expect(found.toSorted()).toEqual(world.ids.toSorted());
    });
  });
}
