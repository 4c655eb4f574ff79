import { execFile, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { run, type WaitCommandOptions } from "../../src/cli/commands/wait.ts";
import { databaseTarget } from "../../src/cli/wait-targets.ts";
import { waitForTargets } from "../../src/engine/wait.ts";
import { ServiceError, TimeoutError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";
import { checkDatabase, type DatabaseCheck } from "../../src/providers/postgresql/check.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { forward, freePort, listenSilently } from "../support/port.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";

/** Looks that fail before something appears: enough for the pauses to have grown to their longest. */
const LOOKS_BEFORE = 5;
/** Allowed between "it is there" and "wait returned", on a machine busy with other tests; bench/ measures the delay itself. */
const NOTICE_MS = 5_000;

let server: TestServer;
let admin: Awaited<ReturnType<typeof connect>>;
let name: string;
let password: string;
let directory: string;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startTestServer({ version: 18 });
  admin = await connect({ server: server.admin, ...server.admin });
}, 60_000);

afterAll(async () => {
  await admin?.end();
  await server?.stop();
}, 60_000);

beforeEach(() => {
  name = `w${randomBytes(6).toString("hex")}`;
  password = `pw-${randomBytes(12).toString("hex")}`;
  directory = mkdtempSync(join(tmpdir(), "g2p-wait-"));
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(directory, { recursive: true });
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.query(`DROP ROLE IF EXISTS ${name}_a`);
  await admin.query(`DROP ROLE IF EXISTS ${name}_owner`);
});

test("a database that is there is ready at the first look", async () => {
  await makeRoles();
  await makeDatabase();
  const { ms, lines } = await wait({});
  expect(lines).toEqual([]);
  expect(ms).toBeLessThan(10_000);
});

test("waits for a server that starts later", async () => {
  await makeRoles();
  await makeDatabase();
  const port = await freePort();
  const { delay, lines } = await waitWhile(() => proxy(port), { server: at(port) });
  expect(lines).toEqual([`nothing listens on 127.0.0.1:${port}`, "ready"]);
  expect(delay).toBeLessThan(NOTICE_MS);
});

test("waits for a database that is created later", async () => {
  await makeRoles();
  const { delay, lines } = await waitWhile(makeDatabase);
  expect(lines[0]).toBe(`database ${name} does not exist yet`);
  expect(delay).toBeLessThan(NOTICE_MS);
});

test("waits for a database that is created closed and opened later", async () => {
  await makeRoles();
  await makeDatabase();
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  const { delay, lines } = await waitWhile(() => admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`));
  expect(lines).toEqual([`database ${name} is not open yet`, "ready"]);
  expect(delay).toBeLessThan(NOTICE_MS);
});

test("waits for a role that is created later", async () => {
  await admin.query(`CREATE DATABASE ${name}`);
  const { delay, lines } = await waitWhile(() => makeRoles(), { owner: undefined });
  expect(lines).toEqual([passwordRefused(), "ready"]);
  expect(delay).toBeLessThan(NOTICE_MS);
});

test("waits for a password that is corrected later", async () => {
  await makeRoles("another password");
  await makeDatabase();
  const { delay, lines } = await waitWhile(() => admin.query(`ALTER ROLE ${name}_a PASSWORD '${password}'`));
  expect(lines).toEqual([passwordRefused(), "ready"]);
  expect(delay).toBeLessThan(NOTICE_MS);
});

test("fail-fast stops at once on a wrong password", async () => {
  await makeRoles("another password");
  await makeDatabase();
  const start = performance.now();
  const error = await wait({}, { timeoutMs: 20_000, failFast: true }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ServiceError);
  expect(performance.now() - start).toBeLessThan(15_000);
  expect((error as ServiceError).message).toContain(passwordRefused());
  expect(JSON.stringify(error)).not.toContain(password);
});

test("fail-fast goes on waiting for what may still come", async () => {
  await makeRoles();
  const { lines } = await waitWhile(makeDatabase, {}, { failFast: true });
  expect(lines.at(-1)).toBe("ready");
});

test("without fail-fast a wrong password times out with exit code 4 and the last reason", async () => {
  await makeRoles("another password");
  await makeDatabase();
  const error = await wait({}, { timeoutMs: 300 }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TimeoutError);
  expect((error as TimeoutError).exitCode).toBe(4);
  expect((error as TimeoutError).message).toMatch(/^Not ready after 0\.\d s:\n {2}the target: the server refused/);
});

test("the timeout error names each missing target and none that is ready", async () => {
  await makeRoles();
  await makeDatabase();
  const targets = ["there", "gone"].map((label) =>
    databaseTarget(label, () => ({ ...check(), ...(label === "gone" ? { database: `${name}x` } : {}) })),
  );
  const error = await waitForTargets(targets, { timeoutMs: 300 }).catch((thrown: unknown) => thrown);
  expect((error as TimeoutError).message).toContain(`gone: database ${name}x does not exist yet`);
  expect((error as TimeoutError).message).not.toContain("there:");
});

test("a login that lost its membership in the owner role is not ready", async () => {
  await makeRoles();
  await makeDatabase();
  await admin.query(`REVOKE ${name}_owner FROM ${name}_a`);
  await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${name}_a`);
  expect(await checkDatabase(check(), 2_000)).toEqual({
    state: "unhealthy",
    reason: `sessions of ${name}_a run as ${name}_a instead of the owner role ${name}_owner: its membership in that role or its "role" setting is missing`,
  });
});

