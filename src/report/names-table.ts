import type { NameRow } from "../model/plan.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count } from "./text.ts";

/**
 * What `g2p names` prints: every name that would be made, by instance, with its length in bytes against the limit of
 * its service; names that needed a hash are marked. Ends with a line feed.
 */
export function renderNames(rows: readonly NameRow[], look: Look): string {
  const paint = painter(look);
  const hashed = rows.filter((row) => row.hashed).length;
  const instances = Map.groupBy(rows, (row) => [row.sandbox, row.instance].filter((part) => part !== "").join("/"));
  const aligned = alignColumns(
    rows.map((row) => [
      `  ${row.claim}`,
      paint("faint", row.service),
      paint("faint", row.kind),
      row.name,
      paint("faint", `${Buffer.byteLength(row.name)}/${row.limit}`),
      row.hashed ? paint("warning", "#") : "",
    ]),
  );
  const lineOf = new Map(rows.map((row, index) => [row, aligned[index] ?? ""]));
  const lines = [...instances].flatMap(([instance, inInstance]) => [
    paint("heading", instance),
    ...inInstance.map((row) => lineOf.get(row) ?? ""),
  ]);
  const closing = `${count(rows.length, "name")}${hashed > 0 ? `, ${hashed} shortened by a hash (#)` : ""}.`;
  return [...lines, ...(lines.length > 0 ? [""] : []), paint("heading", closing), ""].join("\n");
}
