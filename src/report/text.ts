import stringWidth from "fast-string-width";
import { wrapAnsi } from "fast-wrap-ansi";

/**
 * Lays rows out in aligned columns, two blanks apart, lines without trailing blanks.
 *
 * @param rows cells may be coloured; rows may differ in length.
 */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, stringWidth(cell))));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => pad(cell, widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Indents a text and wraps it to the width, between words where it can; continued lines get `hanging` more blanks. */
export function wrap(text: string, columns: number, indent = 0, hanging = 0): string[] {
  const first = " ".repeat(indent);
  const rest = " ".repeat(indent + hanging);
  const width = Math.max(20, columns - indent - hanging);
  return wrapAnsi(text, width, { hard: true })
    .split("\n")
    .map((line, index) => (index === 0 ? first : rest) + line.trimEnd());
}

/** Pads on the right to a width as displayed, colours not counted. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - stringWidth(text)));
}

/** Cuts a text without colours to a displayed width, ending in `…` where something was cut. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = "";
  for (const character of text) {
    if (stringWidth(cut + character) > width - 1) break;
    cut += character;
  }
  return width < 1 ? "" : `${cut}…`;
}

/** A number with its thousands set off: `1,234`. Without Intl, whose data takes 10 ms to load. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 database`, `23 databases`, `1,234 attempts`; the plural is the word and an `s` unless given. */
export function count(value: number, word: string, plural = `${word}s`): string {
  return `${number(value)} ${value === 1 ? word : plural}`;
}

/** A duration as people read it: `85 ms`, `1.4 s`, `12 s`, `2 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
