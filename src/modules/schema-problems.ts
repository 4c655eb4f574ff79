import type { z } from "zod";
import type { Problem } from "../model/error.ts";
import type { Path, SourceFile } from "./source-file.ts";
import { didYouMean, found, listed, maySecret, nearest, oneOf, quoted } from "./wording.ts";

/** What a `mapping` schema knows about its keys, handed on in the issue's message. */
export interface KnownKeys {
  readonly known: readonly string[];
  /** What to say about a key that does not belong here, by key. */
  readonly hints: Readonly<Record<string, string>>;
}

type Issue = z.core.$ZodIssue;

const EXPECTED: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
};

/**
 * Turns what zod found wrong with the value at `base` into problems with places and our words. Schemas built by
 * `mapping` bring their keys; any other own message of a schema is a noun phrase that says what was expected.
 */
export function schemaProblems(source: SourceFile, base: Path, error: z.ZodError, value: unknown): Problem[] {
  const issues = concreteIssues(error.issues);
  // A key that is missing because it is misspelt is one mistake, not two.
  const meant = new Set(issues.flatMap((issue) => meantKeys(issue).map((key) => JSON.stringify([...issue.path, key]))));
  return issues
    .filter((issue) => !(isMissing(issue, value) && meant.has(JSON.stringify(issue.path))))
    .flatMap((issue) => problemsOf(source, base, issue, value));
}

function meantKeys(issue: Issue): string[] {
  if (issue.code !== "unrecognized_keys") return [];
  const { known } = knownKeys(issue.message);
  return issue.keys.flatMap((key) => nearest(key, known) ?? []);
}

function isMissing(issue: Issue, root: unknown): boolean {
  return issue.path.length > 0 && issue.code !== "unrecognized_keys" && valueAt(root, issue.path as Path) === undefined;
}

/** All issues with unions decided: of a union's branches the one is taken that fits the value's kind. */
export function concreteIssues(issues: readonly Issue[], above: Path = []): Issue[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...(issue.path as Path)];
    const here = { ...issue, path: [...path] } as Issue;
    if (issue.code === "invalid_union" && issue.errors.length > 0) {
      const branch = issue.errors.find((errors) => !errors.some((inner) => inner.path.length === 0 && isOfKind(inner)));
      return branch === undefined ? [here] : concreteIssues(branch, path);
    }
    return [here];
  });
}

/** True for an issue that says the value is of another kind altogether. */
function isOfKind(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

function problemsOf(source: SourceFile, base: Path, issue: Issue, root: unknown): Problem[] {
  const inner = issue.path as Path;
  const path = [...base, ...inner];
  const value = valueAt(root, inner);
  const hide = path.some((segment) => typeof segment === "string" && (segment === "env" || maySecret(segment)));
  if (issue.code === "unrecognized_keys") {
    const { known, hints } = knownKeys(issue.message);
    return issue.keys
      .filter((key) => key !== "__proto__")
      .map((key) => ({
        position: source.atKey([...path, key]),
        message: `unknown key${hide ? "" : ` ${quotedKey(key)}`}${unknownKeyHelp(key, known, hints)}`,
      }));
  }
  if (issue.code === "invalid_key") {
    const key = hide ? "this key" : `key ${quotedKey(String(path[path.length - 1]))}`;
    const expected = issue.issues[0]?.message ?? "another name";
    return [{ position: source.atKey(path), message: `${key}: expected ${expected}` }];
  }
  const expected = expectedWords(issue);
  if (isMissing(issue, root)) {
    const name = String(path[path.length - 1]);
    return [{ position: source.atKey(path), message: `missing key ${quoted(name)}: expected ${expected}` }];
  }
  const message = `${subject(path)}: expected ${expected}, found ${found(value, hide)}${valueHelp(issue, value, hide)}`;
  return [{ position: source.at(path), message }];
}

/** A key in quotes; of `password=abc` or the like, which somebody may write as a key, only the first word. */
function quotedKey(key: string): string {
  return quoted(maySecret(key) ? (/^[\w-]*/.exec(key)?.[0] ?? "") : key);
}

function unknownKeyHelp(key: string, known: readonly string[], hints: Readonly<Record<string, string>>): string {
  const hint = Object.hasOwn(hints, key) ? hints[key] : undefined;
  if (hint !== undefined) return `: ${hint}`;
  return didYouMean(key, known) || `; known here: ${listed(known)}`;
}

function expectedWords(issue: Issue): string {
  if (issue.code === "invalid_type") return EXPECTED[issue.expected] ?? issue.expected;
  if (issue.code === "invalid_value") return oneOf(issue.values.map(String));
  if (issue.code === "invalid_union") {
    const options = (issue as { options?: readonly unknown[] }).options?.filter((option) => option !== undefined);
    if (options !== undefined) return oneOf(options.map(String));
    const kinds = issue.errors.map((errors) => (errors[0] === undefined ? "another value" : expectedWords(errors[0])));
    return kinds.join(" or ");
  }
  return issue.message;
}

function valueHelp(issue: Issue, value: unknown, hide: boolean): string {
  const wantsText = issue.code === "invalid_type" && issue.expected === "string";
  if (wantsText && (typeof value === "number" || typeof value === "boolean")) return "; write it in quotes";
  if (hide || typeof value !== "string") return "";
  if (issue.code === "invalid_value") {
    const isNumber = issue.values.some((allowed) => typeof allowed === "number" && String(allowed) === value);
    return isNumber ? "; write it without quotes" : didYouMean(value, issue.values.map(String));
  }
  const options = (issue as { options?: readonly unknown[] }).options;
  return options === undefined ? "" : didYouMean(value, options.filter((option) => option !== undefined).map(String));
}

/** The last key of a path with the list indices behind it, e.g. `accept[0]`. */
function subject(path: Path): string {
  const lastKey = path.findLastIndex((segment) => typeof segment === "string");
  if (lastKey < 0) return "this file";
  return quoted(path.slice(lastKey).reduce<string>((text, s) => (text === "" ? String(s) : `${text}[${s}]`), ""));
}

function knownKeys(message: string): KnownKeys {
  try {
    return JSON.parse(message) as KnownKeys;
  } catch {
    return { known: [], hints: {} };
  }
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const segment of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}
