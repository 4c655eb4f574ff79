import { existsSync } from "node:fs";
import type { ServerAddress } from "../../model/environment.ts";
import { CommonsError, RefusedError, ServiceError } from "../../model/error.ts";
import type { Emit } from "../../model/event.ts";
import type { Secret } from "../../model/secret.ts";
import { type Binaries, findBinaries, runnableBinaries } from "./binaries.ts";
import { freePort, isPortFree } from "./free-port.ts";
import { initData } from "./initdb.ts";
import { lastLines, launch, type Ready, waitUntilReady } from "./launch.ts";
import { disarmPidFile, findPostmaster, stopPostmaster } from "./postmaster.ts";
import { withLock } from "./process-lock.ts";
import { type RunAs, runAs } from "./run-as.ts";
import {
  addressOf,
  adminPassword,
  createDataHome,
  createServerDir,
  dataDirOf,
  placeData,
  readRecord,
  type ServerFiles,
  serverFiles,
  type ServerRecord,
  writeRecord,
} from "./server-files.ts";
import { until } from "./until.ts";

export { embeddedScopes } from "./server-files.ts";

/** What may differ between embedded servers. */
export interface PostgresqlSettings {
  /** Connections that the claims need together, with the administrator's own. */
  readonly maxConnections: number;
  /** Further server parameters, over those that every embedded server gets. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Which embedded server, and how it should be. */
export interface StartOptions {
  readonly stateDir: string;
  /** `""` for the environment's, `dev` for a sandbox's, `dev/registry` for an instance's own server. */
  readonly scope: string;
  /** Major version. */
  readonly version: number;
  /** Fixed port; without it one is chosen once and kept. */
  readonly port?: number | undefined;
  readonly settings: PostgresqlSettings;
  readonly emit: Emit;
}

/** A running embedded server. */
export type StartedServer = ServerAddress & {
  readonly pid: number;
  /** False when it ran already. */
  readonly started: boolean;
};

/** What is there of an embedded server. */
export type ServerState =
  | { readonly state: "absent" }
  | { readonly state: "stopped"; readonly address: ServerAddress }
  | { readonly state: "running"; readonly address: ServerAddress; readonly pid: number };

const BIND_FAILED = /could not bind|could not create any TCP\/IP sockets/;
/** The last sessions of a killed server, or a server that an interrupted run has just started, are in the way for a moment. */
const STILL_IN_USE = /pre-existing shared memory block|lock file "postmaster\.pid" already exists/;
const STILL_IN_USE_TIMEOUT_MS = 30_000;
const PORT_ATTEMPTS = 5;

/**
 * Makes sure that the embedded PostgreSQL of a scope runs and lets its superuser in: finds it running, or starts it, or
 * creates it first. Calls at the same time, in this or other processes, end with one server. It can be interrupted at any
 * point; the next call completes what was begun. A running server is restarted for a new port or for more connections
 * only while nobody is connected; otherwise a note says that they wait for the next start.
 *
 * Never runs anything as root: see {@link runAs} and {@link placeData}.
 *
 * @throws RefusedError `EMBEDDED_VERSION` or `EMBEDDED_DATA_LOST`, without touching the data.
 * @throws ServiceError or TimeoutError when it cannot be started, with the last lines of its log.
 */
export async function startPostgresql(options: StartOptions): Promise<StartedServer> {
  const files = serverFiles(options.stateDir, options.scope);
  const step = `start postgresql${options.scope === "" ? "" : `/${options.scope}`}`;
  const begin = performance.now();
  options.emit({
    type: "step-start",
    step,
    title: `Starting ${options.scope === "" ? "postgresql" : `postgresql/${options.scope}`} (PostgreSQL ${options.version})`,
  });
  const end = (outcome: "done" | "failed", detail?: string) =>
    options.emit({
      type: "step-end",
      step,
      outcome,
      ms: performance.now() - begin,
      ...(detail === undefined ? {} : { detail }),
    });
  try {
    await createServerDir(files);
    const server = await withLock(
      files.lock,
      () => startLocked(options, files),
      (pid) =>
        options.emit({ type: "note", level: "info", text: `Waiting for process ${pid}, which works on this server.` }),
    );
    end("done", `${server.started ? "started on" : "runs on"} ${server.host}:${server.port}`);
    return server;
  } catch (error) {
    end("failed");
    throw readable(error, files);
  }
}

/**
 * Stops the embedded PostgreSQL of a scope; its data stays.
 *
 * @returns false when it did not run.
 * @throws TimeoutError `EMBEDDED_STOP_TIMEOUT`, ServiceError `EMBEDDED_STOP_DENIED`.
 */
export async function stopPostgresql(options: Pick<StartOptions, "stateDir" | "scope">): Promise<boolean> {
  const files = serverFiles(options.stateDir, options.scope);
  if (!existsSync(files.dir)) return false;
  try {
    return await withLock(files.lock, async () => {
      const record = await readRecord(files);
      if (record === undefined) return false;
      const dataDir = await dataDirOf(files, record);
      const running = await findPostmaster(dataDir);
      if (running === undefined) return false;
      await stopPostmaster(running.pid, dataDir);
      return true;
    });
  } catch (error) {
    throw readable(error, files);
  }
}

/** Looks what is there of the embedded PostgreSQL of a scope; changes nothing and does not connect. */
export async function inspectPostgresql(options: Pick<StartOptions, "stateDir" | "scope">): Promise<ServerState> {
  const files = serverFiles(options.stateDir, options.scope);
  try {
    const record = await readRecord(files);
    if (record?.initialized !== true) return { state: "absent" };
    const password = await adminPassword(files);
    const running = await findPostmaster(await dataDirOf(files, record));
    if (running === undefined) return { state: "stopped", address: addressOf(files, record.port, password) };
    return { state: "running", address: addressOf(files, running.port, password), pid: running.pid };
  } catch (error) {
    throw readable(error, files);
  }
}

async function startLocked(options: StartOptions, files: ServerFiles): Promise<StartedServer> {
  const record = (await readRecord(files)) ?? (await firstRecord(options, files));
  assertFits(options, files, record);
  const dataDir = await dataDirOf(files, record);
  const password = await adminPassword(files);
  const running = await reuse(options, files, dataDir, password);
  if (running !== undefined) return running;

  const user = await runAs(dataDir);
  const binaries = await runnableBinaries(findBinaries(options.version), user);
  if (!existsSync(dataDir)) {
    if (record.initialized) throw dataLost(files, dataDir);
    await createDataHome(dataDir);
    await initData(binaries, options.version, dataDir, user, password);
  }
  const whole = { ...record, initialized: true };
  await writeRecord(files, whole);
  const server = await until(
    () => tryToStart(options, files, whole, { dataDir, user, binaries, password }),
    STILL_IN_USE_TIMEOUT_MS,
  );
  if (server !== undefined) return server;
  throw new ServiceError(`PostgreSQL was not started: processes of an earlier server still use ${dataDir}.`, {
    code: "EMBEDDED_DATA_IN_USE",
    hint: "Wait until they have ended, or end them (ps shows them as `postgres:`), and run the command again.",
  });
}

/** The running server, if any; `undefined` also when it was stopped here because it must be restarted. */
async function reuse(
  options: StartOptions,
  files: ServerFiles,
  dataDir: string,
  password: Secret,
): Promise<StartedServer | undefined> {
  const running = await findPostmaster(dataDir);
  if (running === undefined) return undefined;
  const address = addressOf(files, running.port, password);
  const isAlive = async () => (await findPostmaster(dataDir))?.pid === running.pid;
  const ready = await waitUntilReady(address, dataDir, files.log, isAlive);
  if (ready === undefined) return undefined;
  const wishes = restartWishes(options, running.port, ready);
  if (wishes.length > 0 && ready.sessions === 0) {
    await stopPostmaster(running.pid, dataDir);
    return undefined;
  }
  if (wishes.length > 0) {
    const text = `PostgreSQL on port ${running.port} must be restarted for ${wishes.join(" and ")}; not done while ${ready.sessions} sessions are open. Stop and start it when they may end.`;
    options.emit({ type: "note", level: "warning", text });
  }
  return { ...address, pid: running.pid, started: false };
}

function restartWishes(options: StartOptions, port: number, ready: Ready): readonly string[] {
  return [
    ...(options.port === undefined || options.port === port ? [] : [`port ${options.port}`]),
    ...(options.settings.maxConnections <= ready.maxConnections
      ? []
      : [`${options.settings.maxConnections} instead of ${ready.maxConnections} connections`]),
  ];
}

interface Prepared {
  readonly dataDir: string;
  readonly user: RunAs | undefined;
  readonly binaries: Binaries;
  readonly password: Secret;
}

/** One start, with another port when the chosen one is taken; `undefined` when the data directory is still in use. */
async function tryToStart(
  options: StartOptions,
  files: ServerFiles,
  record: ServerRecord,
  { dataDir, user, binaries, password }: Prepared,
): Promise<StartedServer | undefined> {
  const running = await reuse(options, files, dataDir, password);
  if (running !== undefined) return running;
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(options, attempt === 1 ? record.port : undefined);
    const { maxConnections } = options.settings;
    await writeRecord(files, { ...record, port, maxConnections });
    await disarmPidFile(dataDir, user);
    const server = await launch(binaries, dataDir, user, parametersOf(options, port), files.log);
    const address = addressOf(files, port, password);
    if ((await waitUntilReady(address, dataDir, files.log, server.isAlive)) !== undefined) {
      return { ...address, pid: server.pid, started: true };
    }
    const said = await server.said();
    if (STILL_IN_USE.test(said)) return undefined;
    const another = BIND_FAILED.test(said) && options.port === undefined && attempt < PORT_ATTEMPTS;
    if (!another) throw startFailed(options, said, files);
  }
}

