import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { getCompileCacheDir } from "node:module";
import { scopeOf } from "../config/placement.ts";
import type { Place } from "../engine/place.ts";
import type { Environment, ExternalServer, SecretSource, ServerAddress } from "../model/environment.ts";
import { ConfigError, ServiceError } from "../model/error.ts";
import type { Emit } from "../model/event.ts";
import { Secret } from "../model/secret.ts";
import { type Desired, desire } from "../providers/postgresql/desired.ts";
import { openState, type State } from "../targets/state.ts";
import { environmentFile, type Io, stateDirectory } from "./context.ts";
import type { CommonOptions } from "./options.ts";

/** Identifies the code; put in by the bundler, absent when running from source. */
declare const G2P_BUILD: string | undefined;

/** Connections used at once where `--concurrency` does not say: a login is mostly waiting, and refused ones end at once. */
export const DEFAULT_CONCURRENCY = 8;

/** Connections of an embedded server beyond what the claims' limits add up to: ours, an administrator's, monitoring. */
const SPARE_CONNECTIONS = 30;

/** More than that serves nobody on one machine; a laptop's claims never use their limits all at once. */
const MOST_CONNECTIONS = 1_000;

/** An environment with its state, loaded for one command. */
export interface Session {
  readonly environment: Environment;
  readonly state: State;
  readonly environmentId: string;
  /** What each server is to hold, by scope. */
  readonly desired: ReadonlyMap<string, Desired>;
}

/**
 * Loads the environment file and its state.
 *
 * @param write whether the state directory may be made; a command that only looks goes without one
 */
export async function loadSession(
  options: Pick<CommonOptions, "file" | "state">,
  io: Pick<Io, "cwd">,
  write: boolean,
): Promise<Session> {
  const environment = await readEnvironment(environmentFile(options, io));
  const state = openState(stateDirectory(options, io));
  const known = write ? await state.environmentId(environment.id) : await state.knownEnvironmentId(environment.id);
  const environmentId = known ?? randomUUID();
  const sharing = environment.commons.postgresql?.sharing ?? "environment";
  return {
    environment,
    state,
    environmentId,
    desired: desire(environment, environmentId, (ref) => scopeOf(sharing, ref)),
  };
}

/** Kept beside the compiled code, for the same build of the same user; running from source nothing is kept. */
async function readEnvironment(file: string): Promise<Environment> {
  const folder = getCompileCacheDir();
  if (folder !== undefined && typeof G2P_BUILD === "string") {
    const { loadOrRemember } = await import("../config/remember.ts");
    return loadOrRemember(file, folder, G2P_BUILD);
  }
  const { loadEnvironment } = await import("../config/load.ts");
  return loadEnvironment(file);
}

/** Id of a PostgreSQL server: `postgresql`, `postgresql/dev` or `postgresql/dev/registry`. */
export function serverId(scope: string): string {
  return scope === "" ? "postgresql" : `postgresql/${scope}`;
}

/**
 * Addresses of all servers that must be running already.
 *
 * @throws ServiceError when an embedded one does not run, ConfigError when an admin password cannot be read
 */
export async function serverAddresses(session: Session, env: NodeJS.ProcessEnv): Promise<Map<string, ServerAddress>> {
  const service = session.environment.commons.postgresql;
  if (service === undefined) return new Map();
  const entries = [...session.desired.keys()].map(async (scope): Promise<[string, ServerAddress]> => {
    if (service.mode === "external")
      return [scope, await externalAddress(service.servers[scope], scope, session.environment.file, env)];
    const { inspectPostgresql } = await import("../targets/embedded/postgresql.ts");
    const found = await inspectPostgresql({ stateDir: session.state.dir, scope });
    if (found.state === "running") return [scope, found.address];
    throw new ServiceError(
      `The embedded server ${serverId(scope)} ${found.state === "absent" ? "was never started" : "is stopped"}. Nothing was changed.`,
      {
        code: "EMBEDDED_STOPPED",
        resource: serverId(scope),
        hint: "Start it with g2p up (or g2p up --detach).",
      },
    );
  });
  return new Map(await Promise.all(entries));
}

