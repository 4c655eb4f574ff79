import { distance } from "fastest-levenshtein";

const LONGEST_ECHO = 60;
const SECRET_KEY = /pass|pwd|secret|token|credential|private|key$|dsn|ur[il]$/i;

/**
 * The entry of `known` nearest to `word`, or undefined when none is near enough to be what was meant. Case is ignored;
 * short words must be nearer than long ones.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const given = word.toLowerCase();
  const allowed = given.length <= 3 ? 1 : given.length <= 5 ? 2 : Math.ceil(given.length * 0.4);
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const lower = candidate.toLowerCase();
    const isPart = given.length >= 4 && (lower.includes(given) || (lower.length >= 4 && given.includes(lower)));
    const d = isPart ? Math.min(distance(given, lower), allowed) : distance(given, lower);
    if (d <= allowed && (best === undefined || d < best.distance)) best = { word: candidate, distance: d };
  }
  return best?.word;
}

/**
 * The user's word between backticks, cut when long; control and direction characters are written out, so that a file
 * cannot move the terminal's cursor.
 */
export function quoted(word: string, longest = LONGEST_ECHO): string {
  return `\`${harmless(word, longest)}\``;
}

/** A path between backticks, whole. */
export function quotedPath(path: string): string {
  return quoted(path, Infinity);
}

/** Several words as `a`, `b`, `c`; "none" when there are none. */
export function listed(words: readonly string[]): string {
  return words.length === 0 ? "none" : words.map((word) => quoted(word)).join(", ");
}

/** Words of which one is wanted: `a`, `b` or `c`. */
export function oneOf(words: readonly string[]): string {
  if (words.length <= 1) return listed(words);
  return `${listed(words.slice(0, -1))} or ${quoted(words[words.length - 1] as string)}`;
}

/** `; did you mean `x`?`, or an empty string when nothing is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? "" : `; did you mean ${quoted(near)}?`;
}

/** Whether a value under this key may be a secret, so that no message may repeat it. */
export function maySecret(key: string): boolean {
  return SECRET_KEY.test(key);
}

/**
 * What was found in a file, in words: `text "abc"`, `number 3`, `a list`, `nothing`. With `hide`, and for texts that look
 * like an address with a login, only the kind is named, never the value.
 */
export function found(value: unknown, hide: boolean): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return typeof value;
  const kind = typeof value === "string" ? "text" : typeof value;
  const shown = typeof value === "string" ? `"${harmless(value)}"` : String(value);
  return hide || /:\/\/|@/.test(shown) ? kind : `${kind} ${shown}`;
}

function harmless(text: string, longest = LONGEST_ECHO): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`);
}