test("a database owned by another role is not ready", async () => {
  await makeRoles();
  await makeDatabase();
  await admin.query(`ALTER DATABASE ${name} OWNER TO postgres`);
  await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${name}_owner`);
  const reason = `database ${name} is owned by postgres, expected ${name}_owner`;
  expect(await checkDatabase(check(), 2_000)).toEqual({ state: "unhealthy", reason });
});

test("a login without CONNECT, one that may not log in and one without a free connection are told apart", async () => {
  await makeRoles();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  const look = () => checkDatabase(check(), 2_000);
  expect(await look()).toMatchObject({ state: "unhealthy", reason: expect.stringContaining("lacks a right on") });
  await admin.query(`ALTER ROLE ${name}_a NOLOGIN`);
  expect(await look()).toMatchObject({
    state: "unhealthy",
    reason: expect.stringContaining("not permitted to log in"),
  });
  await admin.query(`ALTER ROLE ${name}_a LOGIN CONNECTION LIMIT 0`);
  expect(await look()).toMatchObject({ state: "waiting", reason: expect.stringContaining("no connection is free") });
});

test("waits until the initialisation version is reached", async () => {
  await makeRoles();
  await makeDatabase();
  const login = await connect(check() as Parameters<typeof connect>[0]);
  closing.push(() => login.end());
  const needed = { initialisation: 2 };
  expect(await checkDatabase({ ...check(), ...needed }, 2_000)).toMatchObject({ state: "waiting" });
  await login.query("CREATE SCHEMA g2p; CREATE TABLE g2p.initialisation (version bigint PRIMARY KEY)");
  await login.query("INSERT INTO g2p.initialisation VALUES (1)");
  const { delay, lines } = await waitWhile(() => login.query("INSERT INTO g2p.initialisation VALUES (2)"), needed);
  expect(lines).toEqual([`database ${name} is initialised to version 1, version 2 is needed`, "ready"]);
  expect(delay).toBeLessThan(NOTICE_MS);
});

test("a server that accepts connections but never answers ends in a timeout, not in hanging", async () => {
  const { port, close } = await listenSilently();
  closing.push(close);
  const start = performance.now();
  const error = await wait({ server: at(port) }, { timeoutMs: 200 }).catch((thrown: unknown) => thrown);
  expect((error as Error).message).toContain(`127.0.0.1:${port} does not answer`);
  expect(performance.now() - start).toBeLessThan(15_000);
});

test("interrupting ends the wait at once", async () => {
  const signal = AbortSignal.timeout(100);
  const start = performance.now();
  await expect(wait({}, { timeoutMs: 20_000, signal })).rejects.toMatchObject({ exitCode: 130 });
  expect(performance.now() - start).toBeLessThan(15_000);
});

describe("g2p wait", () => {
  test("waits with plain flags, telling each reason once and then how long it took", async () => {
    await makeRoles();
    const { code, stderr, stdout } = await command(
      { ...flags(), timeout: "10s" },
      { PGPASSWORD: password },
      makeDatabase,
    );
    expect(code).toBe(0);
    expect(stdout).toBe("");
    const { host, port } = server.admin;
    expect(stderr).toMatch(`waiting for ${name} on ${host}:${port}: database ${name} does not exist yet\n`);
    expect(stderr).toMatch(/ready after \d+\.\d s\n$/);
    expect(stderr.match(/does not exist/g)).toHaveLength(1);
  });

  test("waits for a password file that appears later and answers in JSON", async () => {
    await makeRoles();
    await makeDatabase();
    const passwordFile = join(directory, "password");
    const { code, stderr, stdout } = await command({ ...flags(), passwordFile, json: true, verbose: true }, {}, () =>
      writeFileSync(passwordFile, `${password}\n`),
    );
    expect(code).toBe(0);
    expect(stderr).toContain(`file ${passwordFile} is not there yet`);
    expect(JSON.parse(stdout)).toMatchObject({ ready: true, targets: [{ name: expect.stringContaining(name) }] });
  });

  test("waits with a binding directory, its own or that of SERVICE_BINDING_ROOT", async () => {
    await makeRoles();
    await makeDatabase();
    const { host, port } = server.admin;
    for (const type of ["postgresql", "kafka"]) {
      const entries = { type, host, port: String(port), database: name, username: `${name}_a`, password };
      mkdirSync(join(directory, type));
      for (const [entry, value] of Object.entries(entries)) writeFileSync(join(directory, type, entry), value);
    }
    expect((await command({ binding: true }, { SERVICE_BINDING_ROOT: directory })).code).toBe(0);
    expect((await command({ binding: join(directory, "postgresql") })).code).toBe(0);
    await expect(command({ binding: join(directory, "kafka") })).rejects.toThrow(/found kafka/);
  });
});

describe("wait-for-psql", () => {
  test("exits 0 when the login works and prints nothing", async () => {
    await makeRoles();
    expect(await dropIn(dropInFlags())).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("takes the password from PGPASSWORD and proves the module's own database", async () => {
    await makeRoles();
    const tried = Promise.withResolvers<void>();
    const port = await freePort();
    await proxy(port, () => tried.resolve());
    const args = dropInFlags().filter((arg) => !arg.startsWith("--db_password"));
    const flags = [...args, `--db_port=${port}`, "--db_name", name, "--timeout=10"];
    const result = dropIn(flags, { PGPASSWORD: password });
    await tried.promise;
    await makeDatabase();
    expect((await result).code).toBe(0);
  });

  test("hides the password from the list of processes", async () => {
    await makeRoles();
    const port = await freePort();
    let pid: number | undefined;
    let commandLine = "";
    await proxy(port, () => (commandLine ||= readFileSync(`/proc/${pid}/cmdline`, "utf8")));
    const { code } = await dropIn([...dropInFlags(), `--db_port=${port}`], {}, (child) => (pid = child.pid));
    expect(code).toBe(0);
    expect(commandLine).toMatch(/^wait-for-psql/);
    expect(commandLine).not.toContain(password);
  });

  test("exits 1 with the reason, and without the password, when time is over", async () => {
    await makeRoles("another password");
    const { code, stderr } = await dropIn([...dropInFlags(), "--timeout", "1"]);
    expect(code).toBe(1);
    expect(stderr).toBe(`Database connection failure: ${passwordRefused()}\n`);
  });

  test("looks once where the timeout is zero or negative", async () => {
    await makeRoles();
    expect((await dropIn([...dropInFlags(), "--timeout", "-1"])).code).toBe(0);
    const port = await freePort();
    const { code, stderr } = await dropIn([...dropInFlags(), "--db_port", String(port), "--timeout=0"]);
    expect(code).toBe(1);
    expect(stderr).toBe(`Database connection failure: nothing listens on 127.0.0.1:${port}\n`);
  });

  test("exits 2 with its usage on wrong arguments", async () => {
    const { code, stderr } = await dropIn(["--db_host", "localhost"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^usage: wait-for-psql /);
    expect(stderr).toMatch(/error: the following arguments are required: --db_port, --db_user, --db_password\n$/);
  });
});

function check(): DatabaseCheck {
  const { admin } = server;
  return { server: admin, database: name, user: `${name}_a`, password: new Secret(password), owner: `${name}_owner` };
}

function at(port: number): DatabaseCheck["server"] {
  return { host: "127.0.0.1", port, sslmode: "prefer" };
}

type Overrides = { [Key in keyof DatabaseCheck]?: DatabaseCheck[Key] | undefined };
type Options = { timeoutMs?: number; failFast?: boolean; signal?: AbortSignal };

/** Waits for one target, telling `onLook` after each look; gives each reason told, and when the wait ended. */
async function wait(overrides: Overrides, options: Options = {}, onLook = () => {}) {
  const wanted = { ...check(), ...overrides };
  if (wanted.owner === undefined) delete wanted.owner;
  const target = databaseTarget("the target", () => wanted as DatabaseCheck);
  const look = (timeoutMs: number) => target.check(timeoutMs).finally(onLook);
  const lines: string[] = [];
  const [ready] = await waitForTargets([{ ...target, check: look }], {
    timeoutMs: 15_000,
    ...options,
    onChange: (_, result) => {
      if (result.state !== "ready") lines.push(result.reason);
      else if (lines.length > 0) lines.push("ready");
    },
  });
  return { ms: ready!.ms, lines, end: performance.now() };
}

/** Waits while something is done after a few looks; `delay` is from its end to the wait's. */
async function waitWhile(later: () => Promise<unknown>, overrides: Overrides = {}, options: Options = {}) {
  let looks = 0;
  const seen = Promise.withResolvers<void>();
  const waiting = wait(overrides, options, () => {
    if (++looks === LOOKS_BEFORE) seen.resolve();
  });
  await Promise.race([seen.promise, waiting]);
  await later();
  const there = performance.now();
  const { lines, end } = await waiting;
  return { lines, delay: end - there };
}

async function makeRoles(rolePassword = password) {
  await admin.query(`CREATE ROLE ${name}_owner; CREATE ROLE ${name}_a LOGIN PASSWORD '${rolePassword}'`);
  await admin.query(`GRANT ${name}_owner TO ${name}_a; ALTER ROLE ${name}_a SET role = ${name}_owner`);
}

async function makeDatabase() {
  await admin.query(`CREATE DATABASE ${name} OWNER ${name}_owner`);
  await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
}

function passwordRefused() {
  return `the server refused the password of ${name}_a: it is wrong, or the role does not exist yet`;
}

/** Runs `g2p wait`; does `later` when it has told for the first time what it waits for. */
async function command(options: WaitCommandOptions, env: Record<string, string> = {}, later?: () => unknown) {
  const written = { stdout: "", stderr: "" };
  const told = Promise.withResolvers<void>();
  const stdout = { write: (text: string) => (written.stdout += text) };
  const stderr = { write: (text: string) => ((written.stderr += text), told.resolve()) };
  const { signal } = new AbortController();
  const result = run([], options, { stdout, stderr, env, cwd: directory, signal }, () =>
    Promise.reject(new Error("no environment file here")),
  );
  if (later !== undefined) await Promise.race([told.promise, result]);
  await later?.();
  const code = await result;
  expect(written.stdout + written.stderr).not.toContain(password);
  return { code, ...written };
}

function flags(): WaitCommandOptions {
  return { host: server.admin.host, port: String(server.admin.port), database: name, user: `${name}_a` };
}

function dropInFlags() {
  const { host, port } = server.admin;
  return [`--db_host=${host}`, `--db_port=${port}`, `--db_user=${name}_a`, `--db_password=${password}`];
}

async function dropIn(args: string[], env: Record<string, string> = {}, onStart = (_: ChildProcess) => {}) {
  const script = join(import.meta.dirname, "../../src/cli/wait-for-psql.ts");
  const result = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, [script, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
    onStart(child);
  });
  expect(result.stdout + result.stderr).not.toContain(password);
  return result;
}

async function proxy(port: number, onConnection?: () => void) {
  closing.push((await forward(port, server.admin, onConnection)).close);
}
