import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PlanResult } from "../../../src/model/plan.ts";
import { type Combination, combinations, inTurn } from "../combinations.ts";
import { type DriftCase, decide } from "./case.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { named, type Scene, startScene } from "./scene.ts";

/** Tests every case, on the combinations whose turn it is: plan names it and nothing else, apply repairs it and touches nothing else. */
export function testDrift(suite: string, groups: Readonly<Record<string, readonly DriftCase[]>>): void {
  const run = combinations(suite);
  const tried = new Map<DriftCase, readonly Combination[]>();
  for (const [index, one] of Object.values(groups).flat().entries()) {
    const possible = run.filter((on) => one.when?.(on) ?? true);
    tried.set(one, inTurn(index, possible));
  }
  describe.each(run)("PostgreSQL $version, $admin", (on) => {
    let scene: Scene;
    /** Until a case has left the server as it was, the next one gets a new server. */
    let clean = false;

    beforeAll(async () => {
      scene = await startScene(on);
      clean = true;
    });

    beforeEach(async () => {
      if (!clean) {
        await scene.stop();
        scene = await startScene(on);
      }
      clean = false;
    });

    afterAll(() => scene?.stop());

    for (const [group, all] of Object.entries(groups)) {
      const cases = all.filter((each) => tried.get(each)?.includes(on));
      // Some groups concern one kind of admin only.
      if (cases.length === 0) continue;
      describe(group, () => {
        for (const one of cases) {
          const { outcome } = decide(one, on);
          const then = outcome === "repaired" ? "apply repairs it" : "apply leaves it to a superuser";
          test(`${one.drift}: plan names that alone, ${then}`, async () => {
            await (outcome === "repaired" ? isRepaired(scene, one, on) : isLeft(scene, one, on));
            clean = true;
          });
        }
      });
    }
  });
}

async function isRepaired(scene: Scene, one: DriftCase, on: Combination): Promise<void> {
  const expected = await inject(scene, one, on);
  const plan = await scene.model.plan();
  expect(named(plan)).toEqual(expected);
  expect(repairs(plan)).toEqual(["apply"]);

  const applied = await scene.model.apply();
  expect(problems(applied)).toEqual([]);
  expect(named(applied)).toEqual(expected);
  expect(named(await scene.model.plan())).toEqual({});
  await scene.run(one.cleanup ?? [], one.database);
  expect(without(await scene.fingerprint(), one)).toEqual(without(scene.wanted, one));
  if (one.newPasswords !== undefined) await acceptPasswords(scene, one);
}

async function isLeft(scene: Scene, one: DriftCase, on: Combination): Promise<void> {
  const expected = await inject(scene, one, on);
  const drifted = await scene.fingerprint();
  const plan = await scene.model.plan();
  expect(named(plan)).toEqual(expected);
  expect(repairs(plan)).toEqual(["needs superuser"]);
  for (const finding of plan.items.flatMap((item) => item.findings)) expect(finding.note).toMatch(/\w/);

  const applied = await scene.model.apply();
  const wrong = Object.keys(expected);
  expect(applied.items.filter((item) => item.outcome !== undefined).map((item) => [item.id, item.outcome])).toEqual(
    wrong.map((id) => [id, "failed"]),
  );
  for (const item of applied.items.filter((each) => wrong.includes(each.id)))
    for (const aspect of expected[item.id] ?? []) expect(item.reason).toContain(`needs superuser: ${aspect}`);
  expect(await scene.fingerprint()).toEqual(drifted);

  await scene.run([...(one.undo ?? []), ...(one.cleanup ?? [])], one.database);
  expect(named(await scene.model.plan())).toEqual({});
  expect(await scene.fingerprint()).toEqual(scene.wanted);
}

/** Injects the drift; what plan then has to name, and nothing else. */
async function inject(scene: Scene, one: DriftCase, on: Combination): Promise<Record<string, string[]>> {
  const { inject: statements, named: expected } = decide(one, on);
  await scene.run(statements, one.database, one.by);
  expect(await scene.fingerprint()).not.toEqual(scene.wanted);
  const real = (aspect: string) => aspect.replaceAll("{admin}", scene.admin.user);
  return Object.fromEntries(Object.entries(expected).map(([id, aspects]) => [id, aspects.map(real).sort()]));
}

function repairs(result: PlanResult): string[] {
  return [...new Set(result.items.flatMap((item) => item.findings.map((finding) => finding.repair)))];
}

function problems(result: PlanResult): (string | undefined)[] {
  return result.items
    .filter((item) => item.action !== "unchanged" && item.outcome !== "done")
    .map((item) => item.reason ?? item.id);
}

function without(print: Fingerprint, one: DriftCase): Fingerprint {
  const isNew = (line: string) => one.newPasswords?.some((login) => line.includes(login)) ?? false;
  return { ...print, passwords: (print["passwords"] ?? []).filter((line) => !isNew(line)) };
}

/** A repaired password is stored with a new salt. */
async function acceptPasswords(scene: Scene, one: DriftCase): Promise<void> {
  const now = (await scene.fingerprint())["passwords"] ?? [];
  expect(now).toHaveLength(scene.wanted["passwords"]?.length ?? 0);
  expect(without({ passwords: now }, one)).toEqual(without({ passwords: scene.wanted["passwords"] ?? [] }, one));
  scene.wanted = { ...scene.wanted, passwords: now };
}
