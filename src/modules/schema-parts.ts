import * as z from "zod";
import type { KnownKeys } from "./schema-problems.ts";

/** Version word of all our files. */
export const API_VERSION = "g2p.dev/v1";

/**
 * A strict object whose keys are known to the error messages.
 *
 * @param hints - what to say about keys that people are likely to write here though they do not belong.
 */
export function mapping<Shape extends z.core.$ZodLooseShape>(shape: Shape, hints: Record<string, string> = {}) {
  const keys: KnownKeys = { known: Object.keys(shape), hints };
  const words = JSON.stringify(keys);
  return z.strictObject(shape, { error: (issue) => (issue.code === "unrecognized_keys" ? words : undefined) });
}

/** What {@link label} expects, in words. */
export const LABEL_WORDS = "a name of at most 63 lower-case letters, digits and single dashes, no dash first or last";
const LABEL = "(?!.*--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";

/** Name of an environment, sandbox, instance, module, claim or access: a DNS label without `--`, as naming needs it. */
export function label() {
  return z.string().regex(new RegExp(`^${LABEL}$`), LABEL_WORDS);
}

/** An instance of the same sandbox, or `sandbox/instance`. */
export function instanceReference() {
  return z
    .string()
    .regex(new RegExp(`^${LABEL}(?:/${LABEL})?$`), "an instance of this sandbox, or `sandbox/instance` of another one");
}

/** Name of an environment variable. */
export function variableName() {
  return z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable: letters, digits and `_`, no digit first");
}

/** Connection limit of a login. PostgreSQL's own ceiling is that of `max_connections`. */
export function connectionLimit() {
  const words = "a whole number from 1 to 262143";
  return z.int().min(1, words).max(262143, words);
}

/** Names of PostgreSQL extensions. */
export function extensions() {
  return z.array(
    z
      .string()
      .regex(/^[a-z0-9_][a-z0-9_-]{0,62}$/, "the name of a PostgreSQL extension, e.g. `pg_trgm` or `uuid-ossp`"),
  );
}

/** A path in a file; relative ones count from the file that names them. */
export function filePath() {
  return z.string().regex(/^[^\u0000]+$/, "the path of a file");
}
