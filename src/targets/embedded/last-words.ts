import { lastLines } from "./launch.ts";

const LINE_SHOWN = 400;
/** The calls of a stack trace, and Logback's words about its own settings. */
const NOISE = /^\s+(at |\.\.\. \d+ )|^\d\S* \|-\w+ in ch\.qos\.logback/;

/**
 * The last lines of a server's log, for an error message: without the calls of stack traces, so that the causes between them are seen, and of
 * lines in JSON (Logstash's layout) the message and its first cause.
 */
export function lastWords(log: string): string {
  const lines = log.split("\n").filter((line) => !NOISE.test(line));
  return lastLines(lines.map((line) => plain(line).slice(0, LINE_SHOWN)).join("\n"));
}

function plain(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const { level, message, stack_trace: stack } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof message !== "string") return line;
    const [says = ""] = message.split(/; nested exception|\n/);
    return [typeof level === "string" ? level : "", says.trim(), typeof stack === "string" ? firstCause(stack) : ""]
      .join(" ")
      .trim();
  } catch {
    return line;
  }
}

/** Java writes the first cause last. */
function firstCause(stack: string): string {
  const [thrown = "", ...rest] = stack.split("\n");
  const causes = rest.filter((line) => line.startsWith("Caused by: "));
  return `(${(causes.at(-1) ?? thrown).replace("Caused by: ", "")})`;
}
