import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import type { OpensearchEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import pinned from "./checksums/opensearch.json" with { type: "json" };
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { findProgram } from "./find-program.ts";
import { installMaven, mavenMissing, mavenPackage } from "./maven.ts";
import {
  giveTo,
  layOut,
  LOGGING,
  makeCertificates,
  opensearchFiles,
  settings,
  writeSecurityFiles,
} from "./opensearch-files.ts";

const HEAP = "384m";
const ASK_TIMEOUT_MS = 5_000;
const HASH_TIMEOUT_MS = 60_000;
/** Few, since the password is random; the plugin hashes it again after every change of users or roles. */
const HASH_ROUNDS = "4";
const ADMIN = "admin";

/**
 * OpenSearch with its security plugin, from Maven's artifacts: one node on 127.0.0.1 with TLS, whose certificate is signed by an authority
 * made for it. Neither index state management (no artifact of it is published) nor the performance analyzer are part of it.
 *
 * The security index is filled at the first start from files that hold only the administrator. A start that was killed in between can leave
 * that index there but empty, and the plugin does not heal it; so until the administrator was let in once, the next start begins
 * with an empty data folder.
 */
export const opensearchEngine: Engine<"opensearch"> = {
  service: "opensearch",
  title: `OpenSearch ${pinned.version}`,
  extraPorts: ["transport"],
  readyTimeoutMs: 300_000,
  missing: mavenMissing,
  install: (emit) => installMaven(mavenPackage.parse(pinned), emit, (folder) => layOut(folder, pinned.version)),
  prepare,
  isReady,
  endpoint,
};

async function prepare(setup: EngineSetup<undefined>) {
  const { home, dataDir, ports, password, user } = setup;
  const files = opensearchFiles(dataDir);
  const java = await findProgram("java");
  if (java === undefined) throw new ServiceError("No java on PATH.", { code: "TOOLCHAIN_MISSING" });
  if (!existsSync(files.initialized)) await rm(files.data, { recursive: true, force: true });
  for (const folder of [files.config, files.data, files.logs, files.temporary])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  await makeCertificates(dataDir);
  if (!existsSync(files.initialized)) await writeSecurityFiles(home, dataDir, await bcrypt(java, home, password));
  await writeFile(join(files.config, "opensearch.yml"), settings(dataDir, ports));
  await writeFile(join(files.config, "log4j2.properties"), LOGGING);
  if (user !== undefined) await giveTo(user, dataDir);
  const args = [
    `-Xms${HEAP}`,
    `-Xmx${HEAP}`,
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.security.manager=allow",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dlog4j2.disable.jmx=true",
    "-Dlog4j2.formatMsgNoLookups=true",
    "-Dio.netty.noUnsafe=true",
    "-Dio.netty.noKeySetOptimization=true",
    "-Dopensearch.distribution.type=tar",
    "-Dopensearch.bundled_jdk=false",
    `-Dopensearch.path.home=${home}`,
    `-Dopensearch.path.conf=${files.config}`,
    `-Djava.io.tmpdir=${files.temporary}`,
    "-cp",
    join(home, "lib/*"),
    "org.opensearch.bootstrap.OpenSearch",
  ];
  return { program: java, args, env: { OPENSEARCH_TMPDIR: files.temporary } };
}

/** The password's bcrypt hash, by the plugin's own tool, which reads it from its environment. */
async function bcrypt(java: string, home: string, password: Secret): Promise<string> {
  const variable = `G2P_${randomBytes(4).toString("hex")}`;
  const classes = [join(home, "lib/*"), join(home, "plugins/opensearch-security/*")].join(":");
  const { stdout } = await promisify(execFile)(
    java,
    [
      "-XX:TieredStopAtLevel=1",
      "-cp",
      classes,
      "org.opensearch.security.tools.Hasher",
      "-r",
      HASH_ROUNDS,
      "-env",
      variable,
    ],
    { env: { PATH: process.env["PATH"], [variable]: password.reveal() }, timeout: HASH_TIMEOUT_MS },
  );
  const hash = /\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}/.exec(stdout)?.[0];
  if (hash !== undefined) return hash;
  throw new ServiceError("The security plugin's hash tool gave no hash. OpenSearch was not started.", {
    code: "EMBEDDED_START_FAILED",
  });
}

async function isReady(setup: EngineSetup<undefined>): Promise<boolean> {
  const { initialized } = opensearchFiles(setup.dataDir);
  const status = await ask(setup).catch(() => undefined);
  if (status === 401 && existsSync(initialized))
    throw new ServiceError("The embedded OpenSearch refuses its administrator's password.", {
      code: "EMBEDDED_START_FAILED",
      hint: "If it was changed by hand, write it into admin-password beside the server's log.",
    });
  if (status !== 200) return false;
  if (!existsSync(initialized)) await writeFile(initialized, "");
  return true;
}

/** Status of the answer to a request that needs the security index. */
async function ask(setup: EngineSetup<undefined>): Promise<number | undefined> {
  const { authority } = opensearchFiles(setup.dataDir);
  const ca = await readFile(authority);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: setup.ports["main"],
        path: "/_cluster/health?wait_for_status=yellow&timeout=1s",
        auth: `${ADMIN}:${setup.password.reveal()}`,
        ca,
        agent: false,
        timeout: ASK_TIMEOUT_MS,
      },
      (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode)).once("error", reject);
      },
    );
    sent.once("timeout", () => sent.destroy(new Error("no answer in time"))).once("error", reject);
    sent.end();
  });
}

function endpoint(setup: EngineSetup<undefined>): OpensearchEndpoint {
  return {
    service: "opensearch",
    scope: "",
    hosts: [{ host: "127.0.0.1", port: setup.ports["main"] ?? 0 }],
    tls: true,
    caFile: opensearchFiles(setup.dataDir).authority,
    path: "",
    user: ADMIN,
    password: setup.password,
  };
}
