import stringWidth from "fast-string-width";
import { painter, type Meaning } from "./style.ts";
import type { Look } from "./terminal.ts";
import { pad } from "./text.ts";

/** The part of a plan item or status item that places it in the tree. */
export interface TreeItem {
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
  readonly kind: string;
  readonly server: string;
  readonly name: string;
}

/** How one resource's line begins and what stands below it. */
export interface TreeEntry {
  /** One character that tells its state or action. */
  readonly glyph: string;
  readonly meaning: Meaning;
  /** A word behind the name, such as its state. */
  readonly word?: string;
  /** Finished lines below it, at {@link DETAIL_INDENT}. */
  readonly details: readonly string[];
}

/** Indentation of lines below a resource. */
export const DETAIL_INDENT = 8;

const RESOURCE_INDENT = 4;

const NO_ENTRY: TreeEntry = { glyph: " ", meaning: "plain", details: [] };

/**
 * Sandbox, instance, resource, each level indented by two: `+ main  database  dev__farmers`. The server stands behind
 * the name where the items are on more than one. Items of no sandbox (servers) come first, without headings.
 */
export function renderTree<T extends TreeItem>(
  items: readonly T[],
  entry: (item: T) => TreeEntry,
  look: Look,
): string[] {
  const paint = painter(look);
  const manyServers = new Set(items.map((item) => item.server)).size > 1;
  const claimWidth = Math.max(0, ...items.map((item) => stringWidth(claimLabel(item))));
  const kindWidth = Math.max(0, ...items.map((item) => stringWidth(item.kind)));
  const serverWidth = Math.max(0, ...items.map((item) => stringWidth(item.server)));
  const entries = new Map(items.map((item) => [item, entry(item)]));
  const behind = (item: T): string => {
    const { meaning, word } = entries.get(item) ?? NO_ENTRY;
    return (
      (manyServers ? `  ${paint("faint", `on ${pad(item.server, serverWidth)}`)}` : "") +
      (word ? `  ${paint(meaning, word)}` : "")
    );
  };
  const behindWidth = Math.max(0, ...items.map((item) => stringWidth(behind(item))));
  const room = look.columns - RESOURCE_INDENT - 2 - claimWidth - 2 - kindWidth - 2 - behindWidth;
  const nameWidth = Math.max(0, ...items.map((item) => stringWidth(item.name)).filter((width) => width <= room));

  const line = (item: T): string[] => {
    const { glyph, meaning, details } = entries.get(item) ?? NO_ENTRY;
    const start = " ".repeat(RESOURCE_INDENT) + paint(meaning, glyph);
    const head = `${start} ${pad(claimLabel(item), claimWidth)}  ${paint("faint", pad(item.kind, kindWidth))}`;
    const own =
      stringWidth(item.name) <= room
        ? [`${head}  ${pad(item.name, nameWidth)}${behind(item)}`]
        : [`${head}${behind(item)}`, " ".repeat(RESOURCE_INDENT + 2) + item.name];
    return [...own.map((text) => text.trimEnd()), ...details];
  };

  const lines: string[] = [];
  for (const [sandbox, inSandbox] of Map.groupBy(items, (item) => item.sandbox)) {
    if (sandbox !== "") lines.push(paint("heading", sandbox));
    for (const [instance, inInstance] of Map.groupBy(inSandbox, (item) => item.instance)) {
      if (instance !== "") lines.push(`  ${instance}`);
      for (const item of inInstance) lines.push(...line(item));
    }
  }
  return lines;
}

function claimLabel(item: TreeItem): string {
  return item.claim === "" ? item.server : item.claim;
}
