import { execFile } from "node:child_process";
import { hkdfSync, pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import artifacts from "./checksums/kafka.json" with { type: "json" };
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { serverEnv } from "./initdb.ts";
import { installMaven, mavenMissing, mavenPackage } from "./maven.ts";
import type { RunAs } from "./run-as.ts";

/** Kafka in one process that is broker and controller; see {@link serverProperties} for who may connect where. */
export const kafkaEngine: Engine<"kafka"> = {
  service: "kafka",
  title: `Kafka ${artifacts.version}`,
  extraPorts: ["controller", "internal"],
  readyTimeoutMs: 120_000,
  missing: mavenMissing,
  install: (emit) => installMaven(mavenPackage.parse(artifacts), emit),
  prepare: async (setup) => {
    const { dataDir, home, user } = setup;
    await writePrivate(join(dataDir, "server.properties"), serverProperties(setup), user);
    await writePrivate(join(dataDir, "log4j2.properties"), LOGGING, user);
    await formatOnce(setup);
    return {
      program: "java",
      args: [
        ...JVM,
        `-Dlog4j2.configurationFile=${join(dataDir, "log4j2.properties")}`,
        "-cp",
        join(home, "lib", "*"),
        "kafka.Kafka",
        join(dataDir, "server.properties"),
      ],
      env: {},
    };
  },
  isReady: async (setup) => {
    // The client library is only needed where a Kafka runs.
    const { answers } = await import("../../providers/kafka/connection.ts");
    const { toFailure } = await import("../../providers/kafka/failure.ts");
    try {
      await answers(kafkaEngine.endpoint(setup), ATTEMPT_MS);
      return true;
    } catch (error) {
      const failure = toFailure(error, "login of the administrator");
      if (/^KAFKA_(TLS|SASL|CERTIFICATE|NO_RIGHT)/.test(failure.code)) throw failure;
      return false;
    }
  },
  endpoint: ({ ports, password }) => ({
    service: "kafka",
    scope: "",
    hosts: [{ host: "127.0.0.1", port: ports["main"] ?? 0 }],
    tls: false,
    path: "",
    user: ADMIN,
    password,
  }),
};

const ADMIN = "admin";
const BROKER = "g2p-broker";
const ATTEMPT_MS = 5_000;
const ITERATIONS = 4096;
const UNFINISHED = "kafka.new-";

/** Fast to start and small: no second compiler, one thread for garbage. */
const JVM = [
  "-Xms96m",
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Djava.awt.headless=true",
  "-Djava.net.preferIPv4Stack=true",
];

/**
 * Three listeners, all on 127.0.0.1 and all asking for a password. Clients sign in at the first by SCRAM-SHA-512, whose credentials
 * are in Kafka's own metadata. What the process sends to itself goes through the two others by SASL/PLAIN as a user that only
 * they know, so that whatever happens to the administrator's password the server works. Nobody may do anything without a rule.
 */
function serverProperties({ dataDir, ports, password }: EngineSetup<undefined>): string {
  const inner = innerPassword(password);
  const plain =
    `org.apache.kafka.common.security.plain.PlainLoginModule required ` +
    `username="${BROKER}" password="${inner}" user_${BROKER}="${inner}";`;
  const at = (name: string, port: string) => `${name}://127.0.0.1:${ports[port] ?? 0}`;
  return lines({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${ports["controller"] ?? 0}`,
    listeners: [at("CLIENT", "main"), at("INTERNAL", "internal"), at("CONTROLLER", "controller")].join(","),
    "advertised.listeners": [at("CLIENT", "main"), at("INTERNAL", "internal")].join(","),
    "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,INTERNAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "inter.broker.listener.name": "INTERNAL",
    "controller.listener.names": "CONTROLLER",
    "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.client.scram-sha-512.sasl.jaas.config":
      "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "listener.name.internal.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.internal.plain.sasl.jaas.config": plain,
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.controller.plain.sasl.jaas.config": plain,
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": `User:${ADMIN};User:${BROKER}`,
    "allow.everyone.if.no.acl.found": "false",
    "auto.create.topics.enable": "false",
    "log.dirs": join(dataDir, "kafka"),
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.index.size.max.bytes": "1048576",
    "controlled.shutdown.enable": "false",
  });
}

/** Made from the administrator's password, which nobody can compute back from it. */
function innerPassword(password: Secret): string {
  return Buffer.from(hkdfSync("sha256", password.reveal(), "", "g2p kafka inner listeners", 32)).toString("hex");
}

const LOGGING = lines({
  status: "error",
  "appender.out.type": "Console",
  "appender.out.name": "out",
  "appender.out.layout.type": "PatternLayout",
  "appender.out.layout.pattern": "%d{ISO8601} %-5p %m (%c{1})%n",
  "rootLogger.level": "warn",
  "rootLogger.appenderRef.out.ref": "out",
  "logger.server.name": "kafka.server.KafkaRaftServer",
  "logger.server.level": "info",
});

function lines(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

/**
 * Writes the cluster's first metadata, with the administrator's credential in it, under another name, and renames it when it is
 * complete. Kafka's tool takes the credential as an argument only, which everybody on the machine could read; but it takes
 * arguments from a file, too, and the salted password instead of the clear one.
 */
async function formatOnce({ home, dataDir, ports, password, user }: EngineSetup<undefined>): Promise<void> {
  for (const name of await readdir(dataDir))
    if (name.startsWith(UNFINISHED)) await rm(join(dataDir, name), { recursive: true, force: true });
  const data = join(dataDir, "kafka");
  if (existsSync(data)) return;
  const work = join(dataDir, `${UNFINISHED}${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(work, { mode: 0o700 });
    if (user !== undefined) await chown(work, user.uid, user.gid);
    const config = join(work, "format.properties");
    const settings = {
      "process.roles": "broker,controller",
      "node.id": "1",
      "controller.quorum.voters": `1@127.0.0.1:${ports["controller"] ?? 0}`,
      "controller.listener.names": "CONTROLLER",
      listeners: `CONTROLLER://127.0.0.1:${ports["controller"] ?? 0},CLIENT://127.0.0.1:${ports["main"] ?? 0}`,
      "inter.broker.listener.name": "CLIENT",
      "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENT:PLAINTEXT",
      "log.dirs": join(work, "kafka"),
    };
    await writePrivate(config, lines(settings), user);
    const options = join(work, "options");
    await writePrivate(options, `--add-scram\n${scramArgument(password)}\n`, user);
    const tool = ["-cp", join(home, "lib", "*"), "kafka.tools.StorageTool", "format"];
    const id = randomBytes(16).toString("base64url").replace(/^-/, "A");
    await promisify(execFile)("java", ["-Xmx64m", ...tool, "--cluster-id", id, "--config", config, `@${options}`], {
      cwd: work,
      env: serverEnv(),
      ...user,
    });
    await rename(join(work, "kafka"), data);
  } catch (error) {
    // What the tool writes may hold the credential.
    const said = (error as { stderr?: string }).stderr?.split("\n").find((line) => /exception|error/i.test(line));
    throw new ServiceError(`Kafka could not make its data directory ${data}: ${said ?? "its tool failed"}.`, {
      code: "EMBEDDED_INIT_FAILED",
      hint: "Check that java is version 17 or newer and the disk is not full; nothing was left behind.",
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The administrator's credential as `--add-scram` takes it, without the clear password (RFC 5802, section 3). */
function scramArgument(password: Secret): string {
  const salt = randomBytes(24);
  const salted = pbkdf2Sync(password.reveal(), salt, ITERATIONS, 64, "sha512");
  return `SCRAM-SHA-512=[name=${ADMIN},iterations=${ITERATIONS},salt="${salt.toString("base64")}",saltedpassword="${salted.toString("base64")}"]`;
}

async function writePrivate(file: string, text: string, user: RunAs | undefined): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600, flag: "wx" });
  if (user !== undefined) await chown(file, user.uid, user.gid);
}
