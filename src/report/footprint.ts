import { type Footprint, type FootprintRow, type FootprintSum, isOwnServer } from "../model/footprint.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count } from "./text.ts";

const BAR = 30;

/**
 * What `g2p footprint` prints: what each service uses as it is shared and as it would be with a server for each instance, which of
 * it is measured, and the saving. Ends with a line feed.
 */
export function renderFootprint(footprint: Footprint, look: Look): string {
  const paint = painter(look);
  const { rows, shared, own, instances } = footprint;
  const cells = (sum: FootprintSum) => [String(sum.servers), size(sum.memory), size(sum.disk)];
  const head = ["service", "servers", "memory", "disk", "servers", "memory", "disk", ""];
  const body = rows.map((row) => [row.service, ...cells(row.shared), ...cells(row.own), howKnown(row)]);
  const foot = ["together", ...cells(shared), ...cells(own), ""];
  const lines = alignRight([head, ...body, foot]);
  const most = Math.max(shared.memory, own.memory, 1);
  const bar = (memory: number) => "█".repeat(Math.max(1, Math.round((memory / most) * BAR)));
  const left = (lines[0] ?? "").indexOf("servers");
  const right = (lines[0] ?? "").indexOf("servers", left + 1);
  return [
    `${paint("faint", "environment")} ${paint("heading", footprint.environment)}, ${count(instances, "instance")}`,
    "",
    paint("faint", `${" ".repeat(left)}shared (V4.5)`.padEnd(right) + "each its own (V4)"),
    paint("faint", lines[0] ?? ""),
    ...lines.slice(1, -1),
    paint("heading", lines.at(-1) ?? ""),
    "",
    ...alignColumns([
      ["shared", paint("good", bar(shared.memory)), size(shared.memory)],
      ["each its own", paint("bad", bar(own.memory)), size(own.memory)],
    ]),
    "",
    paint("heading", closing(footprint)),
    "",
  ].join("\n");
}

function closing({ servers: here, shared, own }: Footprint): string {
  if (here.every(isOwnServer)) return "Every instance has servers of its own here; nothing is shared.";
  if (own.memory <= shared.memory) return `Sharing saves nothing here: ${size(shared.memory)} of memory either way.`;
  const percent = Math.round((1 - shared.memory / own.memory) * 100);
  const servers = own.servers - shared.servers;
  return `Sharing saves ${size(own.memory - shared.memory)} of memory (${percent} %), ${size(Math.max(0, own.disk - shared.disk))} of disk and ${count(servers, "server")}.`;
}

function howKnown({ own }: FootprintRow): string {
  if (own.measured === own.servers) return "measured";
  return own.measured === 0 ? "scaled from the shared one" : `scaled from ${own.measured} measured`;
}

/** Columns of numbers end together; the first and last column begin together. */
function alignRight(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : column === row.length - 1 ? cell : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** `1.9 GB` for 1.9e9. */
function size(bytes: number): string {
  if (bytes >= 999.5e6) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 999.5e3 || bytes === 0 ? `${Math.round(bytes / 1e6)} MB` : `${Math.round(bytes / 1e3)} kB`;
}
