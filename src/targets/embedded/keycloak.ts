import { join } from "node:path";
import type { KeycloakEndpoint } from "../../model/endpoint.ts";
import { CommonsError, ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import { openHttp } from "../../providers/http.ts";
import pinned from "./checksums/keycloak.json" with { type: "json" };
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { findProgram } from "./find-program.ts";
import { javaArguments, layOutServer, unpackAndBuild } from "./keycloak-files.ts";
import { installMaven, mavenMissing, mavenPackage } from "./maven.ts";

const ADMIN = "admin";
const ASK_TIMEOUT_MS = 5_000;

/** Realm of an embedded Keycloak that the environment's clients are made in. */
const REALM = "g2p";

/** Most connections to the database; its login needs a limit of no less. */
const DATABASE_CONNECTIONS = 8;

/** What Keycloak needs of other services. */
export interface KeycloakInput {
  /** Where it keeps everything: a database of its own whose login may make tables in schema `public`. */
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly username: string;
    readonly password: Secret;
  };
}

/**
 * Keycloak from Maven's artifact, built once for PostgreSQL: listens on 127.0.0.1, and keeps all but temporary files in its database.
 * Without health and metrics endpoints it opens no management port.
 */
export const keycloakEngine: Engine<"keycloak", KeycloakInput> = {
  service: "keycloak",
  title: `Keycloak ${pinned.version}`,
  extraPorts: [],
  readyTimeoutMs: 300_000,
  missing: mavenMissing,
  install: async (emit) => {
    const java = await javaProgram();
    return installMaven(mavenPackage.parse(pinned), emit, async (folder) => {
      const step = "build keycloak";
      const begun = performance.now();
      emit({ type: "step-start", step, title: `Building Keycloak ${pinned.version} for PostgreSQL, once` });
      const end = (outcome: "done" | "failed") =>
        emit({ type: "step-end", step, outcome, ms: performance.now() - begun });
      try {
        await unpackAndBuild(folder, pinned.version, java);
        end("done");
      } catch (error) {
        end("failed");
        throw error;
      }
    });
  },
  prepare,
  isReady,
  endpoint,
};

async function prepare({ home, dataDir, ports, password, user, input }: EngineSetup<KeycloakInput>) {
  await layOutServer(home, dataDir, user);
  const { host, port, database, username, password: databasePassword } = input.database;
  const address = host.includes(":") ? `[${host}]` : host;
  return {
    program: await javaProgram(),
    args: [
      `-Djava.io.tmpdir=${join(dataDir, "tmp")}`,
      ...javaArguments(join(home, "lib"), dataDir),
      "start",
      "--optimized",
    ],
    // Everything else by environment variables: arguments can be read by every user of the machine.
    env: {
      KC_DB_URL: `jdbc:postgresql://${address}:${port}/${encodeURIComponent(database)}`,
      KC_DB_USERNAME: username,
      KC_DB_PASSWORD: databasePassword.reveal(),
      KC_DB_POOL_INITIAL_SIZE: "1",
      KC_DB_POOL_MIN_SIZE: "1",
      KC_DB_POOL_MAX_SIZE: String(DATABASE_CONNECTIONS),
      KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN,
      KC_BOOTSTRAP_ADMIN_PASSWORD: password.reveal(),
      KC_HTTP_ENABLED: "true",
      KC_HTTP_HOST: "127.0.0.1",
      KC_HTTP_PORT: String(ports["main"] ?? 0),
      KC_HTTP_POOL_MAX_THREADS: "16",
      KC_HOSTNAME_STRICT: "false",
      KC_CACHE: "local",
    },
  };
}

async function isReady(setup: EngineSetup<KeycloakInput>): Promise<boolean> {
  const { ports, password } = setup;
  const base = `http://127.0.0.1:${ports["main"] ?? 0}`;
  const http = await openHttp({ base, title: "Keycloak", code: "KEYCLOAK", timeoutMs: ASK_TIMEOUT_MS, connections: 1 });
  try {
    const { status } = await http.request("/realms/master/protocol/openid-connect/token", {
      form: { grant_type: "password", client_id: "admin-cli", username: ADMIN, password: password.reveal() },
    });
    if (status === 400 || status === 401)
      throw new ServiceError("The embedded Keycloak refuses its administrator's password.", {
        code: "EMBEDDED_START_FAILED",
        hint: "If it was changed by hand, write it into admin-password beside the server's log.",
      });
    return status === 200;
  } catch (error) {
    if (error instanceof CommonsError && error.code !== "EMBEDDED_START_FAILED") return false;
    throw error;
  } finally {
    http.close();
  }
}

function endpoint({ ports, password }: EngineSetup<KeycloakInput>): KeycloakEndpoint {
  return {
    service: "keycloak",
    scope: "",
    hosts: [{ host: "127.0.0.1", port: ports["main"] ?? 0 }],
    tls: false,
    path: "",
    user: ADMIN,
    password,
    realm: REALM,
  };
}

async function javaProgram(): Promise<string> {
  const java = await findProgram("java");
  if (java !== undefined) return java;
  throw new ServiceError("No java on PATH.", { code: "TOOLCHAIN_MISSING" });
}
