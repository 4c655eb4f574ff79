import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

it("schemas and reference pages are as the zod schemas and descriptors say", () => {
  const root = join(import.meta.dirname, "../../..");
  const output = execFileSync(process.execPath, ["scripts/generate-reference.ts", "--check"], { cwd: root });
  expect(output.toString()).toBe("");
});