function parametersOf(options: StartOptions, port: number): Readonly<Record<string, string>> {
  return {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: String(options.settings.maxConnections),
    shared_buffers: "128MB",
    password_encryption: "scram-sha-256",
    logging_collector: "off",
    log_statement: "none",
    // A failing statement may hold a password; the client that sent it gets the error anyway.
    log_min_error_statement: "panic",
    ...options.settings.parameters,
  };
}

async function choosePort(options: StartOptions, kept: number | undefined): Promise<number> {
  if (options.port !== undefined) {
    if (await isPortFree(options.port)) return options.port;
    throw new ServiceError(
      `Port ${options.port} of 127.0.0.1 is taken by another program; PostgreSQL was not started.`,
      {
        code: "PORT_TAKEN",
        hint: "End that program, or name another commons.postgresql.port, or none to let one be chosen.",
      },
    );
  }
  return kept !== undefined && (await isPortFree(kept)) ? kept : freePort();
}

async function firstRecord(options: StartOptions, files: ServerFiles): Promise<ServerRecord> {
  const { dataDir, leftovers } = await placeData(files);
  for (const path of leftovers) {
    const text = `${path} holds the data of an earlier, deleted state directory at this place; delete it if it is not needed.`;
    options.emit({ type: "note", level: "warning", text });
  }
  const record: ServerRecord = {
    scope: options.scope,
    version: options.version,
    port: options.port ?? (await freePort()),
    maxConnections: options.settings.maxConnections,
    ...(dataDir === undefined ? {} : { dataDir }),
    initialized: false,
  };
  // Before the data: an interrupted creation must find its place again.
  await writeRecord(files, record);
  return record;
}

