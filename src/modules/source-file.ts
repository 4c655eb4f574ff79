import { LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document, Node, Pair } from "yaml";
import type { Position, Problem } from "../model/error.ts";
import { quoted } from "./wording.ts";

/** Keys and list indices that lead from a file's root to a value. */
export type Path = readonly (string | number)[];

/** Own wordings, since the library's may quote what stands in the file, and that may be a secret. */
const SYNTAX_WORDS: Readonly<Record<string, string>> = {
  BAD_ALIAS: "an alias needs a name of letters and digits; write a text that begins with `*` in quotes",
  BAD_DQ_ESCAPE: "unknown escape in a text between double quotes; write `\\\\` for a backslash, or use single quotes",
  BAD_INDENT: "wrong indentation, or a bracket before it is not closed",
  BAD_SCALAR_START: "a text cannot begin with this character; write it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "two keys on one line; a text with `: ` in it must be in quotes",
  BLOCK_IN_FLOW: "an indented list or mapping cannot stand inside brackets",
  MISSING_CHAR: "something is not closed or not separated: look for a missing quote, comma, bracket or `:`",
  MULTILINE_IMPLICIT_KEY: "a key must stand on one line and be followed by `:`",
  MULTIPLE_DOCS: "expected one YAML document, found a second one",
  NON_STRING_KEY: "a key must be a plain text",
  TAB_AS_INDENT: "tabs cannot indent; use spaces",
  TAG_RESOLVE_FAILED: "tags have no meaning here; write a text that begins with `!` in quotes",
};

/**
 * A YAML file as plain data, with the place of every key and value in it. YAML 1.2; duplicate keys, tags and aliases
 * without anchor are problems.
 */
export class SourceFile {
  /** Absolute path. */
  readonly file: string;
  /** The whole file as plain data; undefined when its syntax is too broken to say anything about the content. */
  readonly value: unknown;
  /** Mistakes of YAML itself. */
  readonly problems: readonly Problem[];
  readonly #document: Document;
  readonly #lines = new LineCounter();

  /** Parses `text`; never throws, see {@link SourceFile.problems}. */
  constructor(file: string, text: string) {
    this.file = file;
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, stringKeys: true });
    this.#document = document;
    const problems = this.#syntaxProblems(text);
    this.problems = problems;
    const usable = document.errors.every((error) => error.code === "DUPLICATE_KEY");
    const plain = usable ? this.#plain() : undefined;
    this.value = plain?.value;
    if (usable && plain === undefined) problems.push(...this.#aliasProblems());
  }

  /** Where the value at `path` begins; for a value that is not there, where the nearest key above it stands. */
  at(path: Path): Position {
    return this.#find(path, false);
  }

  /** Where the last key of `path` stands; for a list's entry, where the entry begins. */
  atKey(path: Path): Position {
    return this.#find(path, true);
  }

  /** Whether there is a value at `path`, be it an empty one. */
  has(path: Path): boolean {
    return this.#document.hasIn(path);
  }

  #find(path: Path, wantKey: boolean): Position {
    let node: unknown = this.#document.contents;
    let key = startOf(node) ?? 0;
    for (const segment of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair: Pair | undefined = node.items.find((item) => keyOf(item) === String(segment));
        if (pair === undefined) return this.#position(key);
        node = pair.value;
        key = startOf(pair.key) ?? key;
      } else if (isSeq(node) && node.items[Number(segment)] !== undefined) {
        node = node.items[Number(segment)];
        key = startOf(node) ?? key;
      } else return this.#position(key);
    }
    const empty = isScalar(node) && node.value === null && node.source === "";
    return this.#position(wantKey || empty ? key : (startOf(node) ?? key));
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** The plain data; undefined where aliases have no anchor or would multiply without measure. */
  #plain(): { readonly value: unknown } | undefined {
    try {
      return { value: this.#document.toJS() as unknown };
    } catch {
      return undefined;
    }
  }

  #syntaxProblems(text: string): Problem[] {
    const list: Problem[] = [];
    const lines = new Set<number>();
    const add = (offset: number, message: string): void => {
      const position = this.#position(offset);
      // The first mistake of a line brings further ones that only confuse.
      if (lines.has(position.line)) return;
      lines.add(position.line);
      list.push({ position, message });
    };
    for (const error of [...this.#document.errors, ...this.#document.warnings].sort((a, b) => a.pos[0] - b.pos[0])) {
      const offset = error.pos[0];
      const reference = error.code === "UNEXPECTED_TOKEN" && text.slice(offset - 1, offset + 1) === "${";
      if (error.code === "DUPLICATE_KEY") list.push(this.#duplicate(offset));
      else if (reference) add(offset - 1, "a text with `${…}` between braces must be in quotes");
      else add(offset, `not valid YAML: ${SYNTAX_WORDS[error.code] ?? "unexpected text here"}`);
    }
    // Looked for only where it can be, spelt out or by an escape, since the walk costs as much as the parse.
    if (/__proto__|\\/.test(text)) {
      visit(this.#document, {
        Pair: (_key, pair) => {
          if (keyOf(pair) === "__proto__") add(startOf(pair.key) ?? 0, "`__proto__` cannot be a key");
        },
      });
    }
    return list;
  }

  #aliasProblems(): Problem[] {
    const problems: Problem[] = [];
    visit(this.#document, {
      Alias: (_key, node) => {
        if (node.resolve(this.#document) !== undefined) return;
        const message = "alias without an anchor before it; write a text that begins with `*` in quotes";
        problems.push({ position: this.#position(startOf(node) ?? 0), message });
      },
    });
    if (problems.length > 0) return problems;
    const message = "too many aliases: the file would grow beyond all measure when they are filled in";
    return [{ position: this.#position(0), message }];
  }

  #duplicate(offset: number): Problem {
    let message = "this key is here twice";
    visit(this.#document, {
      Map: (_key, map) => {
        const second = map.items.find((item) => startOf(item.key) === offset);
        if (second === undefined) return undefined;
        const name = keyOf(second);
        const first = map.items.find((item) => keyOf(item) === name);
        const line = this.#position(startOf(first?.key) ?? offset).line;
        message = `key ${quoted(name)} is here twice, first in line ${line}`;
        return visit.BREAK;
      },
    });
    return { position: this.#position(offset), message };
  }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}
