import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { withLock } from "../../../src/targets/embedded/process-lock.ts";

const execute = promisify(execFile);

/**
 * Makes a virtual Python environment with exactly these requirements and gives its interpreter. It is kept outside the
 * checkout (`G2P_CACHE`, by default `~/.cache/g2p-commons-tests`) under a hash of the requirements, and made once: a later
 * call finds it, calls at the same time wait, and one that was interrupted is made anew.
 *
 * @throws Error that says what to install, where `python3` or its `venv` is missing or pip finds no package.
 */
export async function pythonWith(name: string, requirements: readonly string[]): Promise<string> {
  const cache = process.env["G2P_CACHE"] ?? join(homedir(), ".cache/g2p-commons-tests");
  const version = await tried(["--version"], "python3 is needed on the PATH: install Python 3.11 or newer");
  const hash = createHash("sha256")
    .update(JSON.stringify([version, ...requirements]))
    .digest("hex")
    .slice(0, 16);
  const dir = join(cache, `${name}-${hash}`);
  const python = join(dir, "bin/python");
  const complete = join(dir, "complete");
  if (existsSync(complete)) return python;
  await mkdir(cache, { recursive: true });
  await withLock(`${dir}.lock`, async () => {
    if (existsSync(complete)) return;
    await rm(dir, { recursive: true, force: true });
    // Scripts of a virtual environment hold its path, so it is made in its place, and marked when it is whole.
    await tried(["-m", "venv", dir], "python3 needs its venv module: install python3-venv");
    await tried(
      ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...requirements],
      `pip must be able to install ${requirements.join(" ")} from PyPI or a mirror (see PIP_INDEX_URL)`,
      python,
    );
    await mkdir(complete);
  });
  return python;
}

async function tried(args: readonly string[], needs: string, python = "python3"): Promise<string> {
  try {
    return (await execute(python, args, { maxBuffer: 1e8 })).stdout.trim();
  } catch (error) {
    throw new Error(`${needs}. "${python} ${args[0]} ${args[1] ?? ""}" said: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
