import type { z } from "zod";
import type { Path } from "../modules/source-file.ts";
import { concreteIssues } from "../modules/schema-problems.ts";

/** What could be read of a value. */
export interface LenientResult<T> {
  /** Undefined where not even a part could be read. */
  readonly data: T | undefined;
  /** True where something was left out; what then seems to be missing may have been there. */
  readonly damaged: boolean;
}

/**
 * Parses a value and leaves out what the schema refuses, so that the rest can still be checked for what it means. The
 * refused parts must have been reported elsewhere.
 */
export function parseLeniently<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): LenientResult<z.output<Schema>> {
  let candidate: unknown = value;
  let damaged = false;
  for (;;) {
    const result = schema.safeParse(candidate);
    if (result.success) return { data: result.data, damaged };
    if (!damaged) candidate = structuredClone(value);
    damaged = true;
    let removed = false;
    for (const issue of concreteIssues(result.error.issues)) {
      const path = issue.path as Path;
      const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
      for (const refused of paths) removed = remove(candidate, refused) || removed;
    }
    if (!removed) return { data: undefined, damaged };
  }
}

/** Takes the nearest mapping's key on the way to `path` out; an entry of a list takes the whole list with it. */
function remove(root: unknown, path: Path): boolean {
  let holder: Record<string, unknown> | undefined;
  let holderKey = "";
  let value = root;
  for (const segment of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) break;
    if (!Array.isArray(value)) {
      holder = value as Record<string, unknown>;
      holderKey = String(segment);
    }
    value = (value as Record<string | number, unknown>)[segment];
  }
  if (holder === undefined) return false;
  return Reflect.deleteProperty(holder, holderKey);
}