function assertFits(options: StartOptions, files: ServerFiles, record: ServerRecord): void {
  if (record.scope !== options.scope) {
    throw new RefusedError(
      `${files.dir} holds the server of "${record.scope}", expected "${options.scope}". Nothing was changed.`,
      {
        code: "EMBEDDED_SCOPE",
        hint: "Rename the sandbox, or name another state directory with --state.",
      },
    );
  }
  if (record.version !== options.version) {
    throw new RefusedError(
      `The embedded PostgreSQL in ${files.dir} has version ${record.version}, but ${options.version} is asked for. Nothing was changed.`,
      {
        code: "EMBEDDED_VERSION",
        hint: `Set commons.postgresql.version to ${record.version}, or begin in another state directory (--state).`,
      },
    );
  }
}

function dataLost(files: ServerFiles, dataDir: string): RefusedError {
  return new RefusedError(
    `The data directory ${dataDir} is gone. An empty one in its place would hide the loss; nothing was changed.`,
    {
      code: "EMBEDDED_DATA_LOST",
      hint: `Restore it from a backup, or delete ${files.dir} to begin with an empty server.`,
    },
  );
}

function startFailed(options: StartOptions, said: string, files: ServerFiles): ServiceError {
  return new ServiceError(
    `PostgreSQL ${options.version} ended while it started. Its last words:\n${lastLines(said) || "(none)"}`,
    {
      code: "EMBEDDED_START_FAILED",
      hint: `The data was kept; see ${files.log}.`,
    },
  );
}

/** The file system's errors in words that say whose files they are about. */
function readable(error: unknown, files: ServerFiles): unknown {
  const fromSystem = error instanceof Error && "syscall" in error;
  if (error instanceof CommonsError || !fromSystem) return error;
  return new ServiceError(`The embedded PostgreSQL in ${files.dir} cannot be used: ${error.message}.`, {
    code: "EMBEDDED_FILES",
    hint: "Check the owner and rights of that directory, and that its disk is not full.",
    cause: error,
  });
}
