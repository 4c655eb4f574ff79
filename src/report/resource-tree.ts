import stringWidth from "fast-string-width";
import type { ItemKind } from "../model/plan.ts";
import type { Service } from "../model/service.ts";
import { kindWord } from "./kinds.ts";
import { painter, type Meaning } from "./style.ts";
import type { Look } from "./terminal.ts";
import { pad } from "./text.ts";

/** The part of a plan item or status item that places it in the tree. */
export interface TreeItem {
  readonly service: Service;
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
  readonly kind: ItemKind;
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
 * Sandbox, instance, resource, each level indented by two: `+ events  topics  dev__farmers__events  kafka`. The server stands
 * behind the name unless all items are on the one PostgreSQL, or the terminal is too narrow for it and the kind tells the service
 * as well. Items of no sandbox (servers) come first, without headings.
 */
export function renderTree<T extends TreeItem>(
  items: readonly T[],
  entry: (item: T) => TreeEntry,
  look: Look,
): string[] {
  const paint = painter(look);
  const entries = new Map(items.map((item) => [item, entry(item)]));
  const entryOf = (item: T) => entries.get(item) ?? NO_ENTRY;
  const servers = new Set(items.map((item) => item.server));
  const full = layout(
    items,
    entryOf,
    look,
    (item) => kindWord(item.kind),
    servers.size > 1 || !servers.has("postgresql"),
  );
  const line =
    full.fits || items.some((item) => item.server !== item.service)
      ? full.line
      : layout(items, entryOf, look, shortKind, false).line;

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

/** The kind where no server stands behind the name: an access tells its service itself. */
function shortKind({ kind, service }: TreeItem): string {
  return kind === "access" && service !== "postgresql" ? `access ${service}` : kindWord(kind);
}

interface Layout<T> {
  /** Does every item's name stand in its column? */
  readonly fits: boolean;
  readonly line: (item: T) => string[];
}

function layout<T extends TreeItem>(
  items: readonly T[],
  entryOf: (item: T) => TreeEntry,
  look: Look,
  kindOf: (item: T) => string,
  showServer: boolean,
): Layout<T> {
  const paint = painter(look);
  const claimWidth = widest(items, claimLabel);
  const kindWidth = widest(items, kindOf);
  const serverWidth = widest(items, (item) => item.server);
  const behind = (item: T): string => {
    const { meaning, word } = entryOf(item);
    return (
      (showServer ? `  ${paint("faint", word ? pad(item.server, serverWidth) : item.server)}` : "") +
      (word ? `  ${paint(meaning, word)}` : "")
    );
  };
  const room = look.columns - RESOURCE_INDENT - 2 - claimWidth - 2 - kindWidth - 2;
  const inColumn = room - widest(items, behind);
  const names = items.map((item) => stringWidth(item.name));
  const nameWidth = Math.max(0, ...names.filter((width) => width <= inColumn));
  const line = (item: T): string[] => {
    const { glyph, meaning, details } = entryOf(item);
    const start = " ".repeat(RESOURCE_INDENT) + paint(meaning, glyph);
    const head = `${start} ${pad(claimLabel(item), claimWidth)}  ${paint("faint", pad(kindOf(item), kindWidth))}`;
    // A name that is too long for its column may still leave room for what stands behind it.
    const fits = Math.max(nameWidth, stringWidth(item.name)) + stringWidth(behind(item)) <= room;
    const own = fits
      ? [`${head}  ${pad(item.name, nameWidth)}${behind(item)}`]
      : [`${head}${behind(item)}`, " ".repeat(RESOURCE_INDENT + 2) + item.name];
    return [...own.map((text) => text.trimEnd()), ...details];
  };
  return { fits: names.every((width) => width <= inColumn), line };
}

function claimLabel(item: TreeItem): string {
  return item.claim === "" ? item.server : item.claim;
}

function widths<T>(items: readonly T[], text: (item: T) => string): number[] {
  return items.map((item) => stringWidth(text(item)));
}

function widest<T>(items: readonly T[], text: (item: T) => string): number {
  return Math.max(0, ...widths(items, text));
}
