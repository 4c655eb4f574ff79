import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { COMMANDS } from "../../src/cli/command-list.ts";
import {
  environmentFile,
  g2p,
  g2pJson,
  makePlace,
  onTerminal,
  type Place,
  ROOT,
  serverProcesses,
  writeTo,
} from "./harness.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "g2p-describe-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe("help", () => {
  test.each(COMMANDS.map(({ usage }) => usage.split(" ")[0] ?? ""))(
    "of %s shows examples and exit codes",
    async (command) => {
      const { code, stdout, stderr } = await g2p([command, "--help"]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(new RegExp(`\\nExamples:\\n  g2p ${command}\\b`));
      expect(stdout).toMatch(/\nExit codes:\n {2}0 /);
      expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    },
  );
});

describe("init", () => {
  let place: Place | undefined;
  afterEach(async () => {
    await place?.remove();
    place = undefined;
  });

  test("writes what flags say without asking, and the file validates and comes up", async () => {
    place = makePlace("");
    const flags = ["--environment", "staging", "--sandbox", "dev", "test", "--module", "spar", "registry", "--force"];
    const written = await place.g2p("init", ...flags);
    expect(written).toEqual({ code: 0, stdout: "Wrote g2p.yaml\nNext: g2p up\n", stderr: "" });
    expect(parse(readFileSync(place.file, "utf8"))).toMatchObject({
      environment: "staging",
      commons: { postgresql: { mode: "embedded", sharing: "environment" } },
      sandboxes: [
        { name: "dev", modules: ["spar", "registry"] },
        { name: "test", modules: ["spar", "registry"] },
      ],
    });
    expect((await place.g2p("validate")).stdout).toBe(
      "✓ g2p.yaml is valid: environment staging, 2 sandboxes, 4 instances, 6 databases, 0 accesses.\n",
    );
    const up = await place.g2p("up", "--detach");
    expect(up, up.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("staging is up") });
    expect(serverProcesses(place.dir)).toHaveLength(1);
  });

  test("an environment of nothing is up, clean and safe", async () => {
    place = makePlace(environmentFile({}));
    for (const command of [
      ["up", "--detach"],
      ["plan"],
      ["apply"],
      ["verify"],
      ["status"],
      ["wait"],
      ["names"],
      ["bindings"],
      ["down"],
    ]) {
      const ended = await place.json(...command);
      expect(ended.code, `${command[0]}: ${JSON.stringify(ended.data)}`).toBe(0);
    }
    expect(serverProcesses(place.dir)).toEqual([]);
  });

  test("takes defaults for all that is not said: all built-in modules, one sandbox, the folder's name", async () => {
    const { code, data } = await g2pJson(["init", "My Folder", "--yes"], { cwd: dir });
    const file = join(dir, "My Folder/g2p.yaml");
    expect([code, data]).toEqual([
      0,
      {
        file,
        environment: "my-folder",
        sandboxes: ["dev"],
        modules: ["registry", "pbms", "g2p-bridge", "spar"],
        postgresql: "embedded",
      },
    ]);
    expect(await g2p(["validate", "-f", file])).toMatchObject({ code: 0 });
    const next = await g2p(["init", "Another Folder"], { cwd: dir });
    expect(next.stdout).toBe("Wrote Another Folder/g2p.yaml\nNext: g2p up -f 'Another Folder/g2p.yaml'\n");
  });

  test("writes a file for a server that runs already", async () => {
    const { stdout } = await g2p(["init", "--postgresql", "external"], { cwd: dir });
    expect(stdout).toContain("Next: g2p plan");
    expect(await g2p(["validate"], { cwd: dir })).toMatchObject({ code: 0 });
  });

  test("refuses to replace a file that is there, unless told to", async () => {
    writeTo(join(dir, "g2p.yaml"), "precious");
    const refused = await g2p(["init", "--yes"], { cwd: dir });
    expect([refused.code, refused.stdout]).toEqual([3, ""]);
    expect(refused.stderr).toMatch(
      /^error FILE_EXISTS: .*g2p\.yaml is there already\. It was left as it is\.\nhint: .*--force/,
    );
    expect(readFileSync(join(dir, "g2p.yaml"), "utf8")).toBe("precious");
    expect(await g2p(["init", "--yes", "--force"], { cwd: dir })).toMatchObject({ code: 0 });
    expect(await g2p(["validate"], { cwd: dir })).toMatchObject({ code: 0 });
  });

  test.each([
    [["--environment", "Staging"], /"Staging" is no name: expected a name of at most 63 lower-case letters/],
    [["--environment", "x".repeat(64)], /is no name/],
    [["--sandbox", "dev", "dev"], /a sandbox is named twice/],
    [["--module", "sapr"], /"sapr" is no built-in module: expected registry, pbms, g2p-bridge, spar/],
    [["--module", "spar", "spar"], /a module is named twice/],
  ])("writes nothing for %j", async (flags, message) => {
    const { code, stderr } = await g2p(["init", ...flags], { cwd: dir });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).toContain("Nothing was written.");
    expect(existsSync(join(dir, "g2p.yaml"))).toBe(false);
  });

  test("asks on a terminal for what flags do not say", async () => {
    const terminal = await onTerminal(["init", "--postgresql", "embedded"], { cwd: dir });
    await terminal.until("Name of the environment");
    terminal.type("-asked\r");
    await terminal.until("Sandboxes");
    terminal.type(" test\r");
    await terminal.until("Modules in each sandbox");
    terminal.type(" \r"); // takes out the first, registry
    const { code, screen } = await terminal.ended;
    expect(code, screen).toBe(0);
    const { environment, sandboxes } = parse(readFileSync(join(dir, "g2p.yaml"), "utf8")) as {
      environment: string;
      sandboxes: unknown;
    };
    expect(environment).toMatch(/^g2p-describe-.*-asked$/);
    const modules = ["pbms", "g2p-bridge", "spar"];
    expect(sandboxes).toEqual([
      { name: "dev", modules },
      { name: "test", modules },
    ]);
  });

  test("writes nothing when the questions are cancelled", async () => {
    const terminal = await onTerminal(["init"], { cwd: dir });
    await terminal.until("Name of the environment");
    terminal.type("\u0003");
    const { code, screen } = await terminal.ended;
    expect([code, screen]).toEqual([130, expect.stringContaining("Nothing was written.")]);
    expect(existsSync(join(dir, "g2p.yaml"))).toBe(false);
  });
});

