import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ServiceError } from "../../model/error.ts";

/** The user that a server's processes run as. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** Unprivileged users that systems come with, best first. PostgreSQL needs one that has an entry in /etc/passwd. */
const CANDIDATES = ["nobody", "postgres", "daemon"];

/**
 * The user to run a server as: `undefined` (ourselves) unless we are root, whom PostgreSQL refuses; then the owner of
 * the data directory, where there is one, else an unprivileged user of the system.
 *
 * @throws ServiceError `NO_UNPRIVILEGED_USER`.
 */
export async function runAs(dataDir: string | undefined): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  if (dataDir !== undefined && existsSync(dataDir)) {
    const { uid, gid } = await stat(dataDir);
    if (uid !== 0) return { uid, gid };
  }
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of CANDIDATES) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new ServiceError(
    `PostgreSQL must not run as root, and none of the users ${CANDIDATES.join(", ")} is in /etc/passwd. Nothing was started.`,
    { code: "NO_UNPRIVILEGED_USER", hint: "Run the command as an ordinary user, or add the user `nobody`." },
  );
}

/** May the user pass through every folder down to `path`, and `path` itself? `path` must be a real path without links. */
export async function canPass(user: RunAs, path: string): Promise<boolean> {
  const { uid, gid, mode } = await stat(path);
  const passes = uid === user.uid ? mode & 0o100 : gid === user.gid ? mode & 0o010 : mode & 0o001;
  if (passes === 0) return false;
  return dirname(path) === path || canPass(user, dirname(path));
}
