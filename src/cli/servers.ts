import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { adminClient, commonsClaim, type DatabaseService } from "../config/commons-instances.ts";
import type { OtherService } from "../model/claim.ts";
import type { Credential } from "../model/credential.ts";
import { credentialKey } from "../model/credential.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Authority, ClaimRef, ExternalEndpoint, ExternalServer, ServerAddress } from "../model/environment.ts";
import { ServiceError } from "../model/error.ts";
import type { Emit } from "../model/event.ts";
import { Secret } from "../model/secret.ts";
import { mainName } from "../naming/main-name.ts";
import type { EngineInput } from "../targets/embedded/engine-of.ts";
import { readSecret } from "../targets/secret-source.ts";
import type { DatabaseServer, OtherServer, Session } from "./session.ts";
import { serverOf } from "./session.ts";

/** Connections of an embedded server beyond what the claims' limits add up to: ours, an administrator's, monitoring. */
const SPARE_CONNECTIONS = 30;

/** More than that serves nobody on one machine; a laptop's claims never use their limits all at once. */
const MOST_CONNECTIONS = 1_000;

/** Addresses of an environment's servers, each found (or started) when it is first asked for. */
export class Servers {
  readonly #session: Session;
  readonly #env: NodeJS.ProcessEnv;
  /** Where given, embedded servers are started and this is told of it; otherwise they must be running. */
  readonly #start: Emit | undefined;
  readonly #databases = new Map<string, Promise<ServerAddress>>();
  readonly #endpoints = new Map<string, Promise<Endpoint>>();
  /** Ids of the embedded servers that this object started. */
  readonly started: string[] = [];
  /** Processes of the embedded servers, by id, as far as they were asked for. */
  readonly running = new Map<string, number>();

  constructor(session: Session, env: NodeJS.ProcessEnv, start?: Emit) {
    this.#session = session;
    this.#env = env;
    this.#start = start;
  }

