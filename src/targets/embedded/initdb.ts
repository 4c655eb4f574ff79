import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import type { Binaries } from "./binaries.ts";
import type { RunAs } from "./run-as.ts";

const UNFINISHED = "data.new-";

/**
 * The environment of server processes: nothing of ours, above all no `PG…` variable, which PostgreSQL would obey.
 */
export function serverEnv(): NodeJS.ProcessEnv {
  const { PATH, TZ } = process.env;
  return { PATH, LC_ALL: "C", ...(TZ === undefined ? {} : { TZ }) };
}

/**
 * Creates the data directory with superuser `postgres`, UTF-8, and SCRAM for every connection. It is made under another
 * name and renamed when complete, so `dataDir` is whole or absent; what interrupted runs left is removed. Call it
 * under the server's lock.
 *
 * @throws ServiceError `EMBEDDED_INIT_FAILED` with initdb's own words; nothing is left behind.
 */
export async function initData(
  binaries: Binaries,
  version: number,
  dataDir: string,
  user: RunAs | undefined,
  password: Secret,
): Promise<void> {
  const home = dirname(dataDir);
  for (const name of await readdir(home)) {
    // The initdb of a killed run may still be writing; it ends when its files are gone.
    if (name.startsWith(UNFINISHED)) await rm(join(home, name), { recursive: true, force: true, maxRetries: 10 });
  }
  const work = join(home, `${UNFINISHED}${randomBytes(6).toString("hex")}`);
  const data = join(work, "data");
  const passwordFile = join(work, "password");
  try {
    await mkdir(work, { mode: 0o700 });
    await writeFile(passwordFile, password.reveal(), { mode: 0o600, flag: "wx" });
    if (user !== undefined) {
      await chown(passwordFile, user.uid, user.gid);
      await chown(work, user.uid, user.gid);
    }
    await promisify(execFile)(
      join(binaries.root, "bin/initdb"),
      [
        `--pgdata=${data}`,
        "--username=postgres",
        `--pwfile=${passwordFile}`,
        "--auth-host=scram-sha-256",
        "--auth-local=scram-sha-256",
        "--encoding=UTF8",
        "--lc-messages=C",
        ...localeArguments(version),
      ],
      { cwd: "/", env: serverEnv(), ...user },
    );
    await rename(data, dataDir);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new ServiceError(
      `PostgreSQL ${version} could not make its data directory ${dataDir}: ${said || (error as Error).message}`,
      {
        code: "EMBEDDED_INIT_FAILED",
        hint: "Correct what it names and run the command again; nothing was left behind.",
        cause: error,
      },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The same order everywhere: by code point, with Unicode's upper and lower case where the platform knows a way. */
function localeArguments(version: number): readonly string[] {
  if (version >= 17) return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  return [process.platform === "linux" ? "--locale=C.UTF-8" : "--locale=C"];
}
