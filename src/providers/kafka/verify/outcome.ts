import type { Cell } from "../../../model/plan.ts";
import { protocolCode, toFailure } from "../failure.ts";

/** What an attempt came to. */
export interface Outcome {
  readonly actual: Cell["actual"];
  readonly detail: string;
}

/** Who tries what on whom. */
export type Attempt = Pick<Cell, "from" | "to" | "attempt">;

/** Names of the codes by which Kafka refuses for want of a right (Kafka protocol guide, "Error Codes"). */
const REFUSALS: Readonly<Record<number, string>> = {
  29: "TOPIC_AUTHORIZATION_FAILED",
  30: "GROUP_AUTHORIZATION_FAILED",
  31: "CLUSTER_AUTHORIZATION_FAILED",
  53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
};

/** The cell of one attempt. An error is never ok: an attempt that could not be made proves nothing. */
export function toCell(attempt: Attempt, expected: Cell["expected"], { actual, detail }: Outcome): Cell {
  return {
    service: "kafka",
    ...attempt,
    expected,
    actual,
    ok: actual === expected,
    how: "tried",
    ...(detail === "" ? {} : { detail }),
  };
}

/**
 * Judges the code of an answer.
 *
 * @param passed codes that Kafka only reaches after it has checked the right: seeing one means that the right is there
 */
export function outcomeOfCode(code: number, passed: readonly number[]): Outcome {
  const refusal = REFUSALS[code];
  if (refusal !== undefined) return { actual: "refused", detail: refusal };
  if (code === 0) return { actual: "allowed", detail: "" };
  if (passed.includes(code))
    return { actual: "allowed", detail: `the right is there: the server got as far as error ${code}` };
  return { actual: "error", detail: `Kafka error ${code}` };
}

/** Judges what a request threw. */
export function outcomeOfError(error: unknown, passed: readonly number[] = []): Outcome {
  const code = protocolCode(error);
  if (code !== undefined) return outcomeOfCode(code, passed);
  return { actual: "error", detail: toFailure(error, "the attempt").message };
}

/** One outcome for several tries of the same thing: first the contrary of what is expected, then errors. */
export function combine(expected: Cell["expected"], outcomes: readonly Outcome[]): Outcome {
  const contrary = expected === "allowed" ? "refused" : "allowed";
  for (const actual of [contrary, "error", expected] as const) {
    const deciding = outcomes.find((one) => one.actual === actual);
    if (deciding !== undefined) return deciding;
  }
  return { actual: "error", detail: "nothing was tried" };
}
