import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Environment } from "../model/environment.ts";

/** What is kept of an environment that was loaded without a mistake. */
interface Kept {
  /** Of all files it was read from. */
  readonly digest: string;
  readonly environment: Environment;
}

/**
 * Loads an environment as `loadEnvironment` does, or takes what came of it when the same build loaded the very same files
 * before: reading YAML and checking it takes longer than all else that a command does before it asks a server. What is kept
 * is plain data without secrets, since the files hold none.
 *
 * @param folder the user's own cache; where it cannot be read or written nothing is kept
 * @param build identifies the code; what another one kept is not used
 * @throws ConfigError as `loadEnvironment` does
 */
export async function loadOrRemember(file: string, folder: string, build: string): Promise<Environment> {
  const path = join(folder, `environment-${digest([build, resolve(file)])}.json`);
  const known = await remembered(path);
  if (known !== undefined) return known;
  const { loadEnvironment } = await import("./load.ts");
  const environment = await loadEnvironment(file);
  await keep(path, environment);
  return environment;
}

async function remembered(path: string): Promise<Environment | undefined> {
  try {
    const kept = JSON.parse(await readFile(path, "utf8")) as Kept;
    return kept.digest === (await digestOf(kept.environment.files)) ? kept.environment : undefined;
  } catch {
    return undefined;
  }
}

async function keep(path: string, environment: Environment): Promise<void> {
  try {
    const kept: Kept = { digest: await digestOf(environment.files), environment };
    const temporary = `${path}.${process.pid}`;
    await writeFile(temporary, JSON.stringify(kept), { mode: 0o600 });
    await rename(temporary, path);
  } catch {
    // A cache that cannot be written costs time only.
  }
}

async function digestOf(files: readonly string[]): Promise<string> {
  return digest(await Promise.all(files.map((file) => readFile(file, "utf8"))));
}

function digest(texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 32);
}
