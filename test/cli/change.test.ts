import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Binding, bindingsOf, environmentFile, makePlace, type Place, query } from "./harness.ts";

interface Result {
  readonly summary: Record<string, number>;
  readonly items: readonly { readonly id: string; readonly action: string }[];
}

const SHARED = "{module: registry, name: farmers, shares: {main: [dev/bridge]}}";
const READING = "{module: g2p-bridge, name: bridge, uses: {registry: central/farmers}}";

let place: Place;
let farmers: Binding;
let reader: Binding;
beforeAll(async () => {
  place = makePlace(environmentFile({ central: [SHARED], dev: [READING, "spar"] }));
  expect(await place.g2p("up", "--detach")).toMatchObject({ code: 0 });
  farmers = (await bindingsOf(place, "central/farmers"))["main"]!;
  reader = (await bindingsOf(place, "dev/bridge"))["registry"]!;
  await query(farmers, "CREATE TABLE people (name text)", "INSERT INTO people VALUES ('Asha')");
});
afterAll(() => place?.remove());

/** What becomes of the database whose first reader comes or whose last one goes: its reader role is made or dropped. */
const OWNER = { "postgresql/central/farmers/main": "update" };

const actions = ({ items }: Result) =>
  Object.fromEntries(items.filter(({ action }) => action !== "unchanged").map(({ id, action }) => [id, action]));

/** Writes the file, looks at the plan, applies it, and expects nothing to be left to do. */
async function change(sandboxes: Parameters<typeof environmentFile>[0]): Promise<Record<string, string>> {
  place.write(environmentFile(sandboxes));
  const planned = await place.json<Result>("plan");
  const applied = await place.json<Result>("apply");
  expect(applied.code, JSON.stringify(applied.data)).toBe(0);
  expect(actions(applied.data)).toEqual(actions(planned.data));
  expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  expect(await place.json("verify")).toMatchObject({ code: 0, data: { ok: true } });
  return actions(planned.data);
}

describe("an access across sandboxes", () => {
  test("works where both sides say so", async () => {
    expect(await query(reader, "SELECT name FROM people")).toEqual([{ name: "Asha" }]);
  });

  test("is refused by the file where the owner does not consent", async () => {
    place.write(environmentFile({ central: ["{module: registry, name: farmers}"], dev: [READING, "spar"] }));
    const { code, stderr } = await place.g2p("apply");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/shares: ?\{ ?main: ?\[dev\/bridge\]/)]);
    expect(await query(reader, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("ends when it is withdrawn: the login goes, data and all else stay", async () => {
    const done = await change({
      central: ["{module: registry, name: farmers}"],
      dev: ["{module: g2p-bridge, name: bridge}", "spar"],
    });
    expect(done).toEqual({ "postgresql/dev/bridge/registry": "remove", ...OWNER });
    await expect(query(reader, "SELECT 1")).rejects.toThrow(/password authentication failed|does not exist/);
    expect(await query(farmers, "SELECT name FROM people")).toEqual([{ name: "Asha" }]);
  });

  test("comes back with consent, and reads what was made meanwhile", async () => {
    await query(farmers, "CREATE TABLE villages AS SELECT 'Dharwad' AS name");
    expect(await change({ central: [SHARED], dev: [READING, "spar"] })).toEqual({
      "postgresql/dev/bridge/registry": "create",
      ...OWNER,
    });
    reader = (await bindingsOf(place, "dev/bridge"))["registry"]!;
    expect(await query(reader, "SELECT name FROM people UNION SELECT name FROM villages ORDER BY 1")).toEqual([
      { name: "Asha" },
      { name: "Dharwad" },
    ]);
  });
});

test("an access turned to another owner reads that one, and the former one no more", async () => {
  const moved = "{module: g2p-bridge, name: bridge, uses: {registry: students}}";
  await change({
    central: ["{module: registry, name: farmers}"],
    dev: ["{module: registry, name: students}", moved, "spar"],
  });
  const registry = (await bindingsOf(place, "dev/bridge"))["registry"]!;
  expect(registry.database).toBe("dev__students");
  expect(await query(registry, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  await expect(query({ ...registry, database: farmers.database }, "SELECT 1")).rejects.toThrow(
    "permission denied for database",
  );
  await change({ central: [SHARED], dev: [READING, "spar"] });
  expect(await query((await bindingsOf(place, "dev/bridge"))["registry"]!, "SELECT name FROM people")).toEqual([
    { name: "Asha" },
  ]);
  expect(await place.g2p("remove", "dev/students", "--delete-data", "--yes")).toMatchObject({ code: 0 });
});

describe("a module taken out of the file", () => {
  test("keeps its databases, loses its accesses, and plan is clean", async () => {
    const main = (await bindingsOf(place, "dev/bridge"))["main"]!;
    await query(main, "CREATE TABLE programs AS SELECT 'cash' AS name");
    expect(await change({ central: ["{module: registry, name: farmers}"], dev: ["spar"] })).toEqual({
      "postgresql/dev/bridge/main": "retain",
      "postgresql/dev/bridge/example-bank": "retain",
      "postgresql/dev/bridge/registry": "remove",
      ...OWNER,
    });
    await expect(query(reader, "SELECT 1")).rejects.toThrow();
    expect((await place.g2p("plan")).stdout).toMatch(/· main +database +dev__bridge\n[\s\S]*2 retained/);

    expect(await change({ central: [SHARED], dev: [READING, "spar"] })).toEqual({
      "postgresql/dev/bridge/registry": "create",
      ...OWNER,
    });
    expect(await query((await bindingsOf(place, "dev/bridge"))["main"]!, "SELECT name FROM programs")).toEqual([
      { name: "cash" },
    ]);
  });

  test("can be removed with its data though the file knows it no more", async () => {
    await change({ central: ["{module: registry, name: farmers}"], dev: ["spar"] });
    const { code, data } = await place.json<Result>("remove", "dev/bridge", "--delete-data", "--yes");
    expect([code, data.summary["removed"]]).toEqual([0, 2]);
    const { data: planned } = await place.json<Result>("plan");
    expect(actions(planned)).toEqual({});
  });
});

test("a reporting user added and taken away is a login made and removed", async () => {
  const readers = "{module: registry, name: farmers, claims: {main: {readers: [superset]}}}";
  expect(await change({ central: [readers], dev: ["spar"] })).toEqual({
    "postgresql/central/farmers/superset": "create",
    ...OWNER,
  });
  const superset = (await bindingsOf(place, "central/farmers"))["superset"]!;
  expect(await query(superset, "SELECT name FROM people")).toEqual([{ name: "Asha" }]);
  expect(await change({ central: ["{module: registry, name: farmers}"], dev: ["spar"] })).toEqual({
    "postgresql/central/farmers/superset": "remove",
    ...OWNER,
  });
  await expect(query(superset, "SELECT 1")).rejects.toThrow();
});
