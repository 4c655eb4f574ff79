import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseUrl, type Endpoint } from "../../src/model/endpoint.ts";
import type { StatusResult } from "../../src/model/status.ts";
import { SERVICES as ALL } from "../../src/model/service.ts";
import { engineOf } from "../../src/targets/embedded/engine-of.ts";
import { inspectEngine } from "../../src/targets/embedded/engine.ts";
import { makePlace, type Place } from "../cli/harness.ts";

/** Every service of a commons on one machine. */
export const SERVICES = ALL.filter((service) => service !== "kubernetes");

export type Service = (typeof SERVICES)[number];

/** Descriptor of a module that claims something of every service. */
export const MODULE = `apiVersion: g2p.dev/v1
kind: Module
module: app
title: Application that uses every service

claims:
  main: { connectionLimit: 5 }
  events: { service: kafka, topics: { changes: {} } }
  files: { service: s3, buckets: { docs: { quota: 1MiB } } }
  search: { service: opensearch, indices: { records: {} } }
  service: { service: keycloak, serviceAccount: true }
  keys: { service: keymanager, client: service }
  cache: { service: redis }
`;

/** Where one service is reached and how its administrator signs in. */
export interface Server {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Does it speak TLS by itself? */
  readonly tls: boolean;
  readonly caFile?: string;
  /** PostgreSQL's: the database to connect to first. */
  readonly database?: string;
}

/** Servers of all services, run by an environment of its own, with all that others need to use them from outside. */
export interface Servers {
  readonly place: Place;
  readonly of: Readonly<Record<Service, Server>>;
  /** Where Keymanager keeps its policies. */
  readonly keymanagerDatabase: Server;
  /** Starts those again that have ended. */
  up(): Promise<void>;
}

/** Name of the environment that runs the servers, and so of the realm that Keymanager believes. */
const OWNER = "servers";

/** Runs every service below a new folder. */
export async function startServers(): Promise<Servers> {
  const commons = SERVICES.map((service) => `  ${service}: { mode: embedded }`).join("\n");
  const place = makePlace(
    `apiVersion: g2p.dev/v1\nenvironment: ${OWNER}\ncommons:\n${commons}\nsandboxes:\n  - { name: home, modules: [./app.yaml] }\n`,
  );
  writeFileSync(join(place.dir, "app.yaml"), MODULE);
  const up = async () => {
    const { code, stderr } = await place.g2p("up", "--detach");
    if (code !== 0) throw new Error(`the servers did not come up: ${stderr}`);
  };
  try {
    await up();
    return { place, up, ...(await lookAt(place)) };
  } catch (error) {
    await place.remove();
    throw error;
  }
}

async function lookAt(place: Place): Promise<Pick<Servers, "of" | "keymanagerDatabase">> {
  const { data } = await place.json<StatusResult>("status");
  const port = (service: Service) =>
    Number(data.servers.find((server) => server.service === service)?.address.replace(/^.*:/, ""));
  const stateDir = join(place.dir, ".g2p");
  const credential = (ref: string) =>
    JSON.parse(readFileSync(join(stateDir, `credentials/${ref}.json`), "utf8")) as {
      username: string;
      password: string;
    };
  const embedded = async (service: Exclude<Service, "postgresql" | "keymanager">): Promise<Server> => {
    const found = await inspectEngine(await engineOf(service), { stateDir, scope: "", input: undefined });
    if (found.state !== "running") throw new Error(`${service} is ${found.state}`);
    const { user, password, tls, caFile }: Endpoint = found.endpoint;
    return { port: port(service), user, password: password.reveal(), tls, ...(caFile === undefined ? {} : { caFile }) };
  };
  const superuser = readFileSync(join(stateDir, "servers/postgresql/environment/admin-password"), "utf8").trim();
  const postgresql = { port: port("postgresql"), user: "postgres", password: superuser, tls: false };
  const own = credential("commons/keymanager/main");
  const client = credential("commons/keymanager/admin");
  return {
    of: {
      postgresql,
      kafka: await embedded("kafka"),
      s3: await embedded("s3"),
      opensearch: await embedded("opensearch"),
      keymanager: { port: port("keymanager"), user: client.username, password: client.password, tls: false },
      keycloak: await embedded("keycloak"),
      redis: await embedded("redis"),
    },
    keymanagerDatabase: {
      ...postgresql,
      user: own.username,
      password: own.password,
      database: "commons__keymanager",
    },
  };
}

