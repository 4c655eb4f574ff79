import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Environment, Instance } from "../model/environment.ts";
import type { Problem } from "../model/error.ts";
import { ConfigError } from "../model/error.ts";
import { schemaProblems } from "../modules/schema-problems.ts";
import { SourceFile } from "../modules/source-file.ts";
import { checkConsent, checkShares } from "./check-consent.ts";
import { checkDescriptors } from "./check-descriptors.ts";
import { collectEntries } from "./collect-entries.ts";
import { Draft } from "./draft.ts";
import { withCommons } from "./commons-instances.ts";
import { environmentSchema } from "./environment-schema.ts";
import { behindWrongMode, checkCommons, readCommons } from "./read-commons.ts";
import { accessesOf, resolveClaims } from "./resolve-claims.ts";
import { resolveUses } from "./resolve-uses.ts";
import { resolveVariables } from "./resolve-variables.ts";

/**
 * Loads an environment file and the module descriptors it names, checks them and resolves every reference. Reads files
 * only; secrets stay where they are.
 *
 * @throws ConfigError with every problem of all these files, ordered by place; `CONFIG_NOT_FOUND` and
 *   `CONFIG_UNREADABLE` when the file itself cannot be read.
 */
export async function loadEnvironment(file: string): Promise<Environment> {
  const path = resolve(file);
  const draft = new Draft(new SourceFile(path, await readText(path)));
  draft.problems.push(...draft.source.problems);
  if (draft.source.value === undefined) throw invalid(path, draft.problems);

  const parsed = environmentSchema.safeParse(draft.source.value);
  if (!parsed.success)
    draft.problems.push(
      ...schemaProblems(draft.source, [], parsed.error, draft.source.value),
      ...behindWrongMode(draft),
    );
  await collectEntries(draft);
  const commons = readCommons(draft);
  checkDescriptors(draft);
  const asked = draft.entries.map((entry): Instance => {
    const { used, absent } = resolveUses(draft, entry);
    checkShares(draft, entry);
    const descriptor = entry.module?.descriptor;
    for (const { uses: role, claim } of Object.values(accessesOf(draft, entry))) {
      const owner = role === undefined ? undefined : used.get(role);
      const exists = owner?.module !== undefined && Object.hasOwn(owner.module.descriptor.claims, claim);
      if (role !== undefined && owner !== undefined && exists) checkConsent(draft, entry, role, owner, claim);
    }
    const claims = resolveClaims(draft, entry, used);
    return {
      sandbox: entry.sandbox,
      instance: entry.instance,
      module: descriptor?.module ?? "",
      uses: Object.fromEntries(
        [...used].map(([role, { sandbox, instance }]) => [role, { sandbox, instance }] as const),
      ),
      claims,
      variables: resolveVariables(draft, entry, claims, absent),
      position: entry.position,
    };
  });
  const instances = withCommons(draft, asked, commons.services, commons.services.postgresql !== undefined);
  checkCommons(draft, commons, instances);
  if (draft.problems.length > 0 || !parsed.success) throw invalid(path, draft.problems);
  return {
    name: parsed.data.environment,
    id: parsed.data.id?.toLowerCase(),
    file: path,
    files: [path, ...new Set(draft.entries.flatMap((entry) => entry.module?.source?.file ?? []))],
    commons: commons.services,
    instances,
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new ConfigError(`There is no environment file ${file}. Nothing was changed.`, [], {
        code: "CONFIG_NOT_FOUND",
        hint: "Write one with `g2p init`, or name another one with `-f FILE`.",
        cause: error,
      });
    }
    throw new ConfigError(
      `Cannot read environment file ${file}: ${(error as Error).message}. Nothing was changed.`,
      [],
      {
        code: "CONFIG_UNREADABLE",
        hint: "Check that it is a file and that you may read it.",
        cause: error,
      },
    );
  }
}

function invalid(file: string, problems: readonly Problem[]): ConfigError {
  const ordered = [...problems].sort(
    (a, b) =>
      // The environment file comes first, then its descriptors.
      Number(a.position.file !== file) - Number(b.position.file !== file) ||
      a.position.file.localeCompare(b.position.file) ||
      a.position.line - b.position.line ||
      a.position.column - b.position.column,
  );
  const count = ordered.length === 1 ? "a problem" : `${ordered.length} problems`;
  return new ConfigError(`${basename(file)} has ${count}. Nothing was changed.`, ordered, {
    hint: "Correct the places named and run the command again.",
  });
}
