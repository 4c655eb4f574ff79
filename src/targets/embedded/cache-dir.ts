import { userInfo } from "node:os";
import { join } from "node:path";
import { SYSTEM_DIR } from "./system-dir.ts";

/**
 * Folder of what is downloaded or built once for all environments of this machine's user: `engines/<name>-<version>` and the
 * tools' own caches. For root {@link SYSTEM_DIR}, since servers then run as another user who must be able to read it; else
 * `$XDG_CACHE_HOME/g2p` or `~/.cache/g2p`. Touches nothing.
 */
export function cacheDir(): string {
  if (process.getuid?.() === 0) return SYSTEM_DIR;
  const { XDG_CACHE_HOME, HOME } = process.env;
  return join(XDG_CACHE_HOME || join(HOME || userInfo().homedir, ".cache"), "g2p");
}

/** Where the files of one version of an engine lie, once they are complete. */
export function engineHome(name: string, version: string): string {
  return join(cacheDir(), "engines", `${name}-${version}`);
}
