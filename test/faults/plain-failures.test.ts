import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { freePort } from "../../src/targets/embedded/free-port.ts";
import type { Ended } from "../support/cli.ts";
import { said, troublesAfterApply } from "../support/kill.ts";
import { forward } from "../support/port.ts";
import { fingerprint, openWorld, SANDBOXES, type World } from "../support/world.ts";

let world: World;
let before = "";

beforeAll(async () => {
  world = await openWorld({ version: 16, as: "lesser", maxConnections: 20 });
}, 90_000);

beforeEach(async () => {
  await world.reset();
  await world.write(SANDBOXES);
  before = await fingerprint(world);
});

afterAll(async () => {
  await world?.close();
}, 60_000);

/** One claim's descriptor beside the environment file, as the only module there is. */
async function onlyClaim(claim: string): Promise<void> {
  await writeFile(
    join(world.dir, "only.yaml"),
    `apiVersion: g2p.dev/v1\nkind: Module\nmodule: only\ntitle: Only\nclaims: {main: ${claim}}\n`,
  );
  await world.write("[{name: dev, modules: [./only.yaml]}]");
}

/** The command ended with this code, said this, and nothing on the server is other than before. */
async function failedCleanly(
  ended: Ended,
  code: number,
  says: RegExp,
  ledger: "no ledger" | "ledger" = "no ledger",
): Promise<void> {
  expect(ended.code, said("it", ended)).toBe(code);
  expect((ended.stdout + ended.stderr).replace(/\s+/g, " ")).toMatch(says);
  expect(await fingerprint(world)).toBe(before);
  const rows = await world.sql("SELECT FROM pg_database WHERE datname = 'g2p_commons'");
  expect(rows.length).toBe(ledger === "ledger" ? 1 : 0);
}

test("a server that is not there is named, and when it is there later all is made", async () => {
  const port = await freePort();
  await world.write(SANDBOXES, { port });
  await failedCleanly(
    await world.g2p("apply"),
    1,
    new RegExp(`connecting to PostgreSQL at 127.0.0.1:${port} .* nothing listens there .*Start the server`),
  );
  const there = await forward(port, world.server.admin);
  try {
    expect(await troublesAfterApply(world)).toEqual([]);
  } finally {
    await there.close();
  }
}, 60_000);

