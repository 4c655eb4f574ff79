import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import pLimit from "p-limit";
import * as z from "zod";
import { type Credential, type CredentialStore, credentialKey } from "../model/credential.ts";
import type { ClaimRef } from "../model/environment.ts";
import { InternalError, ServiceError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import { createOnce, readIfThere, removeUnfinished } from "./create-once.ts";
import { randomPassword } from "./random-password.ts";

/** Files open at a time: enough to keep the disk busy, far below the usual limit of 1024. */
const PARALLEL_FILES = 32;

const stored = z.object({ username: z.string().min(1), password: z.string().min(1) });

/**
 * A {@link CredentialStore} of files: `<folder>/<sandbox>/<instance>/<claim>.json`, mode 0600 in folders of mode 0700.
 *
 * Every method throws {@link ServiceError} `CREDENTIAL_DAMAGED` for a file that holds no credential, and
 * `CREDENTIAL_STORE` when the file system denies access; neither changes an existing file.
 */
export function fileCredentialStore(folder: string): CredentialStore {
  const forEach = async (
    refs: readonly ClaimRef[],
    task: (ref: ClaimRef, file: string) => Promise<string | undefined>,
  ) => {
    const credentials = await pLimit(PARALLEL_FILES).map(refs, async (ref) => {
      const file = fileOf(folder, ref);
      const text = await onDisk(ref, file, () => task(ref, file));
      return text === undefined ? undefined : ([credentialKey(ref), parse(text, ref, file)] as const);
    });
    return new Map(credentials.filter((entry) => entry !== undefined));
  };

  return {
    getOrCreate: (refs, username) =>
      forEach(refs, async (ref, file) => (await readIfThere(file)) ?? createOnce(file, fresh(username(ref)))),
    read: (refs) => forEach(refs, (_, file) => readIfThere(file)),
    remove: async (ref) => {
      const file = fileOf(folder, ref);
      await onDisk(ref, file, async () => {
        await rm(file, { force: true });
        await removeUnfinished(file);
      });
      await removeIfEmpty(dirname(file));
      await removeIfEmpty(dirname(dirname(file)));
    },
  };
}

function fileOf(folder: string, ref: ClaimRef): string {
  for (const part of [ref.sandbox, ref.instance, ref.claim]) {
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(part)) {
      throw new InternalError(`"${part}" cannot be part of a credential's file name.`, {
        code: "CREDENTIAL_NAME",
        resource: credentialKey(ref),
      });
    }
  }
  return join(folder, ref.sandbox, ref.instance, `${ref.claim}.json`);
}

function fresh(username: string): string {
  return `${JSON.stringify({ username, password: randomPassword().reveal() })}\n`;
}

function parse(text: string, ref: ClaimRef, file: string): Credential {
  try {
    const { username, password } = stored.parse(JSON.parse(text));
    return { username, password: new Secret(password) };
  } catch {
    // The cause is left out: a parser's message quotes the text, which may hold the password.
    throw new ServiceError(
      `The credential file ${file} is ${text.trim() === "" ? "empty" : "damaged"}; expected {"username": …, "password": …}. Nothing was changed.`,
      {
        code: "CREDENTIAL_DAMAGED",
        resource: credentialKey(ref),
        hint: "Restore the file from a backup, or delete it and apply again: a new password is made and set on the server.",
      },
    );
  }
}

async function onDisk<T>(ref: ClaimRef, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new ServiceError(`The credential file ${file} cannot be used: ${(error as Error).message}.`, {
      code: "CREDENTIAL_STORE",
      resource: credentialKey(ref),
      hint: "Check the owner and rights of the state directory, and that its disk is not full.",
      cause: error,
    });
  }
}

/** Another claim's file, or a process that makes one now, keeps the folder. */
async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => {});
}
