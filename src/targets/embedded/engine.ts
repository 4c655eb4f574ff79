import { chown, mkdir, realpath } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { OtherService } from "../../model/claim.ts";
import type { Endpoints } from "../../model/endpoint.ts";
import { CommonsError, RefusedError, ServiceError, TimeoutError } from "../../model/error.ts";
import type { Emit } from "../../model/event.ts";
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { findEngine, lastSaid, launchEngine, stopProcesses } from "./engine-process.ts";
import { type EngineRecord, readEngineRecord, writeEngineRecord } from "./engine-record.ts";
import { freePort, isPortFree } from "./free-port.ts";
import { lastWords } from "./last-words.ts";
import { withLock } from "./process-lock.ts";
import { runAs } from "./run-as.ts";
import {
  adminPassword,
  createDataHome,
  createServerDir,
  placeData,
  type ServerFiles,
  serverFiles,
} from "./server-files.ts";
import { until } from "./until.ts";

export { engineScopes } from "./engine-record.ts";

/** Which embedded server, and what it is given. */
export interface EngineOptions<Input> {
  readonly stateDir: string;
  /** `""` for the environment's, `dev` for a sandbox's, `dev/registry` for an instance's own server. */
  readonly scope: string;
  /** Fixed main port; without it one is chosen once and kept. */
  readonly port?: number | undefined;
  readonly input: Input;
}

/** A running embedded server. */
export interface StartedEngine<S extends OtherService> {
  readonly endpoint: Endpoints[S];
  readonly pid: number;
  /** False when it ran already. */
  readonly started: boolean;
}

/** What is there of an embedded server. */
export type EngineState<S extends OtherService> =
  | { readonly state: "absent" }
  | { readonly state: "stopped" }
  | { readonly state: "running"; readonly endpoint: Endpoints[S]; readonly pid: number };

const BIND_FAILED = /address (is )?already in use|already bound|port .* (in use|is busy|not available)/i;
const PORT_ATTEMPTS = 5;

/**
 * Makes sure that the embedded server of a scope runs and lets its administrator in: finds it running, or starts it, or creates
 * it first. Calls at the same time, in this or other processes, end with one server. It can be interrupted at any point; the next
 * call completes what was begun. Nothing is run as root: see {@link runAs}.
 *
 * @throws ServiceError `TOOLCHAIN_MISSING` in one line that names what to install; RefusedError `EMBEDDED_VERSION` when the data was made by
 * another version; ServiceError or TimeoutError when it cannot be started, with the last lines of its log.
 */
export async function startEngine<S extends OtherService, Input>(
  engine: Engine<S, Input>,
  options: EngineOptions<Input> & { readonly emit: Emit },
): Promise<StartedEngine<S>> {
  const files = serverFiles(options.stateDir, options.scope, engine.service);
  const id = idOf(engine, options);
  const begin = performance.now();
  const missing = await engine.missing();
  if (missing !== undefined)
    throw new ServiceError(`${id} cannot run here: ${missing}`, { code: "TOOLCHAIN_MISSING", resource: id });
  const home = await engine.install(options.emit);
  const step = `start ${id}`;
  options.emit({ type: "step-start", step, title: `Starting ${id} (${engine.title})` });
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
    const onWait = (pid: number) =>
      options.emit({ type: "note", level: "info", text: `Waiting for process ${pid}, which works on ${id}.` });
    const server = await withLock(files.lock, () => startLocked(engine, options, files, home), onWait);
    const [first] = server.endpoint.hosts;
    end("done", `${server.started ? "started on" : "runs on"} ${first?.host}:${first?.port}`);
    return server;
  } catch (error) {
    end("failed");
    throw readable(error, id, files);
  }
}

/**
 * Stops the embedded server of a scope; its data stays.
 *
 * @returns false when it did not run.
 */
export async function stopEngine(
  engine: Pick<Engine<OtherService, never>, "service" | "title">,
  options: { readonly stateDir: string; readonly scope: string },
): Promise<boolean> {
  const files = serverFiles(options.stateDir, options.scope, engine.service);
  if (!existsSync(files.dir)) return false;
  return withLock(files.lock, async () => {
    const record = await readEngineRecord(files.record);
    return record === undefined ? false : stopProcesses(engine.title, await engineDataDir(files, record), files.log);
  });
}

/** Looks what is there of the embedded server of a scope; changes nothing and does not connect. */
export async function inspectEngine<S extends OtherService, Input>(
  engine: Engine<S, Input>,
  options: EngineOptions<Input>,
): Promise<EngineState<S>> {
  const files = serverFiles(options.stateDir, options.scope, engine.service);
  const record = await readEngineRecord(files.record);
  if (record === undefined) return { state: "absent" };
  const dataDir = await engineDataDir(files, record);
  const [pid] = await findEngine(dataDir, files.log);
  if (pid === undefined) return { state: "stopped" };
  const setup = { home: "", dataDir, ports: record.ports, password: await adminPassword(files), user: undefined };
  const endpoint = engine.endpoint({ ...setup, input: options.input });
  return { state: "running", endpoint: { ...endpoint, scope: options.scope }, pid };
}

