import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadEnvironment } from "../../../src/config/load.ts";
import { loadOrRemember } from "../../../src/config/remember.ts";
import { ConfigError } from "../../../src/model/error.ts";

let dir: string;
let file: string;
let folder: string;

const environment = (name: string) =>
  `apiVersion: g2p.dev/v1\nenvironment: ${name}\ncommons: { postgresql: { mode: embedded }, elsewhere: [keycloak, keymanager] }\nsandboxes:\n  - { name: dev, modules: [spar, ./own.yaml] }\n`;
const descriptor = (limit: number) =>
  `apiVersion: g2p.dev/v1\nkind: Module\nmodule: own\ntitle: Own\nclaims: { main: { connectionLimit: ${limit} } }\nenv: [{ component: api, prefix: A_, vars: { URL: "\${main.uri}" } }]\n`;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "g2p-remember-"));
  file = join(dir, "g2p.yaml");
  folder = join(dir, "cache");
  await mkdir(folder);
  await writeFile(file, environment("one"));
  await writeFile(join(dir, "own.yaml"), descriptor(5));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const keptFile = async () => join(folder, (await readdir(folder))[0] ?? "");

test("what was kept equals what is loaded", async () => {
  const first = await loadOrRemember(file, folder, "build");
  const second = await loadOrRemember(file, folder, "build");
  expect(first).toEqual(await loadEnvironment(file));
  expect(second).toEqual(JSON.parse(JSON.stringify(first)));
  expect(await readdir(folder)).toHaveLength(1);
});

test("it is really taken from what was kept", async () => {
  await loadOrRemember(file, folder, "build");
  const kept = await keptFile();
  await writeFile(kept, (await readFile(kept, "utf8")).replaceAll('"one"', '"kept"'));
  expect((await loadOrRemember(file, folder, "build")).name).toBe("kept");
  expect((await loadOrRemember(file, folder, "other build")).name).toBe("one");
});

test("a change of the environment file or of a descriptor is seen", async () => {
  const limits = async () =>
    (await loadOrRemember(file, folder, "build")).instances.flatMap(({ claims }) =>
      claims.map((claim) => (claim.kind === "database" ? claim.spec.connectionLimit : 0)),
    );
  expect(await limits()).toContain(5);
  await writeFile(join(dir, "own.yaml"), descriptor(6));
  expect(await limits()).toContain(6);
  await writeFile(file, environment("two"));
  expect((await loadOrRemember(file, folder, "build")).name).toBe("two");
});

test("mistakes are found also where an earlier state of the file was kept", async () => {
  await loadOrRemember(file, folder, "build");
  await writeFile(file, environment("one").replace("embedded", "embeded"));
  await expect(loadOrRemember(file, folder, "build")).rejects.toThrow(ConfigError);
  await rm(join(dir, "own.yaml"));
  await writeFile(file, environment("one"));
  await expect(loadOrRemember(file, folder, "build")).rejects.toThrow(ConfigError);
});

test("a damaged or unwritable cache costs time only", async () => {
  await loadOrRemember(file, folder, "build");
  await writeFile(await keptFile(), '{"digest":');
  expect((await loadOrRemember(file, folder, "build")).name).toBe("one");
  expect((await loadOrRemember(file, join(dir, "missing"), "build")).name).toBe("one");
});
