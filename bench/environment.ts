import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerAddress } from "../src/model/environment.ts";

/** An environment of many equal claims on one external server, written to files. */
export interface BenchEnvironment {
  readonly dir: string;
  readonly file: string;
  /** Variables that the command needs: the administrator's password. */
  readonly env: Readonly<Record<string, string>>;
  remove(): void;
}

/** What is claimed. */
export interface Size {
  /** Number of databases. */
  readonly databases: number;
  /** A reporting user that reads each of them. */
  readonly readers?: boolean;
}

const PER_SANDBOX = 20;

const MODULE = `apiVersion: g2p.dev/v1
kind: Module
module: app
title: Application with one database

claims:
  main: { connectionLimit: 20 }

env:
  - component: api
    prefix: APP_
    vars: { DATABASE_URL: "\${main.uri}" }
`;

/** Writes an environment file with its module descriptor; its state directory is `.g2p` beside it. */
export function writeEnvironment(server: ServerAddress, size: Size): BenchEnvironment {
  const dir = mkdtempSync(join(tmpdir(), "g2p-bench-"));
  const instance = (index: number) => {
    const readers = size.readers === true ? ", claims: { main: { readers: [report] } }" : "";
    return `      - { module: ./app.yaml, name: app-${index + 1}${readers} }`;
  };
  const sandboxes: string[] = [];
  for (let at = 0; at < size.databases; at += PER_SANDBOX) {
    const count = Math.min(PER_SANDBOX, size.databases - at);
    const lines = Array.from({ length: count }, (_, index) => instance(index));
    sandboxes.push(`  - name: box-${sandboxes.length + 1}\n    modules:\n${lines.join("\n")}`);
  }
  writeFileSync(join(dir, "app.yaml"), MODULE);
  writeFileSync(
    join(dir, "g2p.yaml"),
    `apiVersion: g2p.dev/v1
environment: bench

commons:
  elsewhere: [s3, keycloak, keymanager, redis]
  postgresql:
    mode: external
    host: ${server.host}
    port: ${server.port}
    prefix: ""
    admin: { user: ${server.user}, passwordFrom: { env: BENCH_PASSWORD } }

sandboxes:
${sandboxes.join("\n")}
`,
  );
  return {
    dir,
    file: join(dir, "g2p.yaml"),
    env: { BENCH_PASSWORD: server.password.reveal() },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
