import { chown, mkdir, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import type { KeymanagerEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import { createOnce } from "../create-once.ts";
import { randomPassword } from "../random-password.ts";
import pinned from "./checksums/keymanager.json" with { type: "json" };
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { findProgram } from "./find-program.ts";
import { keyStoreFiles, pairKeyStore } from "./keymanager-key-store.ts";
import { type KeymanagerDatabase, type KeymanagerIssuer, keymanagerProperties } from "./keymanager-settings.ts";
import { installMaven, mavenMissing, mavenPackage } from "./maven.ts";

const HEAP = "320m";
const ASK_TIMEOUT_MS = 5_000;
const PATH = "/v1/keymanager";

/** What Keymanager needs of other services. */
export interface KeymanagerInput {
  readonly database: KeymanagerDatabase;
  /** Absent where the environment has no Keycloak: then Keymanager asks nobody who he is. */
  readonly issuer?: KeymanagerIssuer;
}

/**
 * MOSIP Keymanager with MOSIP's authentication adapter, from Maven's artifacts: listens on 127.0.0.1, keeps master keys in a PKCS12 key store
 * whose password is the server's own, and everything else in its database, whose schema it makes here.
 */
export const keymanagerEngine: Engine<"keymanager", KeymanagerInput> = {
  service: "keymanager",
  title: `Keymanager ${pinned.version}`,
  extraPorts: [],
  readyTimeoutMs: 300_000,
  // Spring gives up, but the threads that were started before keep the process alive.
  startFailure: /APPLICATION FAILED TO START|Application run failed/,
  missing: mavenMissing,
  install: (emit) => installMaven(mavenPackage.parse(pinned), emit),
  prepare,
  isReady,
  endpoint,
};

async function prepare(setup: EngineSetup<KeymanagerInput>) {
  const { home, dataDir, ports, password, user, input } = setup;
  const java = await findProgram("java");
  if (java === undefined) throw new ServiceError("No java on PATH.", { code: "TOOLCHAIN_MISSING" });
  const config = join(dataDir, "config");
  const temporary = join(dataDir, "tmp");
  for (const folder of [config, temporary]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await pairKeyStore(dataDir, input.database);
  const properties = keymanagerProperties({
    port: ports["main"] ?? 0,
    database: input.database,
    issuer: input.issuer,
    keyStore: keyStoreFiles(dataDir).store,
    keyStorePassword: password,
    salts: { uin: await salt(dataDir, "uin"), partnerCode: await salt(dataDir, "partner-code") },
  });
  const file = join(config, "application-g2p.properties");
  await writeFile(file, properties, { mode: 0o600 });
  if (user !== undefined) for (const path of [config, temporary, file]) await chown(path, user.uid, user.gid);
  const jar = join(home, `app/kernel-keymanager-service-${pinned.version}.jar`);
  const open = ["java.lang", "java.util", "java.lang.reflect", "java.text", "sun.security.x509"].map(
    (name) => `java.base/${name}`,
  );
  const args = [
    "-Xms64m",
    `-Xmx${HEAP}`,
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    // The slow compiler is kept for what runs very often: making keys takes five times as long without it, starting a fifth longer with it.
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=20000",
    "-XX:Tier4CompileThreshold=60000",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Djava.security.egd=file:/dev/urandom",
    ...[...open, "java.desktop/java.awt.font"].map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    `-Djava.io.tmpdir=${temporary}`,
    "-Dspring.profiles.active=g2p",
    "-Dspring.cloud.bootstrap.enabled=false",
    `-Dspring.config.additional-location=file:${config}/`,
    ...(input.issuer === undefined ? [] : [`-Dloader.path=${join(home, "adapter")}`]),
    "-jar",
    jar,
  ];
  return { program: java, args, env: {} };
}

/** A text made once, which only the files of this server hold. */
async function salt(dataDir: string, name: string): Promise<Secret> {
  return new Secret(await createOnce(join(dataDir, "config", `${name}.salt`), randomPassword().reveal()));
}

async function isReady(setup: EngineSetup<KeymanagerInput>): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = get(
      {
        host: "127.0.0.1",
        port: setup.ports["main"],
        path: `${PATH}/actuator/health`,
        agent: false,
        timeout: ASK_TIMEOUT_MS,
      },
      (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode === 200)).once("error", () => resolve(false));
      },
    );
    sent.once("timeout", () => sent.destroy(new Error("no answer in time"))).once("error", () => resolve(false));
  });
}

function endpoint(setup: EngineSetup<KeymanagerInput>): KeymanagerEndpoint {
  const { database, issuer } = setup.input;
  return {
    service: "keymanager",
    scope: "",
    hosts: [{ host: "127.0.0.1", port: setup.ports["main"] ?? 0 }],
    tls: false,
    path: PATH,
    user: "",
    password: new Secret(""),
    database: {
      service: "postgresql",
      scope: "",
      host: database.host,
      port: database.port,
      user: database.username,
      password: database.password,
      database: database.database,
      sslmode: "disable",
    },
    ...(issuer === undefined
      ? {}
      : {
          auth: {
            tokenUrl: `${issuer.realmUrl.replace(/\/$/, "")}/protocol/openid-connect/token`,
            clientId: issuer.admin.clientId,
            clientSecret: issuer.admin.clientSecret,
          },
        }),
  };
}
