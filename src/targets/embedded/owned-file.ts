import { chown } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import type { RunAs } from "./run-as.ts";

/** Gives a file or folder to the user that a server runs as; does nothing where that is ourselves. */
export async function own(path: string, user: RunAs | undefined): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Writes a file that only the server's user may read; whole or not at all. */
export async function writeOwned(path: string, text: string, user: RunAs | undefined): Promise<void> {
  await writeFileAtomic(path, text, {
    mode: 0o600,
    ...(user === undefined ? {} : { chown: { uid: user.uid, gid: user.gid } }),
  });
}
