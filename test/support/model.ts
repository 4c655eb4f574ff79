import { join } from "node:path";
import { apply } from "../../src/engine/apply.ts";
import type { Place } from "../../src/engine/place.ts";
import { plan } from "../../src/engine/plan.ts";
import type { CredentialStore } from "../../src/model/credential.ts";
import type {
  Claim,
  ClaimRef,
  DatabaseAccess,
  DatabaseClaim,
  DatabaseSpec,
  Environment,
  ServerAddress,
} from "../../src/model/environment.ts";
import type { EngineEvent } from "../../src/model/event.ts";
import type { PlanResult } from "../../src/model/plan.ts";
import type { Depth, Policy } from "../../src/providers/contract.ts";
import { type Desired, desire } from "../../src/providers/postgresql/desired.ts";
import type { Observed } from "../../src/providers/postgresql/observe.ts";
import { PostgresSession } from "../../src/providers/postgresql/session.ts";
import { openState } from "../../src/targets/state.ts";

const NOWHERE = { file: "g2p.yaml", line: 1, column: 1 };

/** Reads `dev/farmers/main`. */
export function refOf(path: string): ClaimRef {
  const [sandbox = "", instance = "", claim = "main"] = path.split("/");
  return { sandbox, instance, claim };
}

/** A database claim by its path, e.g. `dev/farmers/main`; what is not said is as plain as can be. */
export function databaseClaim(
  path: string,
  changes: Partial<DatabaseSpec> = {},
  accept: readonly string[] = [],
): DatabaseClaim {
  const spec = {
    extensions: [],
    connectionLimit: 20,
    settings: {},
    ownerVisible: false,
    connectsToPostgres: false,
    fixedName: {},
    ...changes,
  };
  return { ...refOf(path), kind: "database", service: "postgresql", spec, accept, position: NOWHERE };
}

/** A read access by its own path and that of the claim it reads. */
export function readAccess(path: string, target: string, accept: readonly string[] = []): DatabaseAccess {
  return {
    ...refOf(path),
    kind: "access",
    service: "postgresql",
    target: refOf(target),
    mode: "read",
    connectionLimit: 10,
    accept,
    position: NOWHERE,
  };
}

/** What may differ from a plain environment on one shared server. */
export interface EnvironmentChanges {
  readonly name?: string;
  readonly id?: string;
  readonly prefix?: string;
  readonly closeMaintenance?: boolean;
}

/** An environment that holds the claims; its one server is shared by all of it. */
export function environmentOf(claims: readonly Claim[], changes: EnvironmentChanges = {}): Environment {
  const instances = new Map<string, Claim[]>();
  for (const claim of claims) {
    const key = `${claim.sandbox}/${claim.instance}`;
    instances.set(key, [...(instances.get(key) ?? []), claim]);
  }
  return {
    name: changes.name ?? "test",
    id: changes.id,
    file: NOWHERE.file,
    files: [NOWHERE.file],
    commons: {
      postgresql: {
        sharing: "environment",
        prefix: changes.prefix ?? "",
        closeMaintenance: changes.closeMaintenance ?? true,
        mode: "external",
        servers: {},
      },
    },
    instances: [...instances].map(([key, held]) => {
      const { sandbox, instance } = refOf(key);
      return { sandbox, instance, module: "test", uses: {}, claims: held, variables: [], position: NOWHERE };
    }),
  };
}

/** What one server is to hold of an environment. */
export function desiredOf(environment: Environment, environmentId: string): Desired {
  const desired = desire(environment, environmentId, () => "").get("");
  if (desired === undefined) throw new Error("the environment claims nothing");
  return desired;
}

/** How a plan or apply is run; deep and with no permission where not said. */
export interface RunOptions {
  readonly depth?: Depth;
  readonly policy?: Partial<Policy>;
  readonly signal?: AbortSignal;
}

/** An environment on one server, worked on through the engine as the CLI does it. */
export interface Model {
  readonly environmentId: string;
  readonly desired: Desired;
  readonly credentials: CredentialStore;
  /** Everything told so far. */
  readonly events: EngineEvent[];
  readonly place: Place;
  plan(options?: RunOptions): Promise<PlanResult>;
  apply(options?: RunOptions): Promise<PlanResult>;
  observe(depth?: Depth): Promise<Observed>;
}

/**
 * Opens an environment on a server.
 *
 * @param admin who plans and applies there
 * @param stateDir folder of the credentials; models with one folder share passwords and, unless the environment says it, the id
 */
export async function openModel(
  environment: Environment,
  admin: ServerAddress,
  stateDir: string,
  concurrency = 4,
): Promise<Model> {
  const state = openState(join(stateDir, "model"));
  const environmentId = await state.environmentId(environment.id);
  const desired = desiredOf(environment, environmentId);
  const events: EngineEvent[] = [];
  const emit = (event: EngineEvent) => void events.push(event);
  const session = (signal: AbortSignal) =>
    PostgresSession.open(admin, desired, {
      credentials: state.credentials,
      concurrency,
      emit,
      signal,
      server: "postgresql",
    });
  const placeWith = (signal = new AbortController().signal): Place => ({
    id: "postgresql",
    service: "postgresql",
    wanted: [],
    after: [],
    open: () => session(signal),
  });
  const settings = (options: RunOptions) => ({
    depth: options.depth ?? "deep",
    policy: { adopt: [], recreate: [], ...options.policy },
    emit,
  });
  return {
    environmentId,
    desired,
    credentials: state.credentials,
    events,
    place: placeWith(),
    plan: (options = {}) => plan([placeWith(options.signal)], settings(options)),
    apply: (options = {}) => apply([placeWith(options.signal)], settings(options)),
    observe: async (depth = "deep") => {
      const opened = await session(new AbortController().signal);
      try {
        return await opened.observe(depth);
      } finally {
        await opened.close();
      }
    },
  };
}
