import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { S3Endpoint } from "../../src/model/endpoint.ts";
import { ServiceError } from "../../src/model/error.ts";
import type { Engine } from "../../src/targets/embedded/engine-definition.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { minioEngine } from "../../src/targets/embedded/minio.ts";
import { subject } from "./s3-minio.ts";
import { ContractWorld, undone } from "./world.ts";

let dir = "";
let endpoint: S3Endpoint;
const options = () => ({ stateDir: dir, scope: "", input: undefined });

/** A certificate of its own for 127.0.0.1. */
async function certificate(folder: string, key: string, cert: string): Promise<void> {
  const subjectAlt = ["-subj", "/CN=minio", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", join(folder, key), "-out", join(folder, cert)];
  await promisify(execFile)("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    ...subjectAlt,
    ...files,
  ]);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "g2p-s3-tls-"));
  await chmod(dir, 0o755);
  await certificate(dir, "other.key", "other.crt");
  const secure = (plain: S3Endpoint): S3Endpoint => ({ ...plain, tls: true, caFile: join(dir, "ca.crt") });
  const engine: Engine<"s3"> = {
    ...minioEngine,
    prepare: async (setup) => {
      const command = await minioEngine.prepare(setup);
      const certs = join(setup.dataDir, "certs");
      await certificate(certs, "private.key", "public.crt");
      for (const name of ["private.key", "public.crt"]) await chmod(join(certs, name), 0o644);
      await promisify(execFile)("cp", [join(certs, "public.crt"), join(dir, "ca.crt")]);
      return command;
    },
    isReady: async (setup) => {
      const { letsAdminIn } = await import("../../src/targets/embedded/s3-ready.ts");
      return letsAdminIn(secure(minioEngine.endpoint(setup)));
    },
    endpoint: (setup) => secure(minioEngine.endpoint(setup)),
  };
  ({ endpoint } = await startEngine(engine, { ...options(), emit: () => {} }));
});

afterAll(async () => {
  await stopEngine(minioEngine, options());
  await rm(dir, { recursive: true, force: true });
});

test("over TLS everything is made, works, is verified and removed", async () => {
  const world = await ContractWorld.open(subject, endpoint);
  expect(undone((await world.apply()).items)).toEqual([]);
  await world.expectClean();
  expect((await world.verify()).cells.filter((cell) => !cell.ok)).toEqual([]);
  const binding = await world.binding(world.placed[0]!);
  expect(binding["secure"]).toBe("true");
  expect(await world.close()).toEqual([]);
});

test.each([
  ["plain text", () => ({ ...endpoint, tls: false })],
  ["another authority", () => ({ ...endpoint, caFile: join(dir, "other.crt") })],
])("%s to a server with TLS is said to be that", async (_, wrong) => {
  const world = await ContractWorld.open(subject, endpoint);
  const error = await world.plan({ endpoint: wrong() }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ServiceError);
  expect((error as ServiceError).code).toBe("S3_TLS");
  expect(await world.close()).toEqual([]);
});
