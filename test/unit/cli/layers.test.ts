import { ESLint } from "eslint";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { ROOT } from "./run.ts";

let eslint: ESLint;
beforeAll(() => {
  // Types are not needed to judge imports, and the files judged need not exist.
  eslint = new ESLint({
    cwd: ROOT,
    overrideConfig: {
      languageOptions: { parserOptions: { projectService: false } },
      linterOptions: { reportUnusedDisableDirectives: "off" },
    },
    ruleFilter: ({ ruleId }) => LAYER_RULES.includes(ruleId),
  });
});

const LAYER_RULES = ["no-restricted-imports", "no-restricted-syntax", "no-console"];

async function broken(file: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(ROOT, file) });
  return result?.messages.map(({ ruleId, message }) => ruleId ?? message) ?? [];
}

it.each([
  ["src/model/x.ts", "../naming/name.ts"],
  ["src/naming/x.ts", "../config/load.ts"],
  ["src/modules/x.ts", "../config/load.ts"],
  ["src/config/x.ts", "../providers/contract.ts"],
  ["src/providers/contract.ts", "../engine/plan.ts"],
  ["src/providers/postgresql/x.ts", "../../engine/plan.ts"],
  ["src/engine/x.ts", "../report/plan.ts"],
  ["src/engine/x.ts", "../providers/postgresql/connection.ts"],
  ["src/targets/embedded/x.ts", "../../cli/context.ts"],
  ["src/report/x.ts", "../engine/plan.ts"],
])("%s may not import %s", async (file, path) => {
  expect(await broken(file, `import { x } from "${path}";`)).toEqual(["no-restricted-imports"]);
  expect(await broken(file, `import type { X } from "${path}";`)).toEqual(["no-restricted-imports"]);
  expect(await broken(file, `export * from "${path}";`)).toEqual(["no-restricted-imports"]);
  expect(await broken(file, `await import("${path}");`)).toEqual(["no-restricted-syntax"]);
});

it.each([
  ["src/naming/x.ts", "../model/plan.ts"],
  ["src/config/x.ts", "../modules/load.ts"],
  ["src/providers/postgresql/x.ts", "../contract.ts"],
  ["src/providers/postgresql/x.ts", "./verify/x.ts"],
  ["src/providers/postgresql/verify/x.ts", "../sql.ts"],
  ["src/engine/x.ts", "../providers/contract.ts"],
  ["src/targets/embedded/x.ts", "../../providers/postgresql/connection.ts"],
  ["src/report/x.ts", "../model/event.ts"],
  ["src/cli/commands/x.ts", "../../report/plan.ts"],
])("%s may import %s", async (file, path) => {
  expect(await broken(file, `import { x } from "${path}"; await import("${path}");`)).toEqual([]);
});

it("lets only the command line and reports print, and end the process", async () => {
  const text = "console.log(1); process.exit(1);";
  expect(await broken("src/engine/x.ts", text)).toEqual(["no-console", "no-restricted-syntax"]);
  expect(await broken("src/model/x.ts", text)).toEqual(["no-console", "no-restricted-syntax"]);
  expect(await broken("src/cli/x.ts", text)).toEqual([]);
});