describe("validate", () => {
  test("tells every mistake with file, line and column, and the nearest valid word", async () => {
    const file = environmentFile({ dev: ["{module: sapr}", "{module: registry, uzes: {}}"] }).replace(
      "environment: test",
      "environment: Test",
    );
    writeTo(join(dir, "g2p.yaml"), file);
    const { code, stdout, stderr } = await g2p(["validate"], { cwd: dir });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^error CONFIG_INVALID: g2p\.yaml has 3 problems/);
    expect(stderr).toMatch(/^ {2}g2p\.yaml:2:14 .*lower-case/m);
    expect(stderr).toMatch(/^ {2}g2p\.yaml:9:18 .*`sapr`.*`spar`/m);
    expect(stderr).toMatch(/^ {2}g2p\.yaml:10:28 .*`uzes`.*`uses`/m);

    const { code: again, data } = await g2pJson(["validate"], { cwd: dir });
    expect(again).toBe(1);
    expect(data).toMatchObject({ error: "config", code: "CONFIG_INVALID" });
    expect((data["problems"] as { position: unknown }[]).map(({ position }) => position)).toEqual([
      { file: join(dir, "g2p.yaml"), line: 2, column: 14 },
      { file: join(dir, "g2p.yaml"), line: 9, column: 18 },
      { file: join(dir, "g2p.yaml"), line: 10, column: 28 },
    ]);
  });

  test("says which file it looked for when there is none", async () => {
    const { code, stderr } = await g2p(["plan"], { cwd: dir });
    expect(code).toBe(1);
    expect(stderr).toContain(join(dir, "g2p.yaml"));
    expect(stderr).toContain("g2p init");
  });
});

describe("names", () => {
  test("lists each name of each service with exactly the promised keys", async () => {
    const { code, data } = await g2pJson<Record<string, unknown>[]>([
      "names",
      "-f",
      join(ROOT, "examples/all-services/g2p.yaml"),
    ]);
    expect(code).toBe(0);
    const types = {
      sandbox: "string",
      instance: "string",
      claim: "string",
      service: "string",
      kind: "string",
      name: "string",
      limit: "number",
      hashed: "boolean",
    };
    for (const row of data)
      expect(Object.fromEntries(Object.entries(row).map(([key, value]) => [key, typeof value]))).toEqual(types);
    expect(new Set(data.map(({ service }) => service))).toEqual(
      new Set(["postgresql", "kafka", "s3", "opensearch", "keymanager", "keycloak", "redis", "kubernetes"]),
    );
    expect(data).toContainEqual({
      sandbox: "dev",
      instance: "registry",
      claim: "main",
      service: "postgresql",
      kind: "database",
      name: "dev__registry",
      limit: 63,
      hashed: false,
    });
  });
});
