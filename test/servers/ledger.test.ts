import { afterAll, beforeAll, expect, it } from "vitest";
import { planRemoval, remove } from "../../src/engine/teardown.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { databaseClaim, environmentOf, openModel, readAccess } from "../support/model.ts";
import { startTestServer, temporaryStateDir, type TestServer } from "../support/postgres.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ version: 18 });
});

afterAll(() => server.stop());

const CLAIMS = [databaseClaim("dev/farmers"), readAccess("dev/pbms/registry", "dev/farmers/main")];

async function model(changes: Parameters<typeof environmentOf>[1] = {}) {
  return openModel(environmentOf(CLAIMS, changes), server.admin, await temporaryStateDir());
}

async function ledger(sql: string): Promise<Record<string, unknown>[]> {
  const client = await connect({
    server: server.admin,
    database: "g2p_commons",
    user: server.admin.user,
    password: server.admin.password,
  });
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

it("is made by the first apply, also when sixteen begin at once", async () => {
  const models = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      model({ name: `first-${index}`, prefix: `p${index}`, closeMaintenance: false }),
    ),
  );
  const results = await Promise.all(models.map((one) => one.apply()));
  for (const { summary } of results) expect(summary).toMatchObject({ created: 2, failed: 0 });
  expect(await ledger("SELECT count(*)::int AS n FROM ledger.environment")).toEqual([{ n: 16 }]);
  expect(await ledger("SELECT n FROM ledger.revision")).toEqual([{ n: 1 }]);
});

it("knows every name with its holder, and who did what when", async () => {
  const one = await model({ name: "audited", prefix: "audited", closeMaintenance: false });
  await one.apply();
  const names = await ledger(
    "SELECT n.kind, n.name FROM ledger.name n JOIN ledger.resource r ON r.id = n.resource JOIN ledger.environment e ON e.id = r.environment WHERE e.name = 'audited' ORDER BY n.name",
  );
  expect(names.map((row) => `${String(row["kind"])} ${String(row["name"])}`)).toEqual([
    "database audited___dev__farmers",
    "role audited___dev__farmers___a",
    "role audited___dev__farmers___owner",
    "role audited___dev__farmers___reader",
    "role audited___dev__pbms__registry___access_a",
  ]);
  const removal = { scope: { sandbox: "dev" }, deleteData: true };
  expect((await planRemoval([one.place], removal)).items).toHaveLength(2);
  expect((await remove([one.place], removal, () => {})).summary).toMatchObject({ removed: 2, failed: 0 });
  const audit = await ledger(
    `SELECT who, item, action FROM ledger.audit a JOIN ledger.environment e ON e.id = a.environment WHERE e.name = 'audited' ORDER BY a.id`,
  );
  expect(audit.every((row) => String(row["who"]).includes("@"))).toBe(true);
  expect(new Set(audit.map((row) => String(row["action"])))).toEqual(new Set(["create", "removing", "removed"]));
  expect(
    await ledger(
      "SELECT 1 FROM ledger.resource r JOIN ledger.environment e ON e.id = r.environment WHERE e.name = 'audited'",
    ),
  ).toEqual([]);
});

it("refuses a second holder of a name by its own constraint", async () => {
  await expect(
    ledger("INSERT INTO ledger.name SELECT kind, name, resource FROM ledger.name LIMIT 1"),
  ).rejects.toMatchObject({ code: "23505" });
});

it("tells the loser of a name clash who holds the name, and changes nothing", async () => {
  const holder = await model({ name: "holder", prefix: "same", closeMaintenance: false });
  await holder.apply();
  const loser = await model({ name: "loser", prefix: "same", closeMaintenance: false });
  const { items, summary } = await loser.apply();
  expect(summary).toMatchObject({ created: 0, failed: 2 });
  expect(items[0]?.reason).toMatch(/"same___dev__farmers" is held by holder\/dev\/farmers\/main since \d{4}-/);
  expect((await holder.plan()).summary).toMatchObject({ unchanged: 2, updated: 0, failed: 0 });
});

it("of a newer version is refused, and nothing is changed", async () => {
  await ledger("INSERT INTO ledger.revision (n) VALUES (99)");
  try {
    const one = await model({ name: "late", prefix: "late", closeMaintenance: false });
    await expect(one.apply()).rejects.toMatchObject({ code: "LEDGER_NEWER" });
    expect(await ledger("SELECT 1 FROM ledger.environment WHERE name = 'late'")).toEqual([]);
  } finally {
    await ledger("DELETE FROM ledger.revision WHERE n = 99");
  }
});

it("keeps modules out", async () => {
  const one = await model({ name: "closed", prefix: "closed", closeMaintenance: false });
  await one.apply();
  const credential = (await one.credentials.read(CLAIMS)).get("dev/farmers/main");
  if (credential === undefined) throw new Error("no credential was made");
  const entering = connect({
    server: server.admin,
    database: "g2p_commons",
    user: "closed___dev__farmers___a",
    password: credential.password,
  });
  await expect(entering).rejects.toMatchObject({ code: "42501" });
});
