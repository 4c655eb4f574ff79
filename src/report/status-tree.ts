import stringWidth from "fast-string-width";
import { combineStates, STATES, type State, type StatusItem, type StatusResult } from "../model/status.ts";
import { renderFinding } from "./findings.ts";
import { DETAIL_INDENT, renderTree, type TreeEntry } from "./resource-tree.ts";
import { painter, type Meaning } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count, wrap } from "./text.ts";

const GLYPHS: Record<State, { readonly glyph: string; readonly meaning: Meaning }> = {
  ready: { glyph: "✓", meaning: "good" },
  waiting: { glyph: "…", meaning: "change" },
  outdated: { glyph: "~", meaning: "change" },
  missing: { glyph: "✗", meaning: "bad" },
  unhealthy: { glyph: "✗", meaning: "alarm" },
  foreign: { glyph: "!", meaning: "alarm" },
  unknown: { glyph: "?", meaning: "warning" },
};

/**
 * What `g2p status` prints: the servers, then every resource by sandbox and instance with its state, the reason where it
 * is not ready, and one closing line. Ends with a line feed.
 */
export function renderStatus(status: StatusResult, look: Look): string {
  const paint = painter(look);
  const tree = renderTree(status.items, (item) => entry(item, look), look);
  const lines = [
    `${paint("faint", "environment")} ${paint("heading", status.environment)}`,
    "",
    ...renderServers(status, look),
    ...(tree.length > 0 ? ["", ...tree] : []),
    "",
    paint(GLYPHS[combineStates(all(status))].meaning, closing(status)),
    "",
  ];
  return lines.join("\n");
}

/** The servers' lines of a status: state, address, version, how full; below each other where one line is too short. */
export function renderServers(status: Pick<StatusResult, "servers">, look: Look): string[] {
  const paint = painter(look);
  const cells = status.servers.map((server) => {
    const { glyph, meaning } = GLYPHS[server.state];
    const { used, max } = server.connections ?? { used: 0, max: 0 };
    const full: Meaning = used >= max * 0.9 ? "alarm" : used >= max * 0.75 ? "warning" : "faint";
    return [
      `${paint(meaning, glyph)} ${paint("heading", server.id)}`,
      server.address,
      paint("faint", server.version ?? ""),
      paint(meaning, server.state),
      server.connections === undefined ? "" : paint(full, `${used} of ${max} connections`),
    ];
  });
  const rows = alignColumns(cells);
  const fits = rows.every((row) => stringWidth(row) <= look.columns);
  const short = alignColumns(cells.map(([id = "", , version = "", state = ""]) => [id, version, state]));
  return status.servers.flatMap((server, index) => {
    const [, address = "", , , connections = ""] = cells[index] ?? [];
    const below = [address, connections].filter((text) => text !== "").flatMap((text) => wrap(text, look.columns, 4));
    return [
      ...(fits ? [rows[index] ?? ""] : [short[index] ?? "", ...below]),
      ...(server.reason === undefined ? [] : wrap(paint("bad", server.reason), look.columns, 4)),
    ];
  });
}

function entry(item: StatusItem, look: Look): TreeEntry {
  const reason = item.reason === undefined ? [] : wrap(painter(look)("bad", item.reason), look.columns, DETAIL_INDENT);
  const findings = item.findings.flatMap((finding) => renderFinding(finding, look, DETAIL_INDENT));
  return { ...GLYPHS[item.state], word: item.state, details: [...reason, ...findings] };
}

function closing(status: StatusResult): string {
  const states = all(status);
  if (combineStates(states) === "ready") {
    const resources = status.items.length;
    return resources === 1 ? "The one resource is ready." : `All ${count(resources, "resource")} are ready.`;
  }
  const servers = status.servers.filter((server) => server.state !== "ready").length;
  const counts = STATES.map((state) => [state, status.items.filter((item) => item.state === state).length] as const)
    .filter(([, number]) => number > 0)
    .map(([state, number]) => `${number} ${state}`);
  return [...counts, ...(servers > 0 ? [`${count(servers, "server")} not ready`] : [])].join(", ") + ".";
}

function all(status: StatusResult): State[] {
  return [...status.servers, ...status.items].map(({ state }) => state);
}