async function startLocked<S extends OtherService, Input>(
  engine: Engine<S, Input>,
  options: EngineOptions<Input> & { readonly emit: Emit },
  files: ServerFiles,
  home: string,
): Promise<StartedEngine<S>> {
  let record = (await readEngineRecord(files.record)) ?? (await firstRecord(engine, options, files));
  if (record.title !== engine.title)
    throw new RefusedError(
      `The data in ${files.dir} was made by ${record.title}, and this program brings ${engine.title}. Nothing was changed.`,
      {
        code: "EMBEDDED_VERSION",
        hint: "Begin in another state directory (--state), or use the version that made it.",
      },
    );
  const dataDir = await engineDataDir(files, record);
  const user = await runAs(dataDir);
  await createDataHome(dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(dataDir, user.uid, user.gid);
  const setupOf = async (ports: Readonly<Record<string, number>>): Promise<EngineSetup<Input>> => {
    return { home, dataDir, ports, password: await adminPassword(files), user, input: options.input };
  };
  const [running] = await findEngine(dataDir, files.log);
  if (running !== undefined) {
    const setup = await setupOf(record.ports);
    const hasEnded = async () => !(await findEngine(dataDir, files.log)).includes(running);
    if (await waitUntilReady(engine, setup, hasEnded, files.log))
      return started(engine, setup, options.scope, running, false);
    await stopProcesses(engine.title, dataDir, files.log);
  }
  for (let attempt = 1; ; attempt++) {
    record = { ...record, ports: await choosePorts(engine, options, attempt === 1 ? record.ports : {}) };
    await writeEngineRecord(files, record);
    const setup = await setupOf(record.ports);
    const command = await engine.prepare(setup);
    const child = await launchEngine(engine.title, command, dataDir, user, files.log);
    if (await waitUntilReady(engine, setup, () => Promise.resolve(child.hasEnded()), files.log))
      return started(engine, setup, options.scope, child.pid, true);
    await stopProcesses(engine.title, dataDir, files.log);
    const said = await lastSaid(engine.title, files.log);
    if (BIND_FAILED.test(said) && options.port === undefined && attempt < PORT_ATTEMPTS) continue;
    throw new ServiceError(`${engine.title} ended while it started. Its last words:\n${lastWords(said) || "(none)"}`, {
      code: "EMBEDDED_START_FAILED",
      hint: `The data was kept; see ${files.log}.`,
    });
  }
}

function started<S extends OtherService, Input>(
  engine: Engine<S, Input>,
  setup: EngineSetup<Input>,
  scope: string,
  pid: number,
  isNew: boolean,
): StartedEngine<S> {
  return { endpoint: { ...engine.endpoint(setup), scope }, pid, started: isNew };
}

/** @returns false when the process ended instead, or said that it cannot start. */
async function waitUntilReady<Input>(
  engine: Engine<OtherService, Input>,
  setup: EngineSetup<Input>,
  hasEnded: () => Promise<boolean>,
  log: string,
): Promise<boolean> {
  const hasFailed = async () => engine.startFailure?.test(await lastSaid(engine.title, log)) === true;
  const result = await until(async () => {
    if (await engine.isReady(setup)) return "ready" as const;
    return (await hasEnded()) || (await hasFailed()) ? ("ended" as const) : undefined;
  }, engine.readyTimeoutMs);
  if (result !== undefined) return result === "ready";
  throw new TimeoutError(`${engine.title} is not ready after ${engine.readyTimeoutMs / 1000} s. It was left running.`, {
    code: "EMBEDDED_START_TIMEOUT",
    hint: `See ${log}; run the command again when the machine is less busy.`,
  });
}

async function choosePorts(
  engine: Pick<Engine<OtherService>, "service" | "title" | "extraPorts">,
  options: { readonly port?: number | undefined },
  kept: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const name of ["main", ...engine.extraPorts]) {
    const fixed = name === "main" ? options.port : undefined;
    if (fixed !== undefined && !(await isPortFree(fixed)))
      throw new ServiceError(
        `Port ${fixed} of 127.0.0.1 is taken by another program; ${engine.title} was not started.`,
        {
          code: "PORT_TAKEN",
          hint: `End that program, or name another commons.${engine.service}.port, or none to let one be chosen.`,
        },
      );
    const before = kept[name];
    const free = before !== undefined && (await isPortFree(before)) ? before : undefined;
    ports[name] = fixed ?? free ?? (await freePort());
  }
  return ports;
}

async function firstRecord(
  engine: Pick<Engine<OtherService>, "title">,
  options: { readonly scope: string; readonly emit: Emit },
  files: ServerFiles,
): Promise<EngineRecord> {
  const { dataDir, leftovers } = await placeData(files);
  for (const path of leftovers)
    options.emit({
      type: "note",
      level: "warning",
      text: `${path} holds the data of an earlier, deleted state directory at this place; delete it if it is not needed.`,
    });
  const record = {
    scope: options.scope,
    title: engine.title,
    ports: {},
    ...(dataDir === undefined ? {} : { dataDir }),
  };
  // Before the data: an interrupted creation must find its place again.
  await writeEngineRecord(files, record);
  return record;
}

/** Real path of the data directory; it need not exist yet. */
export async function engineDataDir(files: ServerFiles, record: EngineRecord): Promise<string> {
  return record.dataDir ?? join(await realpath(files.dir), "data");
}

function idOf(engine: Pick<Engine<OtherService>, "service">, options: { readonly scope: string }): string {
  return options.scope === "" ? engine.service : `${engine.service}/${options.scope}`;
}

/** The file system's errors in words that say whose files they are about. */
function readable(error: unknown, id: string, files: ServerFiles): unknown {
  if (error instanceof CommonsError || !(error instanceof Error && "syscall" in error)) return error;
  return new ServiceError(`The embedded server ${id} in ${files.dir} cannot be used: ${error.message}.`, {
    code: "EMBEDDED_FILES",
    hint: "Check the owner and rights of that directory, and that its disk is not full.",
    cause: error,
  });
}
