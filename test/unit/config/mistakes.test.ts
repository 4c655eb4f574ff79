import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadEnvironment } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/model/error.ts";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "mistakes");

/** All problems of a case as they are kept in its `problems.txt`. */
async function problemsOf(name: string): Promise<string> {
  const folder = join(FOLDER, name);
  const error: unknown = await loadEnvironment(join(folder, "g2p.yaml")).then(
    () => new Error("it loaded"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  const { message, problems } = error as ConfigError;
  const lines = problems.map(({ position, message: text }) => {
    const place = `${relative(folder, position.file)}:${position.line}:${position.column}`;
    return `${place}  ${text}`.replaceAll(folder, "FOLDER");
  });
  return `${[message, ...lines].join("\n")}\n`;
}

describe("a mistaken environment file", () => {
  for (const name of readdirSync(FOLDER)) {
    it(`is told all its problems at once: ${name}`, async () => {
      const text = await problemsOf(name);
      expect(text).not.toContain("hunter2");
      expect(text).not.toContain("123456");
      await expect(text).toMatchFileSnapshot(join(FOLDER, name, "problems.txt"));
    });
  }
});
