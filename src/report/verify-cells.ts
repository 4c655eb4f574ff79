import type { Cell } from "../model/plan.ts";
import type { Meaning } from "./style.ts";

/** How one attempt, or several of the same login on the same target, ended. */
export type Outcome = "wrong" | "exception" | "allowed" | "partly" | "refused" | "asked" | "reads";

/** Glyph, colour and legend of each outcome. */
export const OUTCOMES: Record<Outcome, { readonly glyph: string; readonly meaning: Meaning; readonly legend: string }> =
  {
    allowed: { glyph: "✓", meaning: "good", legend: "allowed, as it should be" },
    partly: { glyph: "◐", meaning: "good", legend: "some allowed, the rest refused, as it should be" },
    reads: { glyph: "r", meaning: "good", legend: "may read, by a login of its own" },
    refused: { glyph: "·", meaning: "faint", legend: "refused, as it should be" },
    asked: { glyph: "◦", meaning: "faint", legend: "as it should be, but only asked, not tried" },
    exception: { glyph: "!", meaning: "warning", legend: "accepted exception" },
    wrong: { glyph: "✗", meaning: "alarm", legend: "wrong" },
  };

/** Outcome of one attempt. */
export function outcomeOf(cell: Cell): Outcome {
  if (cell.accepted && cell.actual === "allowed") return "exception";
  if (!cell.ok) return "wrong";
  if (cell.how === "asked") return "asked";
  return cell.actual === "allowed" ? "allowed" : "refused";
}

/** Outcome of several attempts in one place of the matrix: the one that matters most. */
export function combineOutcomes(cells: readonly Cell[]): Outcome {
  const found = new Set(cells.map(outcomeOf));
  if (found.has("wrong")) return "wrong";
  if (found.has("exception")) return "exception";
  const tried = cells.filter((cell) => cell.how === "tried");
  if (tried.length === 0) return "asked";
  const allowed = tried.filter((cell) => cell.actual === "allowed").length;
  return allowed === 0 ? "refused" : allowed === tried.length ? "allowed" : "partly";
}
