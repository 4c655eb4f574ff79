import stringWidth from "fast-string-width";
import type { NameRow } from "../model/plan.ts";
import { painter, type Paint } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count } from "./text.ts";

/**
 * What `g2p names` prints: every name that would be made, by instance, with its length in bytes against the limit of
 * its service; names that needed a hash are marked. Where one line is too short for claim, service and kind, these are headings.
 * Ends with a line feed.
 */
export function renderNames(rows: readonly NameRow[], look: Look): string {
  const paint = painter(look);
  const hashed = rows.filter((row) => row.hashed).length;
  const aligned = alignColumns(
    rows.map((row) => [`  ${row.claim}`, paint("faint", row.service), ...nameCells(row, paint)]),
  );
  const fits = aligned.every((line) => stringWidth(line) <= look.columns);
  const shown = fits
    ? aligned
    : alignColumns(rows.map((row) => [`    ${row.kind}`, ...nameCells(row, paint).slice(1)]));
  const lineOf = new Map(rows.map((row, index) => [row, shown[index] ?? ""]));
  const instances = Map.groupBy(rows, (row) => [row.sandbox, row.instance].filter((part) => part !== "").join("/"));
  const claims = (inInstance: readonly NameRow[]) =>
    [...Map.groupBy(inInstance, (row) => `${row.claim}  ${paint("faint", row.service)}`)].flatMap(
      ([claim, inClaim]) => [`  ${claim}`, ...inClaim.map((row) => lineOf.get(row) ?? "")],
    );
  const lines = [...instances].flatMap(([instance, inInstance]) => [
    paint("heading", instance),
    ...(fits ? inInstance.map((row) => lineOf.get(row) ?? "") : claims(inInstance)),
  ]);
  const closing = `${count(rows.length, "name")}${hashed > 0 ? `, ${hashed} shortened by a hash (#)` : ""}.`;
  return [...lines, ...(lines.length > 0 ? [""] : []), paint("heading", closing), ""].join("\n");
}

function nameCells(row: NameRow, paint: Paint): string[] {
  return [
    paint("faint", row.kind),
    row.name,
    paint("faint", `${Buffer.byteLength(row.name)}/${row.limit}`),
    row.hashed ? paint("warning", "#") : "",
  ];
}
