import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { S3Endpoint } from "../../model/endpoint.ts";
import { type BuiltProgram, installProgram, programMissing } from "./built-program.ts";
import { cacheDir } from "./cache-dir.ts";
import type { Engine, EngineSetup } from "./engine-definition.ts";
import { own, writeOwned } from "./owned-file.ts";
import { letsAdminIn } from "./s3-ready.ts";

const VERSION = "2.5.0";
const REGION = "us-east-1";

/** Garage from its published crate; `--locked` takes the versions and checksums that its authors pinned. */
const PROGRAM: BuiltProgram = {
  name: "garage",
  title: `Garage ${VERSION}`,
  version: VERSION,
  compiler: "cargo",
  compilerTitle: "Rust (`cargo`)",
  // 430 crates, each downloaded and compiled.
  lines: 850,
  build: (folder) => ({
    args: ["install", "--locked", `--version=${VERSION}`, `--root=${folder}`, "--no-track", "garage"],
    env: { CARGO_TARGET_DIR: join(cacheDir(), "cargo-target") },
  }),
};

/** Garage as a cluster of one node, on 127.0.0.1 alone. */
export const garageEngine: Engine<"s3"> = {
  service: "s3",
  title: PROGRAM.title,
  extraPorts: ["rpc", "admin"],
  readyTimeoutMs: 120_000,
  missing: () => programMissing(PROGRAM),
  install: (emit) => installProgram(PROGRAM, emit),
  prepare: async (setup) => {
    const { dataDir, home, user } = setup;
    for (const name of ["data", "meta"]) {
      await mkdir(join(dataDir, name), { recursive: true, mode: 0o700 });
      await own(join(dataDir, name), user);
    }
    const config = join(dataDir, "garage.toml");
    await writeOwned(config, configOf(setup), user);
    return {
      program: join(home, "garage"),
      args: [`--config=${config}`, "server", "--single-node"],
      env: { RUST_LOG: "garage=warn" },
    };
  },
  isReady: (setup) => letsAdminIn(endpointOf(setup)),
  endpoint: endpointOf,
};

/** Garage's configuration; the file holds secrets. */
function configOf({ dataDir, ports, password }: EngineSetup<undefined>): string {
  // Nodes know each other by it; there is one, and it must stay the same.
  const rpcSecret = createHash("sha256").update(`garage rpc ${password.reveal()}`).digest("hex");
  const text = JSON.stringify;
  return `metadata_dir = ${text(join(dataDir, "meta"))}
data_dir = ${text(join(dataDir, "data"))}
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:${ports["rpc"]}"
rpc_public_addr = "127.0.0.1:${ports["rpc"]}"
rpc_secret = "${rpcSecret}"

[s3_api]
s3_region = "${REGION}"
api_bind_addr = "127.0.0.1:${ports["main"]}"

[admin]
api_bind_addr = "127.0.0.1:${ports["admin"]}"
admin_token = "${password.reveal()}"
`;
}

function endpointOf({ ports, password }: EngineSetup<undefined>): S3Endpoint {
  return {
    service: "s3",
    scope: "",
    server: "garage",
    region: REGION,
    hosts: [{ host: "127.0.0.1", port: ports["main"] ?? 0 }],
    adminUrl: `http://127.0.0.1:${ports["admin"]}`,
    tls: false,
    path: "",
    user: "",
    password,
  };
}
