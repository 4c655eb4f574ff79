import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { KafkaEndpoint } from "../../src/model/endpoint.ts";
import type { Engine } from "../../src/targets/embedded/engine-definition.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { kafkaEngine } from "../../src/targets/embedded/kafka.ts";

const run = promisify(execFile);

/** A Kafka with a TLS listener beside the plain one. */
export interface TlsKafka {
  readonly endpoint: KafkaEndpoint;
  readonly plainPort: number;
  stop(): Promise<void>;
}

/** An authority, and a key with a certificate of it for 127.0.0.1, made by openssl. */
export async function tlsFiles(dir: string): Promise<{ readonly ca: string; readonly keystore: string }> {
  await mkdir(dir, { recursive: true });
  const file = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => run("openssl", args, { cwd: dir });
  const authority = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority"];
  await openssl(...authority, "-keyout", "ca.key", "-out", "ca.pem");
  await openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    "/CN=kafka",
    "-keyout",
    "node.key",
    "-out",
    "node.csr",
  );
  await writeFile(file("names"), "subjectAltName=IP:127.0.0.1\n");
  const sign = [
    "x509",
    "-req",
    "-days",
    "2",
    "-in",
    "node.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
  ];
  await openssl(...sign, "-extfile", "names", "-out", "node.pem");
  // Kafka reads the key and its chain from one file (KIP-651).
  const parts = await Promise.all(["node.key", "node.pem", "ca.pem"].map((name) => readFile(file(name), "utf8")));
  await writeFile(file("keystore.pem"), parts.join(""), { mode: 0o644 });
  return { ca: file("ca.pem"), keystore: file("keystore.pem") };
}

/** The embedded engine with one more listener; everything else is its own. */
export async function startTlsKafka(dir: string): Promise<TlsKafka> {
  const { ca, keystore } = await tlsFiles(join(dir, "tls"));
  const store = (await readFile(keystore, "utf8")).trim();
  let ports: Readonly<Record<string, number>> = {};
  const engine: Engine<"kafka"> = {
    ...kafkaEngine,
    extraPorts: [...kafkaEngine.extraPorts, "tls"],
    prepare: async (setup) => {
      ports = setup.ports;
      const command = await kafkaEngine.prepare(setup);
      const config = join(setup.dataDir, "server.properties");
      const text = await readFile(config, "utf8");
      const address = `SECURE://127.0.0.1:${ports["tls"]}`;
      const pem = store.split("-----BEGIN CERTIFICATE-----");
      const chain = pem.slice(1).map((one) => `-----BEGIN CERTIFICATE-----${one}`);
      const oneLine = (value: string) => value.trim().replaceAll("\n", "\\n");
      await writeFile(
        config,
        text
          .replace(/^(listeners=.*)$/m, `$1,${address}`)
          .replace(/^(advertised\.listeners=.*)$/m, `$1,${address}`)
          .replace(/^(listener\.security\.protocol\.map=.*)$/m, "$1,SECURE:SASL_SSL") +
          [
            "listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "listener.name.secure.ssl.keystore.type=PEM",
            `listener.name.secure.ssl.keystore.key=${oneLine(pem[0] ?? "")}`,
            `listener.name.secure.ssl.keystore.certificate.chain=${oneLine(chain.join(""))}`,
            "",
          ].join("\n"),
      );
      return command;
    },
  };
  const { endpoint } = await startEngine(engine, {
    stateDir: join(dir, "state"),
    scope: "",
    input: undefined,
    emit: () => {},
  });
  return {
    endpoint: { ...endpoint, hosts: [{ host: "127.0.0.1", port: ports["tls"] ?? 0 }], tls: true, caFile: ca },
    plainPort: endpoint.hosts[0]?.port ?? 0,
    stop: async () => {
      await stopEngine(engine, { stateDir: join(dir, "state"), scope: "" });
    },
  };
}
