import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { ident, literal } from "../../src/providers/postgresql/sql.ts";
import type { ServerAddress } from "../../src/model/environment.ts";
import { findBinaries } from "../../src/targets/embedded/binaries.ts";
import { freePort } from "../../src/targets/embedded/free-port.ts";
import { startPostgresql, stopPostgresql } from "../../src/targets/embedded/postgresql.ts";
import { withLock } from "../../src/targets/embedded/process-lock.ts";
import { createServerDir, readRecord, serverFiles, writeRecord } from "../../src/targets/embedded/server-files.ts";
import { createStateDir } from "../../src/targets/state.ts";
import { randomPassword } from "../../src/targets/random-password.ts";

/** Which server a test wants. */
export interface TestServerOptions {
  readonly version?: 15 | 16 | 18;
  readonly maxConnections?: number;
  /** Further server parameters, e.g. `log_statement: all`. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A real PostgreSQL of a test's own. */
export interface TestServer {
  /** The superuser. Its port is a getter's, since a restart may change it. */
  readonly admin: ServerAddress;
  readonly pid: number;
  readonly stateDir: string;
  /** Makes an administrator with LOGIN CREATEDB CREATEROLE and CONNECT on `postgres`, not a superuser. */
  createLesserAdmin(): Promise<ServerAddress>;
  /** Everything the server has logged. */
  logText(): Promise<string>;
  /** Stops and starts it; `whileDown` runs in between. */
  restart(whileDown?: () => void): Promise<void>;
  /** Ends the server's first process without warning; `restart` starts it again. */
  kill9(): void;
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

/** Memory where there is some: tests make and drop many databases. */
const BASE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const PREFIX = "g2p-test-";

const FAST = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  shared_buffers: "32MB",
};

/** Starts a PostgreSQL for one test file, from a copy of a data directory that is made once per machine and version. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const version = options.version ?? 18;
  await removeAbandoned();
  const stateDir = await temporaryStateDir();
  const files = serverFiles(stateDir, "");
  await createServerDir(files);
  await rm(files.dir, { recursive: true });
  await promisify(execFile)("cp", ["-a", await template(version), files.dir]);
  const record = await readRecord(files);
  if (record !== undefined) await writeRecord(files, { ...record, port: await freePort() });

  const start = () =>
    startPostgresql({
      stateDir,
      scope: "",
      version,
      settings: { maxConnections: options.maxConnections ?? 100, parameters: { ...FAST, ...options.parameters } },
      emit: () => {},
    });
  const atExit = () => {
    try {
      process.kill(server.pid, "SIGQUIT");
    } catch {
      // It has ended.
    }
    rmSync(dirname(stateDir), { recursive: true, force: true });
  };
  let server = await start();
  process.once("exit", atExit);

  return {
    get admin() {
      return server;
    },
    get pid() {
      return server.pid;
    },
    stateDir,
    createLesserAdmin: () => createLesserAdmin(server),
    logText: () => readFile(files.log, "utf8"),
    restart: async (whileDown = () => {}) => {
      await stopPostgresql({ stateDir, scope: "" });
      whileDown();
      server = await start();
    },
    kill9: () => void process.kill(server.pid, "SIGKILL"),
    stop: async () => {
      await stopPostgresql({ stateDir, scope: "" });
      process.removeListener("exit", atExit);
      await rm(dirname(stateDir), { recursive: true, force: true });
    },
  };
}

/** A new, empty state directory in memory, named after this process so that {@link removeAbandoned} knows it. */
export async function temporaryStateDir(): Promise<string> {
  const dir = join(await mkdtemp(join(BASE, `${PREFIX}${process.pid}-`)), "state");
  await chmod(dirname(dir), 0o711);
  await createStateDir(dir);
  return dir;
}

async function createLesserAdmin(superuser: ServerAddress): Promise<ServerAddress> {
  const user = `adm_${randomBytes(4).toString("hex")}`;
  const password = randomPassword();
  const client = await connect({ server: superuser, ...superuser });
  try {
    await client.query(
      `CREATE ROLE ${ident(user)} LOGIN CREATEDB CREATEROLE NOSUPERUSER PASSWORD ${literal(password.reveal())}`,
    );
    await client.query(`GRANT CONNECT ON DATABASE postgres TO ${ident(user)}`);
  } finally {
    await client.end();
  }
  return { ...superuser, user, password };
}

/** Folder of a stopped, freshly made server of this version, ready to be copied. */
async function template(version: number): Promise<string> {
  const { packageVersion } = findBinaries(version);
  const cache = join(tmpdir(), `${PREFIX}cache-${process.getuid?.() ?? 0}-${packageVersion}`);
  const ready = join(cache, "server");
  if (existsSync(ready)) return ready;
  await mkdir(cache, { recursive: true, mode: 0o711 });
  await withLock(join(cache, "lock"), async () => {
    if (existsSync(ready)) return;
    const stateDir = join(cache, "state");
    await rm(stateDir, { recursive: true, force: true });
    const settings = { maxConnections: 100, parameters: FAST };
    await startPostgresql({ stateDir, scope: "", version, settings, emit: () => {} });
    await stopPostgresql({ stateDir, scope: "" });
    await rename(serverFiles(stateDir, "").dir, ready);
  });
  return ready;
}

/** Stops the servers and removes the folders of test runs that were killed. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(BASE)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const dir = join(BASE, name);
    await stopPostgresql({ stateDir: join(dir, "state"), scope: "" }).catch(() => {});
    await rm(dir, { recursive: true, force: true }).catch(() => {});
  }
}
