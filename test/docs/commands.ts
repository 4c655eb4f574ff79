/** One command of a document. */
export interface DocumentedCommand {
  /** Line in the file, from 1. */
  readonly line: number;
  readonly command: string;
  /** Exit code that the document promises by a trailing comment such as `# exit 2`; 0 without one. */
  readonly exitCode: number;
}

/**
 * The commands of a document: in blocks fenced as `console`, each line that begins with `$ `. What stands below them is output, which
 * is not compared. Blocks fenced as `sh` are set-up commands and returned apart.
 */
export function commandsOf(markdown: string): { console: DocumentedCommand[]; setUp: DocumentedCommand[] } {
  const found = { console: [] as DocumentedCommand[], setUp: [] as DocumentedCommand[] };
  let fence = "";
  markdown.split("\n").forEach((text, index) => {
    const opened = /^```(\w*)/.exec(text);
    if (opened !== null) {
      fence = fence === "" ? (opened[1] ?? "") || "plain" : "";
      return;
    }
    const command = fence === "sh" ? text.trim() : fence === "console" && text.startsWith("$ ") ? text.slice(2) : "";
    if (command === "") return;
    const [, bare = command, code = "0"] = /^(.*?)\s*# exit (\d+)$/.exec(command) ?? [];
    found[fence === "sh" ? "setUp" : "console"].push({ line: index + 1, command: bare, exitCode: Number(code) });
  });
  return found;
}
