import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandsOf } from "./commands.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Set-up commands that documents may name; CI runs the first two words of each, and the last test here runs `npm start`. */
const SET_UP = ["npm ci && npm start", "npm ci && npm test"];

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "g2p-docs-"));
  await cp(join(ROOT, "examples"), join(folder, "examples"), { recursive: true, filter: (path) => !path.includes(".g2p") });
  for (const name of ["bin", "package.json", "node_modules", "schemas", "scripts", "src", "dist", "tsconfig.json"])
    await symlink(join(ROOT, name), join(folder, name));
});

afterAll(async () => {
  await run("bin/g2p down -f examples/two-sandboxes/g2p.yaml");
  await rm(folder, { recursive: true, force: true });
});

const documents = [
  "README.md",
  ...(await readdir(join(ROOT, "docs"), { recursive: true })).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

for (const document of documents) {
  const { console: commands, setUp } = commandsOf(await readFile(join(ROOT, document), "utf8"));
  if (commands.length + setUp.length === 0) continue;
  describe(document, () => {
    it.each(setUp)("names only set-up commands that are run elsewhere: $command", ({ command }) => {
      expect(SET_UP).toContain(command);
    });
    it.each(commands)("line $line: $command", async ({ command, exitCode }) => {
      const ended = await run(command);
      expect(ended.code, ended.output).toBe(exitCode);
    });
  });
}

it("the README has commands to run", async () => {
  expect(commandsOf(await readFile(join(ROOT, "README.md"), "utf8")).console.length).toBeGreaterThan(5);
});

it("npm start brings the example up, proves isolation, and Ctrl-C stops it", async () => {
  await run("bin/g2p down -f examples/two-sandboxes/g2p.yaml");
  const child = spawn("npm", ["start"], { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"], detached: true });
  let output = "";
  const ended = new Promise<number | null>((done) => {
    child.on("exit", (code) => done(code));
  });
  const up = new Promise<void>((done, fail) => {
    const read = (data: Buffer) => {
      output += data.toString();
      if (output.includes("training is up")) done();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", () => fail(new Error(`npm start ended early:\n${output}`)));
  });
  await up;
  expect(output).toContain("Isolation holds");
  // Ctrl-C reaches the whole foreground group.
  process.kill(-(child.pid ?? 0), "SIGINT");
  await ended;
  const status = await run("bin/g2p status -f examples/two-sandboxes/g2p.yaml");
  expect(status.output).toMatch(/stopped/i);
});

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, HOME: folder, NO_COLOR: "1" };
}

function run(command: string): Promise<{ code: number | null; output: string }> {
  return new Promise((done, fail) => {
    const child = spawn("sh", ["-c", command], { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    child.on("error", fail);
    child.on("close", (code) => done({ code, output }));
  });
}
