import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openState } from "../../../src/targets/state.ts";

let parent: string;
let dir: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "g2p-state-"));
  dir = join(parent, ".g2p");
});

afterEach(() => rm(parent, { recursive: true }));

test("opening a state directory and asking what is known creates nothing", async () => {
  const state = openState(dir);
  expect(state.exists()).toBe(false);
  expect(await state.knownEnvironmentId(undefined)).toBeUndefined();
  expect(await state.credentials.read([{ sandbox: "dev", instance: "registry", claim: "main" }])).toEqual(new Map());
  expect(await readdir(parent)).toEqual([]);
});

test("the directory is closed to others and ignored by Git", async () => {
  await openState(dir).create();
  await openState(dir).create();
  expect((await stat(dir)).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o711 : 0o700);
  expect(await readFile(join(dir, ".gitignore"), "utf8")).toBe("*\n");
});

test("the environment's id is made once, however many ask at the same time", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => openState(dir).environmentId(undefined)));
  expect(new Set(ids).size).toBe(1);
  expect(await openState(dir).knownEnvironmentId(undefined)).toBe(ids[0]);
  expect((await stat(join(dir, "environment.json"))).mode & 0o777).toBe(0o600);
});

test("an id in the environment file wins over making one, and is remembered", async () => {
  const id = randomUUID();
  expect(await openState(dir).environmentId(id)).toBe(id);
  expect(await openState(dir).environmentId(undefined)).toBe(id);
});

test("an id that differs from the stored one is refused", async () => {
  const stored = await openState(dir).environmentId(undefined);
  const other = randomUUID();
  await expect(openState(dir).environmentId(other)).rejects.toMatchObject({
    code: "ENVIRONMENT_ID_MISMATCH",
    exitCode: 3,
  });
  await expect(openState(dir).knownEnvironmentId(other)).rejects.toMatchObject({ code: "ENVIRONMENT_ID_MISMATCH" });
  expect(await openState(dir).environmentId(stored)).toBe(stored);
});

test("a damaged id is reported with its file, and a directory that cannot be made with its path", async () => {
  await openState(dir).create();
  await writeFile(join(dir, "environment.json"), "");
  await expect(openState(dir).environmentId(undefined)).rejects.toMatchObject({
    code: "STATE_DAMAGED",
    message: expect.stringContaining(join(dir, "environment.json")),
  });
  await mkdir(join(parent, "x"));
  await writeFile(join(parent, "x/file"), "");
  await expect(openState(join(parent, "x/file")).environmentId(undefined)).rejects.toMatchObject({
    code: "STATE_UNUSABLE",
  });
});
