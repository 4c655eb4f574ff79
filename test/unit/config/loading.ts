import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { loadEnvironment } from "../../../src/config/load.ts";
import type { Claim, Environment, Instance } from "../../../src/model/environment.ts";
import { ConfigError } from "../../../src/model/error.ts";

let made = "";

beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), "g2p-config-"));
});
afterAll(() => {
  rmSync(made, { recursive: true });
});

/** The folder that {@link load} writes to; it lives as long as the tests of one file. */
export function folder(): string {
  return made;
}

/** Loads an environment file with this text. */
export async function load(text: string): Promise<Environment> {
  const file = join(made, "g2p.yaml");
  writeFileSync(file, text);
  return loadEnvironment(file);
}

/** What is wrong with an environment file of this text; an error where nothing is. */
export async function problemsOf(text: string): Promise<string[]> {
  const error: unknown = await load(text).catch((reason: unknown) => reason);
  if (!(error instanceof ConfigError)) throw new Error("it loaded", { cause: error });
  return error.problems.map(({ message }) => message);
}

/** An instance that must be there. */
export function instance(environment: Environment, sandbox: string, name: string): Instance {
  const found = environment.instances.find((one) => one.sandbox === sandbox && one.instance === name);
  if (found === undefined) throw new Error(`no instance ${sandbox}/${name}`);
  return found;
}

/** A claim or access that must be there. */
export function claim(of: Instance, name: string): Claim {
  const found = of.claims.find((one) => one.claim === name);
  if (found === undefined) throw new Error(`no claim ${name}`);
  return found;
}
