import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { said } from "../support/kill.ts";
import { openWorld, passwords, SANDBOXES, type World } from "../support/world.ts";

let world: World;
/** What processes of this machine showed of their arguments. */
const seen = new Set<string>();

beforeAll(async () => {
  world = await openWorld({
    as: "lesser",
    parameters: { log_statement: "all", log_min_duration_statement: "0", log_connections: "on" },
  });
}, 90_000);

afterAll(async () => {
  await world?.close();
}, 60_000);

/** Runs a command and looks at all arguments of all processes meanwhile. */
async function run(code: number | readonly number[], ...args: string[]): Promise<void> {
  const running = await world.start(...args);
  let over = false;
  const ended = running.ended.finally(() => (over = true));
  while (!over) {
    for (const pid of readdirSync("/proc")) if (/^\d+$/.test(pid)) noteArguments(pid);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 15))]);
  }
  const result = await ended;
  expect([code].flat(), said(args.join(" "), result)).toContain(result.code);
}

function noteArguments(pid: string): void {
  try {
    seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
  } catch {
    // It has ended.
  }
}

/** Every file of a folder, credentials apart, as one text. */
async function filesText(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (
    await Promise.all(files.filter((file) => !file.includes("/credentials/")).map((file) => readFile(file, "utf8")))
  ).join("\n");
}

async function ledgerText(): Promise<string> {
  const tables = ["environment", "admin", "resource", "name", "audit"];
  const texts = await Promise.all(
    tables.map((table) =>
      world.sql<{ text: string }>(`SELECT to_jsonb(t)::text AS text FROM ledger.${table} t`, "g2p_commons"),
    ),
  );
  return texts
    .flat()
    .map((row) => row.text)
    .join("\n");
}

test("no password shows in any output, argument, ledger, file or server log during an environment's whole life", async () => {
  // Before stands how this test made its admin.
  const logBefore = (await world.server.logText()).length;
  await run(2, "plan", "--json", "--verbose");
  await run(0, "apply", "--json", "--verbose");
  const secrets = [...(await passwords(world)), world.admin.password.reveal()];
  expect(secrets.length).toBe(5);

  await run(0, "apply", "--verbose");
  await run(0, "plan");
  await run(0, "verify");
  await run(0, "verify", "--json");
  await run(0, "status");
  await run(0, "status", "--json");
  await run(0, "names");
  for (const format of ["env", "dotenv", "json", "secret"]) await run(0, "bindings", "dev/farm", "--format", format);
  await run(0, "exec", "dev/farm", "--", "true");
  await run(0, "wait", "dev/farm");

  // Drift, refusals and failures talk most.
  await world.sql("ALTER ROLE faults___dev__farm___a PASSWORD 'drifted'; ALTER ROLE faults___qa__plain___a NOLOGIN");
  await run(2, "plan", "--verbose");
  await run([1, 2], "verify", "--verbose");
  await run(4, "wait", "dev/farm", "--timeout", "1s", "--verbose");
  await run(0, "apply", "--verbose");
  await run(3, "remove", "dev", "--verbose");
  await world.sql("ALTER SYSTEM SET default_transaction_read_only = on");
  await world.sql("SELECT pg_reload_conf()");
  await world.sql("ALTER ROLE faults___dev__farm___a PASSWORD 'drifted'").catch(() => {});
  await run([0, 1], "apply", "--verbose");
  await world.sql("ALTER SYSTEM RESET default_transaction_read_only");
  await world.sql("SELECT pg_reload_conf()");
  world.proxy.arm({ at: 2, when: "after", act: () => "cut" });
  await run(1, "remove", "qa", "--delete-data", "--yes", "--verbose");
  world.proxy.arm();
  await world.write(SANDBOXES, { user: "nobody_of_this_name" });
  await run(1, "apply", "--verbose");
  await world.write(`${SANDBOXES}oops`);
  await run(1, "apply", "--verbose");
  await world.write(SANDBOXES);
  secrets.push(...(await passwords(world)));
  const ledger = await ledgerText();
  await run(0, "remove", "dev", "--delete-data", "--yes", "--verbose");
  await run(0, "remove", "qa", "--delete-data", "--yes", "--json");

  const log = (await world.server.logText()).slice(logBefore);
  // The log does hold statements: a password's SCRAM verifier, from which no password can be read, and nothing else of it.
  expect(log).toContain("SCRAM-SHA-256$4096:");
  const places = {
    output: world.written.join("\n"),
    arguments: [...seen].join("\n"),
    ledger: `${ledger}\n${await ledgerText()}`,
    files: await filesText(world.state),
    log,
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(0);
    for (const secret of new Set(secrets)) {
      expect(text.includes(secret), `a password in ${place}`).toBe(false);
      expect(text.includes(Buffer.from(secret).toString("base64")), `a password in ${place}, in base64`).toBe(false);
    }
  }
}, 120_000);
