import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../../src/cli/command-list.ts";
import { g2p, ROOT, run } from "./run.ts";

const EXAMPLE = join(ROOT, "examples/two-sandboxes/g2p.yaml");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "g2p-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("help", () => {
  it("shows version and all commands with exit codes", async () => {
    expect(await g2p(["--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: "",
    });
    const help = await g2p(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const { summary } of COMMANDS) expect(help.stdout).toContain(summary);
    expect(help.stdout).toMatch(
      /Exit codes:\n {2}0 +done\n {2}1 +failed\n {2}2 .*\n {2}3 .*\n {2}4 .*\n {2}130 +interrupted\n$/,
    );
    expect((await g2p([])).stdout).toBe(help.stdout);
  });

  it("shows a command's options, examples and exit codes", async () => {
    const { code, stdout } = await g2p(["plan", "--help"]);
    expect(code).toBe(0);
    expect(stdout.slice(stdout.indexOf("Examples:"))).toMatchInlineSnapshot(`
      "Examples:
        g2p plan                          every difference, by sandbox and instance
        g2p plan --verbose                also what is as wanted
        g2p plan --adopt legacy_registry  as if that database were taken over

      Exit codes:
        0    nothing to do
        1    failed
        2    something would change
        3    something is refused, such as a foreign database
        130  interrupted
      "
    `);
    expect(stdout).toContain("--adopt <names...>");
    expect(stdout).toContain("-f, --file <file>");
    expect(stdout).not.toContain("\u001b[");
  });

  it("has an example for every command that runs that command", () => {
    for (const { usage, examples } of COMMANDS) {
      const [name] = usage.split(" ");
      expect(examples.length, name).toBeGreaterThan(0);
      for (const [line] of examples) expect(line).toMatch(new RegExp(`^g2p ${name}\\b`));
    }
  });
});

describe("a wrong command line", () => {
  it.each([
    { args: ["plam"], says: "error USAGE: Unknown command 'plam'.\nhint: Did you mean plan? See g2p --help.\n" },
    {
      args: ["plan", "--adpt", "x"],
      says: "error USAGE: Unknown option '--adpt'.\nhint: Did you mean --adopt? See g2p plan --help.\n",
    },
    {
      args: ["exec", "dev/spar", "psql", "-c", "x"],
      says: "error USAGE: Unknown option '-c'.\nhint: Put -- before the program. See g2p exec --help.\n",
    },
    { args: ["remove"], says: "error USAGE: Missing required argument 'target'.\nhint: See g2p remove --help.\n" },
    {
      args: ["verify", "--sample", "0"],
      says: "error USAGE: Option '--sample <n>' argument '0' is invalid. Expected a whole number from 1.\nhint: See g2p verify --help.\n",
    },
  ])("is told once, with the nearest that is right: $args", async ({ args, says }) => {
    expect(await g2p(args)).toEqual({ code: 1, stdout: "", stderr: says });
  });

  it("is told as JSON on stdout with --json, before or after the command", async () => {
    for (const args of [
      ["--json", "plan", "x"],
      ["plan", "x", "--json"],
    ]) {
      const { code, stdout, stderr } = await g2p(args);
      expect([code, stderr]).toEqual([1, ""]);
      expect(JSON.parse(stdout)).toMatchObject({ error: "usage", code: "USAGE", hint: "See g2p plan --help." });
    }
  });

  it("leaves options behind -- to the program", async () => {
    const { stdout, stderr } = await g2p(["remove", "--", "--json", "x"]);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^error USAGE: Too many arguments/);
  });
});

describe("a command", () => {
  it("prints its result on stdout, as text or as JSON", async () => {
    const [text, json] = await Promise.all([g2p(["names", "-f", EXAMPLE]), g2p(["names", "--json", "-f", EXAMPLE])]);
    expect([text.code, text.stderr, json.code, json.stderr]).toEqual([0, "", 0, ""]);
    const rows = JSON.parse(json.stdout) as { name: string }[];
    expect(rows.length).toBeGreaterThan(10);
    expect(text.stdout).toContain(`\n${rows.length} names`);
  });

  it("uses g2p.yaml of the working directory, and shows every mistake in it with its place", async () => {
    writeFileSync(
      join(folder, "g2p.yaml"),
      "apiVersion: g2p.dev/v1\nenvironment: Staging\ncommons: {}\nsandboxs: []\n",
    );
    const { code, stdout, stderr } = await g2p(["validate"], { cwd: folder });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^error CONFIG_INVALID: g2p\.yaml has \d problems/);
    expect(stderr).toMatch(/^ {2}g2p\.yaml:2:14 /m);
    expect(stderr).toMatch(/^ {2}g2p\.yaml:4:1 /m);
    const valid = await g2p(["validate", "-f", EXAMPLE]);
    expect(valid).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^✓ examples\/two-sandboxes\/g2p\.yaml is valid: /),
    });
  });

  it("is silent when its reader goes away", async () => {
    const command = `"${process.execPath}" src/cli/main.ts names -f "${EXAMPLE}" | head -1`;
    const { code, stdout, stderr } = await run("sh", ["-c", command]);
    expect([code, stderr, stdout.trim().split("\n").length]).toEqual([0, "", 1]);
  });

  it("writes all of a long result to a slow pipe", async () => {
    const modules = Array.from({ length: 400 }, (_, index) => `      - {module: registry, name: r${index}}`).join("\n");
    const file = join(folder, "long.yaml");
    writeFileSync(
      file,
      `apiVersion: g2p.dev/v1\nenvironment: long\ncommons:\n  postgresql: {mode: embedded}\n  elsewhere: [s3, keycloak, keymanager, redis]\nsandboxes:\n  - name: dev\n    modules:\n${modules}\n`,
    );
    const { stdout } = await g2p(["names", "--json", "-f", file]);
    expect(stdout.length).toBeGreaterThan(200_000);
    expect(() => void JSON.parse(stdout)).not.toThrow();
  });
});

describe("Ctrl-C", () => {
  it("ends a command with exit code 130", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    silent.close();
    const target = ["--host", "127.0.0.1", "--port", String(port), "--database", "app", "--user", "app"];
    let interrupted = false;
    const { code, stdout, stderr } = await g2p(["wait", ...target, "--timeout", "60s"], {
      onStderr: (text, pid) => {
        if (interrupted || !text.includes("waiting for")) return;
        interrupted = true;
        process.kill(pid, "SIGINT");
      },
    });
    expect([code, stdout]).toEqual([130, ""]);
    expect(stderr).toContain("Press Ctrl-C again to stop at once.");
    expect(stderr.match(/^error WAIT_INTERRUPTED/gm)).toHaveLength(1);
  });
});
