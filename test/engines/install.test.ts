import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServiceError } from "../../src/model/error.ts";
import { cacheDir, engineHome } from "../../src/targets/embedded/cache-dir.ts";
import pinned from "../../src/targets/embedded/checksums/keymanager.json" with { type: "json" };
import { findProgram } from "../../src/targets/embedded/find-program.ts";
import { installMaven, mavenMissing, mavenPackage, type MavenPackage } from "../../src/targets/embedded/maven.ts";
import { until } from "../../src/targets/embedded/until.ts";

const FILE = "adapter/kernel-auth-adapter-1.2.0.1.jar";
const MODULE = fileURLToPath(new URL("../../src/targets/embedded/maven.ts", import.meta.url));

/** What is left of a package in the cache. */
async function inCache(name: string): Promise<string[]> {
  return (await readdir(join(cacheDir(), "engines"))).filter((entry) => entry.includes(name));
}

/** Command lines of all processes that name a text. */
async function processesWith(text: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(text));
}

describe("installing by Maven", () => {
  let wanted: MavenPackage;
  const path = process.env["PATH"];

  beforeEach(() => {
    const artifacts = pinned.artifacts.filter((one) => one.into === "adapter");
    const sha256 = { [FILE]: pinned.sha256[FILE] };
    // A name of its own, so that nothing of it can be there before.
    wanted = mavenPackage.parse({ name: `test-${randomUUID()}`, version: "1", artifacts, sha256 });
    return async () => {
      for (const entry of await inCache(wanted.name))
        await rm(join(cacheDir(), "engines", entry), { recursive: true, force: true });
    };
  });

  afterEach(() => {
    process.env["PATH"] = path;
  });

  test("puts exactly the pinned files into the cache, and only once", async () => {
    const home = await installMaven(wanted, () => {});
    expect(home).toBe(engineHome(wanted.name, "1"));
    expect(await readdir(home, { recursive: true })).toEqual(["adapter", FILE]);
    process.env["PATH"] = "/nonexistent";
    expect(await installMaven(wanted, () => {})).toBe(home);
    expect(await inCache(wanted.name)).toEqual([`${wanted.name}-1`]);
  });

  test.each([
    ["another checksum than the pinned", { [FILE]: "0".repeat(64) }, /has SHA-256 [0-9a-f]{64}, expected 0{64}/],
    ["a file that is not pinned", {}, /came with a file that is not pinned: adapter\//],
    [
      "a file missing",
      { [FILE]: pinned.sha256[FILE], "adapter/more.jar": "0".repeat(64) },
      /lacks the file adapter\/more/,
    ],
  ])("is refused for %s, and nothing is left", async (_, sha256, message) => {
    const error = await installMaven({ ...wanted, sha256 }, () => {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).code).toBe("ARTIFACT_CHECKSUM");
    expect((error as ServiceError).message).toMatch(message);
    expect(await inCache(wanted.name)).toEqual([]);
  });

  test("an artifact that does not exist is named", async () => {
    const artifacts = [{ ...wanted.artifacts[0]!, coordinates: "io.mosip.kernel:kernel-auth-adapter:0.0.0" }];
    const error = await installMaven({ ...wanted, artifacts }, () => {}).catch((thrown: unknown) => thrown);
    expect((error as ServiceError).code).toBe("MAVEN_FAILED");
    expect((error as ServiceError).message).toContain("kernel-auth-adapter:jar:0.0.0");
    expect(await inCache(wanted.name)).toEqual([]);
  });

  test.each(["mvn", "java"])("without %s, one line names what is missing", async (program) => {
    const folder = await mkdtemp(join(tmpdir(), "g2p-path-"));
    try {
      const other = program === "mvn" ? "java" : "mvn";
      await symlink((await findProgram(other))!, join(folder, other));
      expect(await mavenMissing()).toBeUndefined();
      process.env["PATH"] = folder;
      expect(await mavenMissing()).toMatch(/^needs Java 17 or newer and Maven .*java and mvn on PATH.*$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("killed at any instant, it leaves no process behind, and the next one completes it", async () => {
    for (const seconds of [0.5, 1.5, 3]) {
      const script = `const { installMaven } = await import(${JSON.stringify(MODULE)});
        console.log("begin"); await installMaven(${JSON.stringify(wanted)}, () => {});`;
      const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1_000);
      await new Promise((resolve) => child.once("close", resolve));
      clearTimeout(timer);
      const gone = async () => ((await processesWith(`engines/.${wanted.name}`)).length === 0 ? true : undefined);
      expect(await until(gone, 20_000)).toBe(true);
    }
    const home = await installMaven(wanted, () => {});
    expect(await readdir(home, { recursive: true })).toEqual(["adapter", FILE]);
    expect(await inCache(wanted.name)).toEqual([`${wanted.name}-1`]);
  });
});