  /**
   * Address of a PostgreSQL server.
   *
   * @throws ServiceError when an embedded one does not run, or cannot be started; ConfigError when an admin password cannot be read
   */
  database(id: string): Promise<ServerAddress> {
    return remembered(this.#databases, id, () => this.#database(this.#server(id) as DatabaseServer));
  }

  /** Endpoint of another service's server. @throws as {@link Servers.database} */
  endpoint(id: string): Promise<Endpoint> {
    return remembered(this.#endpoints, id, () => this.#endpoint(this.#server(id) as OtherServer));
  }

  #source(): Source {
    const { environment, state } = this.#session;
    return { file: environment.file, stateDir: state.dir, env: this.#env };
  }

  #server(id: string) {
    const server = this.#session.servers.get(id);
    if (server === undefined) throw new Error(`nothing is placed on ${id}`);
    return server;
  }

  async #database(server: DatabaseServer): Promise<ServerAddress> {
    const { environment, state } = this.#session;
    const { id, scope } = server;
    const service = environment.commons.postgresql;
    if (service?.mode === "external") return databaseAddress(service.servers[scope], id, scope, this.#source());
    const { inspectPostgresql, startPostgresql } = await import("../targets/embedded/postgresql.ts");
    if (this.#start === undefined) {
      const found = await inspectPostgresql({ stateDir: state.dir, scope });
      if (found.state === "running") return this.#note(id, found.pid, found.address);
      throw notRunning(id, found.state);
    }
    const started = await startPostgresql({
      stateDir: state.dir,
      scope,
      version: service?.version ?? 18,
      port: service?.port,
      settings: { maxConnections: connectionsNeeded(server) },
      emit: this.#start,
    });
    if (started.started) this.started.push(id);
    return this.#note(id, started.pid, started);
  }

  async #endpoint({ id, service, scope }: OtherServer): Promise<Endpoint> {
    const { environment, state } = this.#session;
    const config = environment.commons[service];
    if (config?.mode === "external") return externalEndpoint(service, config.servers[scope], id, scope, this.#source());
    const { engineOf } = await import("../targets/embedded/engine-of.ts");
    const { inspectEngine, startEngine } = await import("../targets/embedded/engine.ts");
    const engine = await engineOf(service, config?.server);
    const input = await this.#input(service, scope);
    const options = { stateDir: state.dir, scope, port: config?.port, input };
    if (this.#start === undefined) {
      const found = await inspectEngine(engine, options);
      if (found.state === "running") return this.#note(id, found.pid, this.#inRealm(found.endpoint));
      throw notRunning(id, found.state);
    }
    const started = await startEngine(engine, { ...options, emit: this.#start });
    if (started.started) this.started.push(id);
    return this.#note(id, started.pid, this.#inRealm(started.endpoint));
  }

  /** The environment's realm has its name; `master` is Keycloak's own, in which administrators live. */
  #inRealm(endpoint: Endpoint): Endpoint {
    const { name } = this.#session.environment;
    return endpoint.service === "keycloak"
      ? { ...endpoint, realm: name === "master" ? "environment" : name }
      : endpoint;
  }

  #note<T>(id: string, pid: number, address: T): T {
    this.running.set(id, pid);
    return address;
  }

  /** What an embedded server of a service is given of others. */
  async #input(service: OtherService, scope: string): Promise<EngineInput> {
    if (service !== "keycloak" && service !== "keymanager") return undefined;
    const database = await this.#ownDatabase(service, scope);
    if (service === "keycloak" || this.#session.environment.commons.keycloak === undefined) return { database };
    const admin = this.#claim(adminClient(scope));
    const keycloak = await this.endpoint(serverOf(this.#session.environment, admin));
    const { password } = await this.#credential(admin);
    const { realmUrl } = await import("../targets/embedded/engine-of.ts");
    const clientId = mainName(this.#session.environment.commons.keycloak.prefix, admin);
    return {
      database,
      issuer: { realmUrl: realmUrl(keycloak), admin: { clientId, clientSecret: password } },
    };
  }

  async #ownDatabase(service: DatabaseService, scope: string) {
    const claim = this.#claim(commonsClaim(service, scope));
    const server = this.#server(serverOf(this.#session.environment, claim)) as DatabaseServer;
    const wanted = server.desired.databases.find((one) => credentialKey(one) === credentialKey(claim));
    if (wanted === undefined) throw new Error(`${service} has no database`);
    const { host, port } = await this.database(server.id);
    const { password } = await this.#credential(claim);
    return { host, port, database: wanted.database, username: wanted.login, password };
  }

  #claim(ref: ClaimRef) {
    for (const { claims } of this.#session.servers.values())
      for (const claim of claims) if (credentialKey(claim) === credentialKey(ref)) return claim;
    throw new Error(`no claim ${credentialKey(ref)}`);
  }

  async #credential(ref: ClaimRef): Promise<Credential> {
    const found = (await this.#session.state.credentials.read([ref])).get(credentialKey(ref));
    if (found !== undefined) return found;
    if (this.#start !== undefined && this.#claim(ref).service === "keycloak")
      // Keymanager's administrator: its client is made with this secret when Keycloak is worked on.
      return (await this.#session.state.credentials.getOrCreate([ref], () => credentialKey(ref))).get(
        credentialKey(ref),
      ) as Credential;
    throw new ServiceError(`${credentialKey(ref)} has no credentials yet.`, {
      code: "NOT_APPLIED",
      resource: credentialKey(ref),
      hint: "Run g2p up (or g2p apply) first.",
    });
  }
}

function remembered<T>(known: Map<string, Promise<T>>, id: string, find: () => Promise<T>): Promise<T> {
  const found = known.get(id);
  if (found !== undefined) return found;
  const finding = find();
  known.set(id, finding);
  return finding;
}

/** Where secrets of the environment file are read from. */
interface Source {
  readonly file: string;
  readonly stateDir: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A file with the authority's certificates; those of a Kubernetes Secret are put into the state directory. */
async function authority(
  { caFile, caFrom }: Authority,
  id: string,
  { file, stateDir, env }: Source,
): Promise<{ readonly caFile?: string }> {
  if (caFile !== undefined) return { caFile };
  if (caFrom === undefined) return {};
  const certificates = await readSecret(caFrom, `the authority's certificates for ${id}`, file, env);
  const path = join(stateDir, "authorities", `${id.replaceAll("/", "__")}.pem`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, certificates.reveal());
  return { caFile: path };
}

function notRunning(id: string, state: "absent" | "stopped"): ServiceError {
  return new ServiceError(
    `The embedded server ${id} ${state === "absent" ? "was never started" : "is stopped"}. Nothing was changed.`,
    { code: "EMBEDDED_STOPPED", resource: id, hint: "Start it with g2p up (or g2p up --detach)." },
  );
}

function connectionsNeeded({ desired }: DatabaseServer): number {
  const limits = [
    ...desired.databases.map((one) => one.spec.connectionLimit),
    ...desired.accesses.map((one) => one.connectionLimit),
  ];
  const sum = limits.reduce((total, limit) => total + limit, SPARE_CONNECTIONS);
  return Math.min(MOST_CONNECTIONS, Math.max(100, sum));
}

async function databaseAddress(
  server: ExternalServer | undefined,
  id: string,
  scope: string,
  source: Source,
): Promise<ServerAddress> {
  if (server === undefined) throw new Error(`no address for ${id}`);
  return {
    service: "postgresql",
    scope,
    host: server.host,
    port: server.port,
    user: server.admin.user,
    password: await readSecret(server.admin.passwordFrom, "the PostgreSQL admin's password", source.file, source.env),
    database: server.admin.database,
    sslmode: server.sslmode,
    ...(await authority(server, id, source)),
  };
}

async function externalEndpoint(
  service: OtherService,
  server: ExternalEndpoint | undefined,
  id: string,
  scope: string,
  source: Source,
): Promise<Endpoint> {
  if (server === undefined) throw new Error(`no address for ${id}`);
  const { hosts, tls, path, admin, options } = server;
  const whose = `the ${service} admin's password`;
  const password =
    admin === undefined ? new Secret("") : await readSecret(admin.passwordFrom, whose, source.file, source.env);
  const base = {
    scope,
    hosts,
    tls,
    path,
    user: admin?.user ?? "",
    password,
    ...(await authority(server, id, source)),
  };
  switch (service) {
    case "s3": {
      const { server: kind, region = "us-east-1", adminUrl } = options;
      const which = kind === "garage" ? "garage" : "minio";
      return { ...base, service, server: which, region, ...(adminUrl === undefined ? {} : { adminUrl }) };
    }
    case "keycloak":
      return { ...base, service, realm: options["realm"] ?? "" };
    case "keymanager": {
      const database = await databaseAddress(server.database, `${id}-database`, scope, source);
      const { tokenUrl } = options;
      const auth = tokenUrl === undefined ? {} : { auth: { tokenUrl, clientId: base.user, clientSecret: password } };
      return { ...base, service, database, ...auth };
    }
    default:
      return { ...base, service };
  }
}
