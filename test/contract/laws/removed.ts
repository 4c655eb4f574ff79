import { describe, expect } from "vitest";
import { type OtherService, type ServiceAccess } from "../../../src/model/claim.ts";
import { RefusedError } from "../../../src/model/error.ts";
import type { Placement } from "../../../src/providers/contract.ts";
import { asRef, idOf, troubles, undone } from "../world.ts";
import { type Bench, law } from "./law.ts";

/** Removing takes away what is ours and no longer wanted, and never data that nobody gave up. */
export function removed<S extends OtherService>(bench: Bench<S>): void {
  const { subject } = bench;

  describe("removed", () => {
    law(bench, "a removal with data leaves the server as it was, and a second one has nothing to do", async (world) => {
      const before = await world.snapshot();
      await world.apply();
      await world.writeData();
      const planned = await world.planRemoval(true);
      expect(planned.map((item) => item.id).toSorted()).toEqual(world.ids.toSorted());
      expect(troubles(await world.remove(true), "remove")).toEqual([]);
      expect(await world.hasData()).not.toBe(true);
      expect(await world.snapshot()).toEqual(before);
      expect((await world.credentials.read(world.placed.map(asRef))).size).toBe(0);
      expect(await world.remove(true)).toEqual([]);
      expect(await world.list()).toEqual([]);
    });

    law(bench, "removing one instance leaves the others as they are", async (world) => {
      await world.apply();
      const [gone] = world.placement.claims;
      const kept = world.placed.filter((one) => !touches(one, gone!.sandbox, gone!.instance) && !isAccess(one));
      const { remove } = await import("../../../src/engine/teardown.ts");
      const scope = { sandbox: gone!.sandbox, instance: gone!.instance };
      await remove([world.place()], { scope, deleteData: true }, () => {});
      for (const claim of kept) expect([idOf(claim), (await world.check(claim)).state]).toEqual([idOf(claim), "ready"]);
      const { items } = await world.plan();
      expect(items.filter((item) => kept.some((one) => idOf(one) === item.id && item.action !== "unchanged"))).toEqual(
        [],
      );
      expect(items.find((item) => item.id === idOf(gone!))?.action).toBe("create");
    });

    if (subject.hasData !== undefined)
      law(
        bench,
        "a removal without data takes the login and keeps the data, which the next apply finds again",
        async (world) => {
          await world.apply();
          await world.writeData();
          const [first] = world.placed;
          const old = await world.credential(asRef(first!));
          const refused = await world.remove(false).then(
            (items) => {
              expect(undone(items)).toEqual([]);
              return false;
            },
            (error: unknown) => {
              expect(error).toBeInstanceOf(RefusedError);
              return true;
            },
          );
          expect(await world.hasData()).toBe(true);
          expect(
            (await world.list()).map((one) => `${subject.service}/${one.sandbox}/${one.instance}/${one.claim}`),
          ).toContain(idOf(first!));
          if (!refused) expect((await world.check(first!, old)).state).not.toBe("ready");
          expect(undone((await world.apply({ depth: "deep" })).items)).toEqual([]);
          await world.expectClean();
          expect(await world.hasData()).toBe(true);
        },
      );

    law(bench, "an access that is no longer wanted is removed by apply, and its login works no more", async (world) => {
      if (world.placement.accesses.length === 0) return;
      const without: Placement<S> = { ...world.placement, accesses: [] };
      await world.apply({ placement: without });
      const before = await world.snapshot();
      await world.apply();
      const access = world.placement.accesses[0]!;
      const credential = await world.credential(asRef<S>(access));
      expect((await world.check(access)).state).toBe("ready");
      const planned = await world.plan({ placement: without });
      expect(
        planned.items
          .filter((item) => item.action === "remove")
          .map((item) => item.id)
          .toSorted(),
      ).toEqual(world.placement.accesses.map((one) => idOf<S>(one)).toSorted());
      expect(undone((await world.apply({ placement: without })).items)).toEqual([]);
      expect(await world.snapshot()).toEqual(before);
      expect((await world.check(access, credential)).state).not.toBe("ready");
      expect((await world.credentials.read([asRef<S>(access)])).size).toBe(0);
      expect(troubles((await world.plan({ placement: without })).items, "unchanged")).toEqual([]);
    });

    law(bench, "a claim that is no longer wanted is kept until it is removed", async (world) => {
      await world.apply();
      await world.writeData();
      const before = await world.snapshot();
      const [gone, ...claims] = world.placement.claims;
      const accesses = world.placement.accesses.filter(
        (one) => !touches(one, gone!.sandbox, gone!.instance) && !targets(one, gone!.sandbox, gone!.instance),
      );
      const without: Placement<S> = { ...world.placement, claims, accesses };
      const { items } = await world.apply({ placement: { ...without, accesses: world.placement.accesses } });
      const kept = items.find((item) => item.id === idOf(gone!));
      expect(kept?.action).toBe("retain");
      expect(kept?.reason).toMatch(/\S/);
      expect(await world.snapshot()).toEqual(before);
      if (subject.hasData !== undefined) expect(await world.hasData()).toBe(true);
      expect((await world.plan({ placement: without })).items.filter((item) => item.action === "retain")).toHaveLength(
        1,
      );
      await world.expectClean();
    });
  });
}

function touches(
  one: { readonly sandbox: string; readonly instance: string },
  sandbox: string,
  instance: string,
): boolean {
  return one.sandbox === sandbox && one.instance === instance;
}

function isAccess(one: { readonly kind: string }): boolean {
  return one.kind === "access";
}

function targets(one: unknown, sandbox: string, instance: string): boolean {
  return touches((one as ServiceAccess).target, sandbox, instance);
}