/** Starts the embedded servers, or reads the external ones' addresses. */
export async function startServers(
  session: Session,
  env: NodeJS.ProcessEnv,
  emit: Emit,
): Promise<{ addresses: Map<string, ServerAddress>; started: string[]; running: Map<string, number> }> {
  const service = session.environment.commons.postgresql;
  if (service?.mode !== "embedded")
    return { addresses: await serverAddresses(session, env), started: [], running: new Map() };
  const { startPostgresql } = await import("../targets/embedded/postgresql.ts");
  const { default: pLimit } = await import("p-limit");
  const limit = pLimit(2);
  const started: string[] = [];
  const running = new Map<string, number>();
  const entries = [...session.desired].map(([scope, desired]) =>
    limit(async (): Promise<[string, ServerAddress]> => {
      const server = await startPostgresql({
        stateDir: session.state.dir,
        scope,
        version: service.version,
        ...(service.port === undefined ? {} : { port: service.port }),
        settings: { maxConnections: connectionsNeeded(desired) },
        emit,
      });
      if (server.started) started.push(scope);
      running.set(scope, server.pid);
      return [scope, server];
    }),
  );
  return { addresses: new Map(await Promise.all(entries)), started, running };
}

function connectionsNeeded(desired: Desired): number {
  const limits = [
    ...desired.databases.map((one) => one.spec.connectionLimit),
    ...desired.accesses.map((one) => one.connectionLimit),
  ];
  const sum = limits.reduce((total, limit) => total + limit, SPARE_CONNECTIONS);
  return Math.min(MOST_CONNECTIONS, Math.max(100, sum));
}

/** The engine's places: each server with a way to open a session. */
export function places(
  session: Session,
  addresses: ReadonlyMap<string, ServerAddress>,
  work: { readonly emit: Emit; readonly signal: AbortSignal; readonly concurrency?: number },
): Place[] {
  return [...addresses].map(([scope, address]) => ({
    id: serverId(scope),
    open: async () => {
      const { PostgresSession } = await import("../providers/postgresql/session.ts");
      const desired = session.desired.get(scope);
      if (desired === undefined) throw new Error(`nothing is placed on ${serverId(scope)}`);
      return PostgresSession.open(address, desired, {
        credentials: session.state.credentials,
        concurrency: work.concurrency ?? DEFAULT_CONCURRENCY,
        emit: work.emit,
        signal: work.signal,
        server: serverId(scope),
      });
    },
  }));
}

async function externalAddress(
  server: ExternalServer | undefined,
  scope: string,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<ServerAddress> {
  if (server === undefined) throw new Error(`no address for ${serverId(scope)}`);
  return {
    service: "postgresql",
    scope,
    host: server.host,
    port: server.port,
    user: server.admin.user,
    password: await readSecret(server.admin.passwordFrom, file, env),
    database: server.admin.database,
    sslmode: server.sslmode,
    ...(server.caFile === undefined ? {} : { caFile: server.caFile }),
  };
}

async function readSecret(source: SecretSource, file: string, env: NodeJS.ProcessEnv): Promise<Secret> {
  if ("env" in source) {
    const value = env[source.env];
    if (value !== undefined && value !== "") return new Secret(value);
    throw new ConfigError(
      `The environment variable ${source.env} is not set; ${file} takes the PostgreSQL admin's password from it. Nothing was changed.`,
      [],
      {
        code: "SECRET_MISSING",
        hint: `Set ${source.env} to the password.`,
      },
    );
  }
  try {
    return new Secret((await readFile(source.file, "utf8")).replace(/\r?\n$/, ""));
  } catch (error) {
    throw new ConfigError(
      `The file ${source.file} with the PostgreSQL admin's password cannot be read. Nothing was changed.`,
      [],
      {
        code: "SECRET_MISSING",
        hint: "Create it, readable by you alone, with the password as its only line.",
        cause: error,
      },
    );
  }
}

/** Finds an instance by `sandbox/instance`. @throws ConfigError listing the choices */
export function findInstance(environment: Environment, name: string): Environment["instances"][number] {
  const found = environment.instances.find((one) => `${one.sandbox}/${one.instance}` === name);
  if (found !== undefined) return found;
  const choices = environment.instances.map((one) => `${one.sandbox}/${one.instance}`).join(", ");
  throw new ConfigError(`There is no instance "${name}" in ${environment.file}.`, [], {
    code: "UNKNOWN_INSTANCE",
    hint: `Instances: ${choices}.`,
  });
}
