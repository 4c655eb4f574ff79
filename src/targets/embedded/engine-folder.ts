import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { TimeoutError } from "../../model/error.ts";
import { cacheDir, engineHome } from "./cache-dir.ts";
import { withLock } from "./process-lock.ts";

/** Longest time that another process may take to fetch or build the same thing. */
const PATIENCE_MS = 3_600_000;

/** {@link withLock} for work that takes minutes: waits as long as the holder lives, at most an hour. */
export async function withPatientLock<T>(file: string, work: () => Promise<T>, onWait: () => void): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  let told = false;
  for (;;) {
    let begun = false;
    try {
      return await withLock(
        file,
        () => {
          begun = true;
          return work();
        },
        () => {
          if (!told) onWait();
          told = true;
        },
      );
    } catch (error) {
      const stillHeld = error instanceof TimeoutError && error.code === "LOCK_TIMEOUT";
      if (begun || !stillHeld || performance.now() > deadline) throw error;
    }
  }
}

/**
 * Fills the folder of an engine's version, once: `fill` works in a staging folder that gets its name when it is complete, so the
 * folder is whole or absent. Every file becomes readable by all users. Of several processes one works, the others wait; what
 * a killed one left is removed.
 *
 * @returns the folder
 * @throws whatever `fill` throws, with nothing left behind
 */
export async function fillEngineFolder(
  name: string,
  version: string,
  fill: (staging: string) => Promise<void>,
  onWait: () => void = () => {},
): Promise<string> {
  const home = engineHome(name, version);
  if (existsSync(home)) return home;
  const engines = join(cacheDir(), "engines");
  await mkdir(engines, { recursive: true, mode: 0o711 });
  const lock = join(engines, `.${name}-${version}.lock`);
  return withPatientLock(
    lock,
    async () => {
      if (existsSync(home)) return home;
      const unfinished = `.${name}-${version}.new-`;
      for (const entry of await readdir(engines))
        if (entry.startsWith(unfinished))
          await rm(join(engines, entry), { recursive: true, force: true, maxRetries: 10 });
      const staging = join(engines, `${unfinished}${randomBytes(6).toString("hex")}`);
      await mkdir(staging);
      try {
        await fill(staging);
        await makeReadable(staging);
        await rename(staging, home);
      } finally {
        await rm(staging, { recursive: true, force: true });
      }
      return home;
    },
    onWait,
  );
}

/** Lets every user read the files and enter the folders; programs stay programs. */
async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    const entry = await lstat(path);
    if (!entry.isSymbolicLink()) await chmod(path, entry.isDirectory() || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}