test("a wrong admin password is named with the place to correct it", async () => {
  const { user, password } = world.admin;
  await world.sql(`ALTER ROLE ${user} PASSWORD 'something else'`);
  before = await fingerprint(world);
  await failedCleanly(await world.g2p("apply"), 1, /refused the admin's password .*admin\.passwordFrom/);
  await world.sql(`ALTER ROLE ${user} PASSWORD '${password.reveal()}'`);
}, 90_000);

test.each([
  ["CREATEDB", "CREATEROLE"],
  ["CREATEROLE", "CREATEDB"],
])(
  "an admin without %s is told so before anything is made",
  async (lacks, has) => {
    await world.sql(`CREATE ROLE half LOGIN ${has} PASSWORD '${world.admin.password.reveal()}'`);
    await world.write(SANDBOXES, { user: "half" });
    before = await fingerprint(world);
    const ended = await world.g2p("apply");
    await failedCleanly(ended, 1, new RegExp(`"half" lacks ${lacks}\\b`));
    await failedCleanly(await world.g2p("plan"), 3, new RegExp(`"half" lacks ${lacks}\\b`));
  },
  90_000,
);

test("an extension that the server does not have is named, and nothing of its claim is made", async () => {
  await onlyClaim("{extensions: [no_such_extension]}");
  await failedCleanly(await world.g2p("plan"), 3, /no_such_extension .*install/i);
  await failedCleanly(await world.g2p("apply"), 3, /no_such_extension .*install/i, "ledger");
}, 90_000);

test("an extension that needs a superuser is refused to a lesser admin before its claim is begun", async () => {
  const [untrusted] = await world.sql<{ name: string }>(
    "SELECT name FROM pg_available_extension_versions WHERE superuser AND NOT trusted AND requires IS NULL ORDER BY name LIMIT 1",
  );
  expect(untrusted).toBeDefined();
  await onlyClaim(`{extensions: [${untrusted?.name ?? ""}]}`);
  await failedCleanly(
    await world.g2p("plan"),
    3,
    new RegExp(`needs superuser: extension:${untrusted?.name ?? ""} .*not a trusted extension`),
  );
  await failedCleanly(await world.g2p("apply"), 3, /needs superuser/, "ledger");
}, 90_000);

test("a server without a free connection is named, and nothing is made", async () => {
  const holders = await occupy(0);
  try {
    await failedCleanly(await world.g2p("apply"), 1, /no connection left .*max_connections/);
  } finally {
    await Promise.all(holders.map((client) => client.end()));
    await world.sql("DROP ROLE occupant");
  }
  expect(await troublesAfterApply(world)).toEqual([]);
}, 60_000);

test.each([1, 2])(
  "with only %i free connections an apply says so, never done, and the next one with more completes it",
  async (free) => {
    await onlyClaim("{extensions: [pg_trgm]}");
    const holders = await occupy(free);
    try {
      const ended = await world.g2p("apply", "--concurrency", "1");
      expect(ended.code, said("apply", ended)).toBe(1);
      expect((ended.stdout + ended.stderr).replace(/\s+/g, " ")).toMatch(/no connection left .*max_connections/);
      expect(ended.stdout).not.toMatch(/Applied:/);
    } finally {
      await Promise.all(holders.map((client) => client.end()));
    }
    expect((await world.g2p("apply")).code).toBe(0);
    expect((await world.g2p("plan")).code).toBe(0);
  },
  60_000,
);

/** Takes all connections that are not kept for superusers, save some. */
async function occupy(free: number) {
  const { password } = world.admin;
  await world.sql(`CREATE ROLE occupant LOGIN PASSWORD '${password.reveal()}'`);
  const holders = [];
  for (let n = 0; n < 17 - free; n += 1)
    holders.push(await connect({ server: world.server.admin, database: "postgres", user: "occupant", password }));
  before = await fingerprint(world);
  return holders;
}

describe("names that cannot be", () => {
  test.each([
    ["a sandbox in capitals and spaces", "[{name: 'My Sandbox', modules: [./plain.yaml]}]"],
    ["a sandbox in another script", "[{name: größe, modules: [./plain.yaml]}]"],
    ["SQL as an instance", `[{name: dev, modules: [{module: ./plain.yaml, name: "x'; DROP DATABASE postgres; --"}]}]`],
    [
      "a fixed name of 64 bytes",
      `[{name: dev, modules: [{module: ./plain.yaml, claims: {main: {name: ${"x".repeat(64)}}}}]}]`,
    ],
    [
      "a fixed name of 63 letters but more bytes",
      `[{name: dev, modules: [{module: ./plain.yaml, claims: {main: {name: ${"ü".repeat(40)}}}}]}]`,
    ],
    [
      "a fixed name of the server's own",
      "[{name: dev, modules: [{module: ./plain.yaml, claims: {main: {name: template1}}}]}]",
    ],
    [
      "one fixed name for two claims",
      "[{name: dev, modules: [{module: ./plain.yaml, name: a, claims: {main: {name: legacy}}}, {module: ./plain.yaml, name: b, claims: {main: {name: legacy}}}]}]",
    ],
  ])(
    "%s is an error with its place in the file",
    async (_, sandboxes) => {
      await world.write(sandboxes);
      const ended = await world.g2p("apply");
      await failedCleanly(ended, 1, /g2p\.yaml has a problem\. Nothing was changed/);
      expect(ended.stderr).toMatch(/g2p\.yaml:\d+:\d+ /);
    },
    90_000,
  );
});

test.each([
  `we"ird; DROP`,
  `x'; DROP DATABASE postgres; --`,
  "größe 数据库",
  "back\\slash $1 %s :name",
  "-- comment /*",
  "Case__AND  spaces",
])(
  "a fixed name like %s is only a name, from apply to remove",
  async (name) => {
    await world.write(
      `[{name: dev, modules: [{module: ./plain.yaml, claims: {main: {name: ${JSON.stringify(name)}, login: ${JSON.stringify(`${name} login`)}, readers: [report]}}}]}]`,
    );
    for (const command of [["apply"], ["plan"], ["verify"], ["status"], ["apply", "--quick"]]) {
      const ended = await world.g2p(...command);
      expect(ended.code, said(command.join(" "), ended)).toBe(0);
    }
    const [row] = await world.sql<{ owner: string }>(
      `SELECT datdba::regrole::text AS owner FROM pg_database WHERE datname = '${name.replaceAll("'", "''")}'`,
    );
    expect(row?.owner).toContain("___owner");
    const removed = await world.g2p("remove", "dev", "--delete-data", "--yes");
    expect(removed.code, said("remove", removed)).toBe(0);
    expect(await fingerprint(world)).toBe(before);
  },
  60_000,
);
