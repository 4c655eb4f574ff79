import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseDuration, run, type WaitCommandOptions } from "../../../src/cli/commands/wait.ts";
import { bindingTargets } from "../../../src/cli/wait-bindings.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "g2p-wait-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function binding(name: string, entries: Record<string, string>) {
  mkdirSync(join(directory, name), { recursive: true });
  for (const [entry, value] of Object.entries(entries)) writeFileSync(join(directory, name, entry), value);
}

function command(options: WaitCommandOptions, args: string[] = [], env: Record<string, string> = {}) {
  const told: string[] = [];
  const stream = { write: (text: string) => told.push(text) };
  const io = { stdout: stream, stderr: stream, env, cwd: directory, signal: new AbortController().signal };
  const code = run(args, options, io, (instances, { initialisation }) =>
    Promise.resolve(instances.map((name) => ({ name: `${name} ${initialisation}`, check: ready }))),
  );
  return { code, told };
}

const ready = () => Promise.resolve({ state: "ready" } as const);

test.each([
  ["500ms", 500],
  ["30s", 30_000],
  ["1.5m", 90_000],
  ["2h", 7_200_000],
  ["0", 0],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "30", "s", "-1s", "1 day", "1e3s"])("%j is not a duration", (text) => {
  expect(() => parseDuration(text)).toThrow(/expected a number with a unit, such as 500ms, 30s or 5m/);
});

test.each([
  { options: { host: "h", binding: "d" }, args: [], message: /exclude each other/ },
  { options: { binding: "d" }, args: ["dev/registry"], message: /exclude each other/ },
  { options: { host: "h", user: "u" }, args: [], message: /--host needs --database and --user/ },
  { options: { host: "h", user: "u", database: "d", port: "x" }, args: [], message: /--port x is not a port/ },
  { options: { passwordFile: "f" }, args: [], message: /--password-file needs --host/ },
  { options: { binding: true }, args: [], message: /SERVICE_BINDING_ROOT/ },
  { options: { initialised: "v2" }, args: ["dev/registry"], message: /--initialised v2 is not a version/ },
])("refuses $options $args and tries nothing", async ({ options, args, message }) => {
  const { code, told } = command(options, args);
  await expect(code).rejects.toThrow(message);
  expect(told).toEqual([]);
});

test("hands instances and the wanted version to the environment's own targets", async () => {
  const { code, told } = command({ initialised: "3", json: true }, ["dev/registry"]);
  expect(await code).toBe(0);
  expect(JSON.parse(told[0]!)).toMatchObject({ targets: [{ name: "dev/registry 3" }] });
});

test("finds the PostgreSQL bindings below a directory, past Kubernetes's hidden ones", () => {
  binding("spar", { type: "postgresql\n" });
  binding("main", { type: "postgresql" });
  binding("topics", { type: "kafka" });
  binding("..data", { type: "postgresql" });
  expect(bindingTargets(directory, {}).map(({ name }) => name)).toEqual(["main", "spar"]);
  expect(bindingTargets(join(directory, "main"), {}).map(({ name }) => name)).toEqual(["main"]);
});

test("says what it found instead of a PostgreSQL binding", () => {
  expect(() => bindingTargets(directory, {})).toThrow(/found no file named type/);
  expect(() => bindingTargets(join(directory, "absent"), {})).toThrow(/Cannot read the binding directory .*absent/);
});

test("an entry that is missing or wrong is a reason to wait that names its file", async () => {
  binding("main", { type: "postgresql", host: "127.0.0.1" });
  const [target] = bindingTargets(directory, {});
  expect(await target!.check(1_000)).toEqual({
    state: "waiting",
    reason: `file ${join(directory, "main", "database")} is not there yet`,
  });
  binding("main", { port: "many" });
  expect(await target!.check(1_000)).toMatchObject({ reason: expect.stringContaining('port number, not "many"') });
});

test("refuses an unknown PGSSLMODE", async () => {
  const options = { host: "h", database: "d", user: "u" };
  await expect(command(options, [], { PGSSLMODE: "maybe" }).code).rejects.toThrow(
    /PGSSLMODE is maybe; expected one of/,
  );
});
