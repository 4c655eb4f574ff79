import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../providers/postgresql/connection.ts";

/** Rounds to try when others remove the file or its folder at the same time. */
const ATTEMPTS = 20;

/**
 * Creates a file (mode 0600, missing folders 0700) with the given content, unless it is there already, and returns what
 * it holds: of several processes exactly one wins and all get the winner's content. The file appears whole or not at
 * all, since it is written under another name and then linked.
 *
 * @throws the file system's error.
 */
export async function createOnce(file: string, content: string): Promise<string> {
  const folder = dirname(file);
  const temporary = join(folder, `.${basename(file)}.${process.pid}-${randomBytes(6).toString("hex")}`);
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(temporary, content, { mode: 0o600, flag: "wx", flush: true });
      await link(temporary, file);
      return content;
    } catch (error) {
      if (errorCode(error) === "EEXIST") {
        const existing = await readIfThere(file);
        if (existing !== undefined) return existing;
      } else if (errorCode(error) !== "ENOENT") {
        throw error;
      }
      if (attempt === ATTEMPTS) throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/** Removes what processes killed inside {@link createOnce} left beside the file; one that is inside it now begins again. */
export async function removeUnfinished(file: string): Promise<void> {
  const folder = dirname(file);
  const names = await readdir(folder).catch(() => []);
  const unfinished = names.filter((name) => name.startsWith(`.${basename(file)}.`));
  await Promise.all(unfinished.map((name) => rm(join(folder, name), { force: true })));
}

/** The text of a file, or `undefined` when there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
