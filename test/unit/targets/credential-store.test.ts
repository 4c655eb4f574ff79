import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fileCredentialStore } from "../../../src/targets/credential-store.ts";

const ref = { sandbox: "dev", instance: "registry", claim: "main" };
const KEY = "dev/registry/main";
let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "g2p-credentials-"));
  folder = join(parent, "credentials");
});

afterEach(() => rm(parent, { recursive: true }));

test("a credential is made once, readable by its owner only, and stays", async () => {
  const store = fileCredentialStore(folder);
  const first = (await store.getOrCreate([ref], () => "dev__registry")).get(KEY);
  expect(first?.username).toBe("dev__registry");
  expect(first?.password.reveal()).toMatch(/^[A-Za-z0-9]{32}$/);
  const file = join(folder, "dev/registry/main.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, "dev/registry"))).mode & 0o777).toBe(0o700);
  const again = (await store.getOrCreate([ref], () => "another")).get(KEY);
  expect(again?.username).toBe("dev__registry");
  expect(again?.password.reveal()).toBe(first?.password.reveal());
  expect((await store.read([ref])).get(KEY)?.password.reveal()).toBe(first?.password.reveal());
});

test("reading makes nothing", async () => {
  expect(await fileCredentialStore(folder).read([ref])).toEqual(new Map());
  expect(await readdir(parent)).toEqual([]);
});

test("processes that make the same credentials at once agree on every password", async () => {
  const module = new URL("../../../src/targets/credential-store.ts", import.meta.url).href;
  const refs = Array.from({ length: 50 }, (_, index) => ({ ...ref, instance: `i${index}` }));
  const script = `
    const { fileCredentialStore } = await import(${JSON.stringify(module)});
    const found = await fileCredentialStore(${JSON.stringify(folder)}).getOrCreate(${JSON.stringify(refs)}, () => "u" + process.pid);
    console.log(JSON.stringify([...found].map(([key, { username, password }]) => [key, username, password.reveal()])));`;
  const one = () =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]).then(({ stdout }) => stdout);
  const outputs = await Promise.all([one(), one(), one()]);
  expect(new Set(outputs).size).toBe(1);
  expect(await readdir(join(folder, "dev/i0"))).toEqual(["main.json"]);
});

test("400 credentials are made and read", async () => {
  const store = fileCredentialStore(folder);
  const refs = Array.from({ length: 400 }, (_, index) => ({ ...ref, instance: `i${index}` }));
  await store.getOrCreate(refs, () => "u");
  expect((await store.read(refs)).size).toBe(400);
});

test.each([
  { text: "", found: "empty" },
  { text: '{"username": "u", "password": "hidden', found: "damaged" },
  { text: '{"username": "u"}', found: "damaged" },
])("a file holding $text is reported as $found, left as it is, and its text is not shown", async ({ text, found }) => {
  const store = fileCredentialStore(folder);
  await store.getOrCreate([ref], () => "u");
  const file = join(folder, "dev/registry/main.json");
  await writeFile(file, text);
  const error = await store.getOrCreate([ref], () => "u").catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "CREDENTIAL_DAMAGED", kind: "service", resource: KEY });
  expect((error as Error).message).toContain(`${file} is ${found}`);
  expect(`${(error as Error).stack}`).not.toContain("hidden");
  await expect(store.read([ref])).rejects.toMatchObject({ code: "CREDENTIAL_DAMAGED" });
  expect(await readFile(file, "utf8")).toBe(text);
});

test("removing forgets one claim, twice is fine, and empty folders go", async () => {
  const store = fileCredentialStore(folder);
  const other = { ...ref, claim: "audit" };
  await store.getOrCreate([ref, other], () => "u");
  await store.remove(ref);
  await store.remove(ref);
  expect([...(await store.read([ref, other])).keys()]).toEqual(["dev/registry/audit"]);
  await store.remove(other);
  expect(await readdir(folder)).toEqual([]);
});

test("names that would leave the folder are never used as paths", async () => {
  const store = fileCredentialStore(folder);
  await expect(store.read([{ ...ref, claim: "../../x" }])).rejects.toMatchObject({ code: "CREDENTIAL_NAME" });
});