/** How an environment reaches one service, where that is not as the server is. */
export interface Reached {
  readonly port?: number;
  readonly tls?: boolean;
  readonly caFile?: string;
  /** YAML of `passwordFrom`. */
  readonly passwordFrom?: string;
}

/** Name of the variable that holds the password of a service's administrator. */
export function passwordVariable(service: Service): string {
  return `${service.toUpperCase()}_PASSWORD`;
}

/** The variables with all administrators' passwords. */
export function passwordVariables(servers: Pick<Servers, "of" | "keymanagerDatabase">): Record<string, string> {
  return {
    ...Object.fromEntries(SERVICES.map((service) => [passwordVariable(service), servers.of[service].password])),
    KEYMANAGER_DATABASE_PASSWORD: servers.keymanagerDatabase.password,
  };
}

/** The environment file of a user of these servers. */
export function userFile(
  servers: Pick<Servers, "of" | "keymanagerDatabase">,
  settings: {
    readonly name: string;
    readonly sandboxes: string;
    readonly reached?: Readonly<Partial<Record<Service, Reached>>>;
  },
): string {
  const reached = (service: Service) => {
    const server = servers.of[service];
    const passwordFrom = `{ env: ${passwordVariable(service)} }`;
    return { ...server, passwordFrom, ...settings.reached?.[service] };
  };
  const commons = SERVICES.map((service) => {
    const { port, tls, caFile, user, passwordFrom } = reached(service);
    const admin = `admin: { user: ${user}, passwordFrom: ${passwordFrom} }`;
    const ca = tls && caFile !== undefined ? `, ca: ${caFile}` : "";
    const url = (plain: string, secure: string, path = "") => `${tls ? secure : plain}://127.0.0.1:${port}${path}`;
    const words = () => {
      switch (service) {
        case "postgresql":
          return `host: 127.0.0.1, port: ${port}, sslmode: ${tls ? "require" : "disable"}, ${admin}`;
        case "kafka":
          return `brokers: ["127.0.0.1:${port}"], tls: ${tls}, ${admin}${ca}`;
        case "redis":
          return `endpoint: "${url("redis", "rediss")}", ${admin}${ca}`;
        case "keycloak":
          return `endpoint: "${url("http", "https")}", realm: ${OWNER}, ${admin}${ca}`;
        case "keymanager":
          return `endpoint: "${url("http", "https", "/v1/keymanager")}", ${admin}${ca}, tokenUrl: "${tokenUrl(reached("keycloak"))}", database: ${database(servers.keymanagerDatabase)}`;
        default:
          return `endpoint: "${url("http", "https")}", ${admin}${ca}`;
      }
    };
    return `  ${service}: { mode: external, ${words()} }`;
  });
  return `apiVersion: g2p.dev/v1\nenvironment: ${settings.name}\ncommons:\n${commons.join("\n")}\nsandboxes:\n${settings.sandboxes}\n`;
}

function tokenUrl({ port, tls }: { readonly port: number; readonly tls: boolean }): string {
  const at = baseUrl({ hosts: [{ host: "127.0.0.1", port }], tls, path: "" });
  return `${at}/realms/${OWNER}/protocol/openid-connect/token`;
}

function database({ port, user, database: name }: Server): string {
  return `{ host: 127.0.0.1, port: ${port}, admin: { user: ${user}, database: ${name}, passwordFrom: { env: KEYMANAGER_DATABASE_PASSWORD } } }`;
}
