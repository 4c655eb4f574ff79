import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as z from "zod";
import type { CredentialStore } from "../model/credential.ts";
import { RefusedError, ServiceError } from "../model/error.ts";
import { errorCode } from "../providers/postgresql/connection.ts";
import { createOnce, readIfThere } from "./create-once.ts";
import { fileCredentialStore } from "./credential-store.ts";

const identity = z.object({ id: z.uuid() });

/** The state directory of an environment: its id, its credentials and its embedded servers. */
export interface State {
  /** Absolute path. */
  readonly dir: string;
  /** Credentials of the claims; touches the disk only when used, and creates folders only when it makes a credential. */
  readonly credentials: CredentialStore;
  /** Is the directory there? For commands that must not create it. */
  exists(): boolean;
  /** Creates the directory (see {@link createStateDir}); nothing happens when it is there. */
  create(): Promise<void>;
  /**
   * The environment's id. `fromFile` (the environment file's `id:`) wins; else the stored one; else one is made and kept
   * in `environment.json`. Processes that ask at the same time get the same id. Creates the directory.
   *
   * @throws RefusedError `ENVIRONMENT_ID_MISMATCH` when file and directory name different ids.
   * @throws ServiceError `STATE_DAMAGED` or `STATE_UNUSABLE`.
   */
  environmentId(fromFile: string | undefined): Promise<string>;
  /** Like {@link State.environmentId}, but creates nothing: `undefined` when neither file nor directory has an id. */
  knownEnvironmentId(fromFile: string | undefined): Promise<string | undefined>;
}

/** Names the state directory; nothing is read or created before a method needs it. */
export function openState(dir: string): State {
  const root = resolve(dir);
  const file = join(root, "environment.json");
  return {
    dir: root,
    credentials: fileCredentialStore(join(root, "credentials")),
    exists: () => existsSync(root),
    create: () => usable(root, () => createStateDir(root)),
    environmentId: (fromFile) =>
      usable(root, async () => {
        await createStateDir(root);
        const text = await createOnce(file, `${JSON.stringify({ id: fromFile ?? randomUUID() })}\n`);
        return agreed(file, storedId(file, text), fromFile);
      }),
    knownEnvironmentId: (fromFile) =>
      usable(root, async () => {
        const text = await readIfThere(file);
        return text === undefined ? fromFile : agreed(file, storedId(file, text), fromFile);
      }),
  };
}

/**
 * Creates a state directory with a `.gitignore` that keeps all of it out of Git. Its mode is 0700; made by root it is
 * 0711, so that an embedded server's unprivileged user can pass through to its own data (all else inside stays closed).
 */
export async function createStateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  await writeFile(join(dir, ".gitignore"), "*\n", { flag: "wx" }).catch((error: unknown) => {
    if (errorCode(error) !== "EEXIST") throw error;
  });
}

function storedId(file: string, text: string): string {
  try {
    return identity.parse(JSON.parse(text)).id;
  } catch (error) {
    throw new ServiceError(
      `${file} is ${text.trim() === "" ? "empty" : "damaged"}; expected {"id": "<UUID>"}. Nothing was changed.`,
      {
        code: "STATE_DAMAGED",
        hint: "Restore the file, or write into it the environment id that the comments on the servers' owner roles show.",
        cause: error,
      },
    );
  }
}

function agreed(file: string, stored: string, fromFile: string | undefined): string {
  if (fromFile === undefined || fromFile.toLowerCase() === stored.toLowerCase()) return stored;
  throw new RefusedError(
    `The environment file says id ${fromFile}, but this state directory belongs to environment ${stored} (${file}). Nothing was changed.`,
    {
      code: "ENVIRONMENT_ID_MISMATCH",
      hint: "Name another state directory with --state, or correct `id:` in the environment file.",
    },
  );
}

async function usable<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof RefusedError || error instanceof ServiceError) throw error;
    throw new ServiceError(`The state directory ${dir} cannot be used: ${(error as Error).message}.`, {
      code: "STATE_UNUSABLE",
      hint: "Check its owner and rights and that the disk is not full, or name another one with --state.",
      cause: error,
    });
  }
}
