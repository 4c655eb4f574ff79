import stringWidth from "fast-string-width";
import type { Finding } from "../model/plan.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { wrap } from "./text.ts";

/**
 * One difference: `aspect: actual -> expected` on one line where it fits, otherwise the two values below each other so
 * that they can be compared. What apply will not repair is marked, with the reason below.
 *
 * @param indent blanks before every line.
 */
export function renderFinding(finding: Finding, look: Look, indent: number): string[] {
  const paint = painter(look);
  const mark = finding.repair === "apply" ? "" : ` [${finding.repair}]`;
  const lines: string[] = [];
  const oneLine = `${finding.aspect}: ${finding.actual} -> ${finding.expected}${mark}`;
  if (indent + stringWidth(oneLine) <= look.columns) {
    lines.push(
      `${" ".repeat(indent)}${finding.aspect}: ${paint("bad", finding.actual)} ${paint("faint", "->")} ` +
        `${paint("good", finding.expected)}${paint("alarm", mark)}`,
    );
  } else {
    lines.push(...wrap(`${finding.aspect}:${paint("alarm", mark)}`, look.columns, indent));
    lines.push(...wrap(`   ${paint("bad", finding.actual)}`, look.columns, indent + 2, 3));
    lines.push(...wrap(`${paint("faint", "->")} ${paint("good", finding.expected)}`, look.columns, indent + 2, 3));
  }
  if (finding.note !== undefined) lines.push(...wrap(paint("faint", finding.note), look.columns, indent + 2));
  return lines;
}
