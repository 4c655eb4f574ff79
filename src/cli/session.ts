import { randomUUID } from "node:crypto";
import { getCompileCacheDir } from "node:module";
import { scopeOf } from "../config/placement.ts";
import type { OtherService, ServiceAccess } from "../model/claim.ts";
import type { Claim, Environment } from "../model/environment.ts";
import { isPostgresql } from "../model/environment.ts";
import { ConfigError } from "../model/error.ts";
import { type Service, SERVICES } from "../model/service.ts";
import type { PlacedAccess, Placement } from "../providers/contract.ts";
import { type Desired, desire } from "../providers/postgresql/desired.ts";
import { openState, type State } from "../targets/state.ts";
import { environmentFile, type Io, stateDirectory } from "./context.ts";
import type { CommonOptions } from "./options.ts";

/** Identifies the code; put in by the bundler, absent when running from source. */
declare const G2P_BUILD: string | undefined;

/** A PostgreSQL server of the environment and what it is to hold. */
export interface DatabaseServer {
  readonly id: string;
  readonly service: "postgresql";
  readonly scope: string;
  readonly claims: readonly Claim[];
  readonly desired: Desired;
}

/** A server of another service and what it is to hold. */
export interface OtherServer {
  readonly id: string;
  readonly service: OtherService;
  readonly scope: string;
  readonly claims: readonly Claim[];
  readonly placement: Placement;
}

/** A server of the environment. */
export type Server = DatabaseServer | OtherServer;

/** An environment with its state, loaded for one command. */
export interface Session {
  readonly environment: Environment;
  readonly state: State;
  readonly environmentId: string;
  /** All servers that anything is placed on, by id, PostgreSQL first. */
  readonly servers: ReadonlyMap<string, Server>;
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
  return { environment, state, environmentId, servers: serversOf(environment, environmentId) };
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

/** Id of a server: `postgresql`, `kafka/dev` or `redis/dev/registry`. */
export function serverId(service: Service, scope: string): string {
  return scope === "" ? service : `${service}/${scope}`;
}

/** Id of the server that a claim, or an access by its target, is placed on. */
export function serverOf(environment: Environment, claim: Claim): string {
  const sharing = environment.commons[claim.service]?.sharing ?? "environment";
  return serverId(claim.service, scopeOf(sharing, claim.kind === "access" ? claim.target : claim));
}

function serversOf(environment: Environment, environmentId: string): Map<string, Server> {
  const sharing = environment.commons.postgresql?.sharing ?? "environment";
  const databases = desire(environment, environmentId, (ref) => scopeOf(sharing, ref));
  const claims = environment.instances.flatMap((instance) => instance.claims);
  const byServer = Map.groupBy(claims, (claim) => serverOf(environment, claim));
  const servers = new Map<string, Server>();
  for (const [scope, desired] of databases) {
    const id = serverId("postgresql", scope);
    servers.set(id, { id, service: "postgresql", scope, claims: byServer.get(id) ?? [], desired });
  }
  for (const service of SERVICES)
    for (const [id, placed] of byServer) {
      if (service === "postgresql" || service === "kubernetes" || placed[0]?.service !== service) continue;
      const scope = id.slice(service.length + 1);
      const placement = placementOf(environment, environmentId, service, placed);
      servers.set(id, { id, service, scope, claims: placed, placement });
    }
  return servers;
}

function placementOf(
  environment: Environment,
  environmentId: string,
  service: OtherService,
  placed: readonly Claim[],
): Placement {
  const others = placed.filter((claim) => !isPostgresql(claim));
  const claims = others.filter((claim) => claim.kind !== "access");
  const accesses = others
    .filter((claim): claim is ServiceAccess => claim.kind === "access")
    .flatMap((access) => {
      const { sandbox, instance, claim } = access.target;
      const target = claims.find((one) => one.sandbox === sandbox && one.instance === instance && one.claim === claim);
      // The service of an access is that of its target, which the loader has checked.
      return target === undefined ? [] : [{ ...access, targetSpec: target.spec } as PlacedAccess];
    });
  return {
    environment: { id: environmentId, name: environment.name },
    prefix: environment.commons[service]?.prefix ?? "",
    claims,
    accesses,
  };
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
