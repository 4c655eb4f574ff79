import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ROOT, run } from "./run.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "g2p launcher-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A package with the real launchers and a program that tells its Node.js and arguments. */
function install(at: string): string {
  const root = join(folder, at);
  cpSync(join(ROOT, "bin"), join(root, "bin"), { recursive: true });
  mkdirSync(join(root, "dist"));
  writeFileSync(join(root, "package.json"), '{"type": "module"}');
  const tell = "process.stdout.write(JSON.stringify([process.execPath, ...process.argv.slice(2)]))";
  for (const name of ["g2p", "wait-for-psql"]) writeFileSync(join(root, "dist", `${name}.js`), tell);
  return root;
}

/** Puts a `node` somewhere: the running one, or a script that only tells another version. */
function provideNode(at: string, version?: string): string {
  const path = join(folder, at, "node");
  mkdirSync(dirname(path), { recursive: true });
  if (version === undefined) cpSync(process.execPath, path);
  else writeFileSync(path, `#!/bin/sh\necho ${version}\n`);
  chmodSync(path, 0o755);
  return path;
}

const TOOLS = "/usr/bin:/bin";
const path = (...folders: string[]) => ({ PATH: [...folders.map((one) => join(folder, one)), TOOLS].join(":") });

/** System folders may hold a node of their own; a folder with nothing but what the launcher calls leaves it out. */
function onlyReadlink(): { PATH: string } {
  mkdirSync(join(folder, "tools"));
  symlinkSync("/usr/bin/readlink", join(folder, "tools/readlink"));
  return { PATH: join(folder, "tools") };
}

it("runs the Node.js installed beside it and hands arguments on unchanged", async () => {
  const root = install("app");
  const node = provideNode("app/node_modules/node/bin");
  provideNode("path", "v18.0.0");
  const ended = await run(join(root, "bin/g2p"), ["names", "a b", ""], { env: path("path") });
  expect(ended).toEqual({ code: 0, stdout: JSON.stringify([node, "names", "a b", ""]), stderr: "" });
});

it("follows symbolic links, relative ones too, and works from any directory", async () => {
  const root = install("prefix/node_modules/g2p-commons");
  provideNode("prefix/node_modules/g2p-commons/node_modules/node/bin");
  mkdirSync(join(folder, "prefix/node_modules/.bin"));
  symlinkSync("../g2p-commons/bin/g2p", join(folder, "prefix/node_modules/.bin/g2p"));
  symlinkSync(join(folder, "prefix/node_modules/.bin/g2p"), join(folder, "g2p"));
  for (const [program, cwd] of [
    ["./g2p", folder],
    [join(folder, "g2p"), "/"],
    ["bin/wait-for-psql", root],
  ] as const) {
    expect(await run(program, ["x"], { cwd, env: { PATH: TOOLS } })).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/"x"]$/),
    });
  }
});

it("as a dependency runs the package node beside it when that is new enough", async () => {
  const root = install("app/node_modules/g2p-commons");
  const onPath = provideNode("path");
  const beside = provideNode("app/node_modules/node/bin", "v18.20.0");
  const program = join(root, "bin/g2p");
  expect((await run(program, [], { env: path("path") })).stdout).toBe(JSON.stringify([onPath]));
  rmSync(beside);
  const newer = provideNode("app/node_modules/node/bin");
  expect((await run(program, [], { env: path("path") })).stdout).toBe(JSON.stringify([newer]));
});

it("refuses an older Node.js, and none, in one line", async () => {
  const program = join(install("app"), "bin/g2p");
  provideNode("path", "v22.11.0");
  expect(await run(program, [], { env: path("path") })).toEqual({
    code: 1,
    stdout: "",
    stderr: "g2p: Node.js 24 or newer is needed; node on the PATH is v22.11.0\n",
  });
  expect(await run(program, [], { env: onlyReadlink() })).toEqual({
    code: 1,
    stdout: "",
    stderr: "g2p: Node.js 24 or newer is needed and there is no node on the PATH\n",
  });
});

it("says how to build when the program is missing", async () => {
  const root = install("app");
  rmSync(join(root, "dist"), { recursive: true });
  const { code, stderr } = await run(join(root, "bin/g2p"), [], { env: { PATH: TOOLS } });
  expect([code, stderr]).toEqual([1, `g2p: ${root}/dist/g2p.js is missing; run "npm run build" there\n`]);
});

it("is the same for both programs but for the name", () => {
  const [g2p, wait] = ["g2p", "wait-for-psql"].map((name) => readFileSync(join(ROOT, "bin", name), "utf8"));
  expect(wait).toBe(
    g2p?.replace("program=g2p", "program=wait-for-psql").replace("dist/g2p.js", "dist/wait-for-psql.js"),
  );
});
