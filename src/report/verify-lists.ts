import type { Cell } from "../model/plan.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, number, wrap } from "./text.ts";
import { combineOutcomes, OUTCOMES, outcomeOf, type Outcome } from "./verify-cells.ts";

/** Attempts that no matrix shows, counted by what was tried; by service, too, where cells are of several. */
export function renderAttemptCounts(cells: readonly Cell[], look: Look, manyServices: boolean): string[] {
  const paint = painter(look);
  const groups = Map.groupBy(cells, (cell) => `${cell.service}\n${withoutPlaces(cell.attempt)}`);
  const rows = [...groups.values()].map((group) => {
    const worst = combineOutcomes(group);
    const [first] = group;
    const attempt = `${paint(OUTCOMES[worst].meaning, worst === "wrong" ? "✗" : "✓")} ${withoutPlaces(first?.attempt ?? "")}`;
    return [
      `  ${attempt}`,
      ...(manyServices ? [paint("faint", first?.service ?? "")] : []),
      outcomeCounts(group, look),
    ];
  });
  return [
    paint("heading", "Other attempts, from every login's own connection"),
    ...alignColumns(rows).flatMap((row) => wrap(row.slice(2), look.columns, 2, 4)),
  ];
}

/** `12 allowed, 78 refused`, each outcome coloured. */
export function outcomeCounts(cells: readonly Cell[], look: Look): string {
  const paint = painter(look);
  const byOutcome = Map.groupBy(cells, outcomeOf);
  return (Object.keys(OUTCOMES) as Outcome[])
    .filter((outcome) => byOutcome.has(outcome))
    .map((outcome) =>
      paint(OUTCOMES[outcome].meaning, `${number(byOutcome.get(outcome)?.length ?? 0)} ${COUNTED[outcome]}`),
    )
    .join(", ");
}

const COUNTED: Record<Outcome, string> = {
  allowed: "allowed",
  partly: "partly allowed",
  refused: "refused",
  asked: "asked only",
  exception: "accepted",
  reads: "read",
  wrong: "wrong",
};

/** The attempt without the instances that it names, so that like attempts count together. */
function withoutPlaces(attempt: string): string {
  return attempt
    .split(" ")
    .filter((word) => !word.includes("/"))
    .join(" ");
}

/** Every attempt that ended otherwise than it should, in full. */
export function renderWrong(cells: readonly Cell[], look: Look, manyServices: boolean): string[] {
  const paint = painter(look);
  const { glyph, meaning } = OUTCOMES.wrong;
  const lines = cells
    .filter((cell) => outcomeOf(cell) === "wrong")
    .flatMap((cell) => {
      const ended = `expected ${cell.expected}, was ${cell.actual === "error" ? "an error" : cell.actual}`;
      const asked = cell.how === "asked" ? ", asked, not tried" : "";
      const detail = cell.detail === undefined ? "" : ` (${cell.detail})`;
      const on = manyServices ? `${cell.service}: ` : "";
      const text = `${paint(meaning, glyph)} ${on}${cell.from}: ${cell.attempt} on ${cell.to}: ${ended}${asked}${detail}`;
      return wrap(text, look.columns, 2, 2);
    });
  return lines.length === 0 ? [] : [paint(meaning, "Wrong"), ...lines];
}

/** Most logins named beside an accepted exception; the rest is counted. */
const NAMED = 3;

/** What is allowed although isolation would refuse it: each kind once, with its reason and who has it. */
export function renderExceptions(cells: readonly Cell[], look: Look, manyServices: boolean): string[] {
  const paint = painter(look);
  const { glyph, meaning } = OUTCOMES.exception;
  const accepted = cells.filter((cell) => outcomeOf(cell) === "exception");
  const kind = (cell: Cell) =>
    `${manyServices ? `${cell.service}: ` : ""}${withoutPlaces(cell.attempt)}${cell.to.includes("/") ? "" : ` on ${cell.to}`}`;
  const lines = [...Map.groupBy(accepted, kind)].flatMap(([attempt, group]) => {
    const who = [...new Set(group.map((cell) => cell.from))];
    const more = who.length > NAMED ? ` and ${who.length - NAMED} more` : "";
    const detail = group[0]?.detail === undefined ? "" : `: ${group[0].detail}`;
    const named = paint("faint", `(${who.slice(0, NAMED).join(", ")}${more})`);
    return wrap(`${paint(meaning, glyph)} ${attempt}${detail} ${named}`, look.columns, 2, 2);
  });
  return lines.length === 0 ? [] : [paint(meaning, "Accepted exceptions"), ...lines];
}
