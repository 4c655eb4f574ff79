import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { S3Endpoint } from "../../model/endpoint.ts";
import { type BuiltProgram, installProgram, programMissing } from "./built-program.ts";
import { cacheDir } from "./cache-dir.ts";
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { letsAdminIn } from "./s3-ready.ts";
import { own, writeOwned } from "./owned-file.ts";

const VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c";
const ROOT_USER = "g2p-admin";

/** The last state of MinIO's published source. Go checks every module against its own checksum database. */
const PROGRAM: BuiltProgram = {
  name: "minio",
  title: "MinIO 2026-02-12",
  version: VERSION,
  compiler: "go",
  compilerTitle: "Go 1.24 or newer (`go`)",
  // 1,300 packages and 250 modules.
  lines: 1_550,
  build: (folder) => ({
    args: ["install", "-v", "-trimpath", "-ldflags=-s -w", `github.com/minio/minio@${VERSION}`],
    env: {
      GOBIN: join(folder, "bin"),
      GOPATH: join(cacheDir(), "go"),
      GOCACHE: join(cacheDir(), "go-build"),
      GOFLAGS: "-modcacherw",
    },
  }),
};

/** MinIO on one folder. It listens on 127.0.0.1 alone, has no web console and asks nobody for newer versions. */
export const minioEngine: Engine<"s3"> = {
  service: "s3",
  title: PROGRAM.title,
  extraPorts: [],
  readyTimeoutMs: 120_000,
  missing: () => programMissing(PROGRAM),
  install: (emit) => installProgram(PROGRAM, emit),
  prepare: async (setup) => {
    const { dataDir, home, ports, password, user } = setup;
    for (const name of ["data", "certs"]) {
      await mkdir(join(dataDir, name), { recursive: true, mode: 0o700 });
      await own(join(dataDir, name), user);
    }
    const secrets = join(dataDir, "minio.env");
    await writeOwned(secrets, `MINIO_ROOT_USER=${ROOT_USER}\nMINIO_ROOT_PASSWORD=${password.reveal()}\n`, user);
    return {
      program: join(home, "minio"),
      args: [
        "server",
        "--quiet",
        `--address=127.0.0.1:${ports["main"]}`,
        `--certs-dir=${join(dataDir, "certs")}`,
        join(dataDir, "data"),
      ],
      env: {
        MINIO_CONFIG_ENV_FILE: secrets,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
        GOMEMLIMIT: "256MiB",
      },
    };
  },
  isReady: (setup) => letsAdminIn(endpointOf(setup)),
  endpoint: endpointOf,
};

function endpointOf({ ports, password }: EngineSetup<undefined>): S3Endpoint {
  return {
    service: "s3",
    scope: "",
    server: "minio",
    region: "us-east-1",
    hosts: [{ host: "127.0.0.1", port: ports["main"] ?? 0 }],
    tls: false,
    path: "",
    user: ROOT_USER,
    password,
  };
}
