import { sep } from "node:path";
import { CommonsError, ConfigError, InternalError, type Problem } from "../model/error.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";

/** What {@link renderError} shows beside the error. */
export interface ErrorView {
  /** Also the errors that caused it, and the stack. */
  readonly verbose?: boolean;
  /** Lines for a report of a fault, such as the versions in use. */
  readonly about?: readonly string[];
  /** Files below this directory are shown relative to it. */
  readonly cwd?: string;
}

/**
 * Any thrown value as text for a terminal. What a user can act on is one line `error CODE: message` with its hint; every
 * problem of a {@link ConfigError} has its own `file:line:column` line; anything else is a fault of ours and is shown
 * with what a report needs. Ends with a line feed.
 */
export function renderError(error: unknown, look: Look, view: ErrorView = {}): string {
  const paint = painter(look);
  const title = (code: string, message: string) =>
    `${paint("alarm", "error")} ${paint("heading", `${code}:`)} ${message}`;
  if (!(error instanceof CommonsError) || error instanceof InternalError) {
    const code = error instanceof InternalError ? error.code : "INTERNAL";
    return [
      title(code, messageOf(error)),
      "",
      "This is a fault in g2p, not in your files. A report needs the lines below.",
      ...(view.about ?? []).map((line) => `  ${line}`),
      ...stacks(error).map((line) => paint("faint", `  ${line}`)),
      "",
    ].join("\n");
  }
  return [
    title(error.code, error.message),
    ...(error instanceof ConfigError ? error.problems.map((problem) => renderProblem(problem, look, view.cwd)) : []),
    ...(error.hint === undefined ? [] : [`${paint("command", "hint:")} ${error.hint}`]),
    ...(view.verbose ? stacks(error).map((line) => paint("faint", `  ${line}`)) : []),
    "",
  ].join("\n");
}

/** Any thrown value as plain data for `--json`; a fault of ours has kind `internal`. Never holds causes. */
export function errorToJson(error: unknown): Record<string, unknown> {
  return error instanceof CommonsError
    ? error.toJSON()
    : { error: "internal", code: "INTERNAL", message: messageOf(error) };
}

function renderProblem({ position, message }: Problem, look: Look, cwd: string | undefined): string {
  const inside = cwd !== undefined && position.file.startsWith(cwd + sep);
  const file = inside ? position.file.slice(cwd.length + 1) : position.file;
  return `  ${painter(look)("command", `${file}:${position.line}:${position.column}`)} ${message}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Stacks of an error and its causes. Only names, messages and places: a driver's error also holds statements. */
function stacks(error: unknown): string[] {
  const lines: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 8; depth++) {
    if (!(current instanceof Error)) {
      lines.push(`${depth > 0 ? "caused by: " : ""}${messageOf(current)}`);
      break;
    }
    lines.push(...`${depth > 0 ? "caused by: " : ""}${current.stack ?? messageOf(current)}`.split("\n"));
    if (current instanceof AggregateError) lines.push(...current.errors.map((inner) => `- ${messageOf(inner)}`));
    current = current.cause;
  }
  return lines;
}
