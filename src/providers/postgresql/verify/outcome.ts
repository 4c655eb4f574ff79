import type { Cell } from "../../../model/plan.ts";
import { errorCode } from "../connection.ts";

/** What an attempt came to. */
export interface Outcome {
  readonly actual: Cell["actual"];
  readonly detail: string;
}

/** What an attempt should come to. */
export type Expectation =
  | { readonly expected: "allowed" | "refused"; readonly accepted?: undefined }
  | {
      readonly expected: "allowed";
      /** Why it is allowed although isolation would refuse it. */
      readonly accepted: string;
      /** True where nobody needs it, so that a refusal is as good. */
      readonly mayBeRefused: boolean;
    };

export const ALLOWED: Expectation = { expected: "allowed" };
export const REFUSED: Expectation = { expected: "refused" };

/** Who tries what on whom. */
export type Attempt = Pick<Cell, "from" | "to" | "attempt">;

/**
 * The cell of one attempt. An error is never ok: an attempt that could not be made proves nothing. An exception that turns
 * out to be closed is written as the plain refusal it is.
 */
export function toCell(attempt: Attempt, expectation: Expectation, outcome: Outcome, how: Cell["how"] = "tried"): Cell {
  const { actual } = outcome;
  const base = { service: "postgresql", ...attempt, actual, how } as const;
  if (expectation.accepted === undefined) {
    const { expected } = expectation;
    return { ...base, expected, ok: actual === expected, ...detail(outcome.detail) };
  }
  if (actual === "refused" && expectation.mayBeRefused)
    return { ...base, expected: "refused", ok: true, ...detail(outcome.detail) };
  const accepted = actual === "allowed";
  const words = accepted ? expectation.accepted : outcome.detail;
  return { ...base, expected: "allowed", ok: accepted, ...(accepted ? { accepted } : {}), ...detail(words) };
}

function detail(text: string): { detail?: string } {
  return text === "" ? {} : { detail: text };
}

/**
 * Judges what a statement or a connection threw. Only 42501 (insufficient_privilege) is a refusal.
 *
 * @param passed SQLSTATEs, or classes of two characters, that the server only reaches after it has checked the right: seeing
 * one means that the right is there
 */
export function outcomeOfError(error: unknown, passed: readonly string[] = []): Outcome {
  const code = errorCode(error);
  if (code === "42501") return { actual: "refused", detail: code };
  if (code !== undefined && passed.some((state) => code.startsWith(state)))
    return { actual: "allowed", detail: `the right is there: the server got as far as ${code}` };
  const message = (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
  return { actual: "error", detail: code === undefined ? message : `${code} ${message}` };
}

/**
 * One outcome for several tries of the same thing. What counts most is the contrary of what is expected, then an error;
 * details of the tries that decided are joined.
 */
export function combine(expected: "allowed" | "refused", outcomes: readonly Outcome[]): Outcome {
  const contrary = expected === "allowed" ? "refused" : "allowed";
  for (const actual of [contrary, "error", expected] as const) {
    const deciding = outcomes.filter((outcome) => outcome.actual === actual);
    if (deciding.length === 0) continue;
    const details = [...new Set(deciding.map((outcome) => outcome.detail).filter((text) => text !== ""))];
    return { actual, detail: abridge(details) };
  }
  return { actual: "error", detail: "nothing was tried" };
}

/** A list for a short reason: the first five, then how many more. */
export function abridge(items: readonly string[]): string {
  const more = items.length - 5;
  return items.slice(0, 5).join("; ") + (more > 0 ? `; and ${more} more` : "");
}
