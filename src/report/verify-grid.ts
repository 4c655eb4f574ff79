import stringWidth from "fast-string-width";
import type { Cell } from "../model/plan.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { pad } from "./text.ts";

/**
 * Cells by who tries (rows) and on whom (numbered columns, named below), split where the terminal is too narrow.
 *
 * @param draw what stands where a row and a column meet, coloured.
 */
export function renderGrid(
  cells: readonly Cell[],
  rowOf: (cell: Cell) => string,
  columnOf: (cell: Cell) => string,
  look: Look,
  draw: (cells: readonly Cell[]) => string,
): string[] {
  const paint = painter(look);
  const rows = Map.groupBy(cells, rowOf);
  const columns = [...new Set(cells.map(columnOf))].sort(placesFirst);
  const labelWidth = Math.max(...[...rows.keys()].map((row) => stringWidth(row)));
  const drawn = [...rows]
    .sort(([a], [b]) => placesFirst(a, b))
    .map(([row, inRow]) => {
      const byColumn = Map.groupBy(inRow, columnOf);
      return { row, texts: columns.map((column) => (byColumn.has(column) ? draw(byColumn.get(column) ?? []) : "")) };
    });
  const cellWidth = Math.max(
    String(columns.length).length,
    ...drawn.flatMap(({ texts }) => texts.map((text) => stringWidth(text))),
  );
  const perBlock = Math.max(1, Math.floor((look.columns - labelWidth - 2) / (cellWidth + 1)));
  const lines: string[] = [];
  for (let from = 0; from < columns.length; from += perBlock) {
    const part = columns.slice(from, from + perBlock);
    const place = (text: string) => ` ${" ".repeat(Math.max(0, cellWidth - stringWidth(text)))}${text}`;
    if (from > 0) lines.push("");
    lines.push(
      paint("heading", pad("", labelWidth + 1) + part.map((_, index) => place(String(from + index + 1))).join("")),
    );
    for (const { row, texts } of drawn) {
      lines.push(
        `${pad(row, labelWidth)} ${texts
          .slice(from, from + perBlock)
          .map(place)
          .join("")}`.trimEnd(),
      );
    }
  }
  return [
    ...lines,
    "",
    ...flow(
      columns.map((name, index) => `${index + 1} ${name}`),
      look,
    ),
  ];
}

/** Short texts side by side in as many columns as fit, filled downwards. */
function flow(texts: readonly string[], look: Look): string[] {
  const width = Math.max(...texts.map((text) => stringWidth(text))) + 3;
  const across = Math.max(1, Math.min(4, Math.floor((look.columns - 2) / width)));
  const down = Math.ceil(texts.length / across);
  return Array.from({ length: down }, (_, line) =>
    `  ${texts
      .filter((_text, index) => index % down === line)
      .map((text) => pad(text, width))
      .join("")}`.trimEnd(),
  );
}

const BY_NUMBER = new Intl.Collator("en", { numeric: true });

/** Sandboxes' own places before `postgres`, `template1` and the like; each by name. */
function placesFirst(a: string, b: string): number {
  return Number(!a.includes("/")) - Number(!b.includes("/")) || BY_NUMBER.compare(a, b);
}
