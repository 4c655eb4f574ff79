import type { Cell } from "../../../model/plan.ts";
import type { HttpAnswer } from "../../http.ts";
import { reasonOf } from "../failure.ts";

/** What an attempt came to. */
export interface Outcome {
  readonly actual: Cell["actual"];
  readonly detail: string;
}

/** Who tries what on whom. */
export type Attempt = Pick<Cell, "from" | "to" | "attempt" | "expected">;

/** The cell of an attempt. An error is never ok: an attempt that could not be made proves nothing. */
export function toCell(attempt: Attempt, { actual, detail }: Outcome, how: Cell["how"] = "tried"): Cell {
  const ok = actual === attempt.expected;
  return { service: "opensearch", ...attempt, actual, ok, how, ...(detail === "" ? {} : { detail }) };
}

/**
 * Judges an answer. Rights are checked before anything else is looked at, so that something is missing (404) or in the way (400, 409) means
 * that the right was there. Of a bulk request or several searches the first part counts.
 */
export function outcomeOf(what: string, answer: HttpAnswer): Outcome {
  const status = answer.status === 200 ? partStatus(answer.json) : answer.status;
  if (status === 403) return { actual: "refused", detail: "403" };
  if ((status >= 200 && status < 300) || [400, 404, 409].includes(status))
    return { actual: "allowed", detail: `${what}: ${status}` };
  return { actual: "error", detail: `${what}: ${status} ${reasonOf(answer)}`.trim() };
}

/**
 * Judges a search over more than one's own. Servers that filter instead of refusing (`do_not_fail_on_forbidden`) answer with what is one's own
 * or with nothing, which is as good as a refusal.
 *
 * @param isOther tells whether an index is somebody else's
 */
export function outcomeOfSearch(what: string, answer: HttpAnswer, isOther: (index: string) => boolean): Outcome {
  if (answer.status !== 200) return answer.status === 404 ? nothing(what) : outcomeOf(what, answer);
  const { hits } = (answer.json ?? {}) as { hits?: { hits?: { readonly _index: string }[] } };
  const found = hits?.hits?.find((one) => isOther(one._index));
  return found === undefined ? nothing(what) : { actual: "allowed", detail: `${what}: found ${found._index}` };
}

/** One outcome for several tries of the same thing: what counts most is the contrary of what is expected, then an error. */
export function combine(expected: Cell["expected"], outcomes: readonly Outcome[]): Outcome {
  const contrary = expected === "allowed" ? "refused" : "allowed";
  for (const actual of [contrary, "error", expected] as const) {
    const deciding = outcomes.filter((one) => one.actual === actual);
    if (deciding.length > 0)
      return { actual, detail: actual === "allowed" && expected === "allowed" ? "" : joined(deciding) };
  }
  return { actual: "error", detail: "nothing was tried" };
}

function nothing(what: string): Outcome {
  return { actual: "refused", detail: `${what}: nothing of others found` };
}

function joined(outcomes: readonly Outcome[]): string {
  return [...new Set(outcomes.map((one) => one.detail).filter((text) => text !== ""))].slice(0, 5).join("; ");
}

function partStatus(json: unknown): number {
  const { items, responses } = (json ?? {}) as {
    items?: Record<string, { readonly status: number }>[];
    responses?: { readonly status: number }[];
  };
  return Object.values(items?.[0] ?? {})[0]?.status ?? responses?.[0]?.status ?? 200;
}
