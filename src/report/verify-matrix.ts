import stringWidth from "fast-string-width";
import type { Cell, VerifyResult } from "../model/plan.ts";
import { painter, type Paint } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count, number, pad, wrap } from "./text.ts";
import { combineOutcomes, OUTCOMES, outcomeOf, type Outcome } from "./verify-cells.ts";

/** Up to this many logins the matrix has a row and a column for each; above, for each sandbox. */
const LOGINS_IN_FULL = 30;

/** The attempt that makes a target a column of the matrix. */
const CONNECT = "connect";

/** How {@link renderVerify} shows a result. */
export interface VerifyView {
  /** Leave out the counts of other attempts and the reasons of accepted exceptions, as at the end of `g2p up`. */
  readonly brief?: boolean;
}

/**
 * What `g2p verify` prints: who can reach what as a matrix, all other attempts counted by kind, every wrong attempt and
 * every accepted exception in full, and one closing line. Ends with a line feed.
 */
export function renderVerify(result: VerifyResult, look: Look, { brief = false }: VerifyView = {}): string {
  const paint = painter(look);
  const targets = new Set(result.cells.filter((cell) => cell.attempt === CONNECT).map((cell) => cell.to));
  const reach = result.cells.filter((cell) => targets.has(cell.to));
  const others = result.cells.filter((cell) => !targets.has(cell.to));
  const logins = new Set(reach.map((cell) => cell.from)).size;
  const blocks = [
    reach.length === 0 ? [] : logins > LOGINS_IN_FULL ? sandboxMatrix(reach, look) : loginMatrix(reach, look),
    others.length === 0 || brief ? [] : attemptCounts(others, paint),
    wrongCells(result.cells, look),
    brief ? [] : exceptions(result.cells, look),
    wrap(closing(result, paint), look.columns),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

/** One row for each login, one numbered column for each target, split where the terminal is too narrow. */
function loginMatrix(cells: readonly Cell[], look: Look): string[] {
  const paint = painter(look);
  const used = new Set<Outcome>();
  const lines = grid(
    cells,
    (cell) => cell.from,
    (cell) => cell.to,
    look,
    (inPlace) => {
      const outcome = inMatrix(inPlace);
      used.add(outcome);
      return paint(OUTCOMES[outcome].meaning, OUTCOMES[outcome].glyph);
    },
  );
  return [...lines, ...legend(used, look)];
}

/** What a place of the matrix shows: whether the login gets in, unless something there is wrong. */
function inMatrix(cells: readonly Cell[]): Outcome {
  if (cells.some((cell) => outcomeOf(cell) === "wrong")) return "wrong";
  const doors = cells.filter((cell) => cell.attempt === CONNECT);
  const outcome = combineOutcomes(doors.length === 0 ? cells : doors);
  return outcome === "allowed" && doors.some((cell) => cell.from !== cell.to) ? "reads" : outcome;
}

/** Like {@link loginMatrix} with sandboxes in place of logins and numbers of attempts in place of glyphs. */
function sandboxMatrix(cells: readonly Cell[], look: Look): string[] {
  const paint = painter(look);
  const sandbox = (place: string) => (place.includes("/") ? `${place.slice(0, place.indexOf("/"))}/…` : place);
  const lines = grid(
    cells,
    (cell) => sandbox(cell.from),
    (cell) => sandbox(cell.to),
    look,
    (inPlace) => {
      const wrong = inPlace.filter((cell) => outcomeOf(cell) === "wrong").length;
      const all = number(inPlace.length);
      if (wrong > 0) return paint("alarm", `✗${wrong}/${all}`);
      return inPlace.some((cell) => outcomeOf(cell) === "exception") ? paint("warning", `${all}!`) : paint("good", all);
    },
  );
  return [
    ...lines,
    "",
    ...wrap(paint("faint", "number of attempts; ✗ of these wrong; ! accepted exceptions among them"), look.columns, 2),
  ];
}

function grid(
  cells: readonly Cell[],
  rowOf: (cell: Cell) => string,
  columnOf: (cell: Cell) => string,
  look: Look,
  draw: (cells: readonly Cell[]) => string,
): string[] {
  const paint = painter(look);
  const rows = Map.groupBy(cells, rowOf);
  const columns = [...new Set(cells.map(columnOf))].sort(placesFirst);
  const labelWidth = Math.max(...[...rows.keys()].map((row) => stringWidth(row)));
  const drawn = [...rows]
    .sort(([a], [b]) => placesFirst(a, b))
    .map(([row, inRow]) => {
      const byColumn = Map.groupBy(inRow, columnOf);
      return { row, texts: columns.map((column) => (byColumn.has(column) ? draw(byColumn.get(column) ?? []) : "")) };
    });
  const cellWidth = Math.max(
    String(columns.length).length,
    ...drawn.flatMap(({ texts }) => texts.map((text) => stringWidth(text))),
  );
  const perBlock = Math.max(1, Math.floor((look.columns - labelWidth - 2) / (cellWidth + 1)));
  const lines: string[] = [];
  for (let from = 0; from < columns.length; from += perBlock) {
    const part = columns.slice(from, from + perBlock);
    const place = (text: string) => ` ${" ".repeat(Math.max(0, cellWidth - stringWidth(text)))}${text}`;
    if (from > 0) lines.push("");
    lines.push(
      paint("heading", pad("", labelWidth + 1) + part.map((_, index) => place(String(from + index + 1))).join("")),
    );
    for (const { row, texts } of drawn) {
      lines.push(
        `${pad(row, labelWidth)} ${texts
          .slice(from, from + perBlock)
          .map(place)
          .join("")}`.trimEnd(),
      );
    }
  }
  return [
    paint("heading", "Who reaches what"),
    ...lines,
    "",
    ...flow(
      columns.map((name, index) => `${index + 1} ${name}`),
      look,
    ),
  ];
}

/** Short texts side by side in as many columns as fit, filled downwards. */
function flow(texts: readonly string[], look: Look): string[] {
  const width = Math.max(...texts.map((text) => stringWidth(text))) + 3;
  const across = Math.max(1, Math.min(4, Math.floor((look.columns - 2) / width)));
  const down = Math.ceil(texts.length / across);
  return Array.from({ length: down }, (_, line) =>
    `  ${texts
      .filter((_text, index) => index % down === line)
      .map((text) => pad(text, width))
      .join("")}`.trimEnd(),
  );
}

function legend(used: ReadonlySet<Outcome>, look: Look): string[] {
  const paint = painter(look);
  const entries = Object.entries(OUTCOMES).filter(([outcome]) => used.has(outcome as Outcome));
  return [
    "",
    ...entries.map(([, { glyph, meaning, legend: text }]) => `  ${paint(meaning, glyph)} ${paint("faint", text)}`),
  ];
}

function attemptCounts(cells: readonly Cell[], paint: Paint): string[] {
  const rows = [...Map.groupBy(cells, (cell) => withoutPlaces(cell.attempt))].map(([attempt, group]) => {
    const byOutcome = Map.groupBy(group, outcomeOf);
    const counts = (Object.keys(OUTCOMES) as Outcome[])
      .filter((outcome) => byOutcome.has(outcome))
      .map((outcome) => paint(OUTCOMES[outcome].meaning, `${byOutcome.get(outcome)?.length ?? 0} ${COUNTED[outcome]}`));
    const worst = combineOutcomes(group);
    return [`  ${paint(OUTCOMES[worst].meaning, worst === "wrong" ? "✗" : "✓")} ${attempt}`, counts.join(", ")];
  });
  return [paint("heading", "Other attempts, from every login's own connection"), ...alignColumns(rows)];
}

/** The attempt without the instances that it names, so that like attempts count together. */
function withoutPlaces(attempt: string): string {
  return attempt
    .split(" ")
    .filter((word) => !word.includes("/"))
    .join(" ");
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

function wrongCells(cells: readonly Cell[], look: Look): string[] {
  const paint = painter(look);
  const { glyph, meaning } = OUTCOMES.wrong;
  const lines = cells
    .filter((cell) => outcomeOf(cell) === "wrong")
    .flatMap((cell) => {
      const ended = `expected ${cell.expected}, was ${cell.actual === "error" ? "an error" : cell.actual}`;
      const asked = cell.how === "asked" ? ", asked, not tried" : "";
      const detail = cell.detail === undefined ? "" : ` (${cell.detail})`;
      const text = `${paint(meaning, glyph)} ${cell.from}: ${cell.attempt} on ${cell.to}: ${ended}${asked}${detail}`;
      return wrap(text, look.columns, 2, 2);
    });
  return lines.length === 0 ? [] : [paint(meaning, "Wrong"), ...lines];
}

/** Most logins named beside an accepted exception; the rest is counted. */
const NAMED = 3;

/** What is allowed although isolation would refuse it: each kind once, with its reason and who has it. */
function exceptions(cells: readonly Cell[], look: Look): string[] {
  const paint = painter(look);
  const { glyph, meaning } = OUTCOMES.exception;
  const accepted = cells.filter((cell) => outcomeOf(cell) === "exception");
  const kind = (cell: Cell) => `${withoutPlaces(cell.attempt)}${cell.to.includes("/") ? "" : ` on ${cell.to}`}`;
  const lines = [...Map.groupBy(accepted, kind)].flatMap(([attempt, group]) => {
    const who = [...new Set(group.map((cell) => cell.from))];
    const more = who.length > NAMED ? ` and ${who.length - NAMED} more` : "";
    const detail = group[0]?.detail === undefined ? "" : `: ${group[0].detail}`;
    const named = paint("faint", `(${who.slice(0, NAMED).join(", ")}${more})`);
    return wrap(`${paint(meaning, glyph)} ${attempt}${detail} ${named}`, look.columns, 2, 2);
  });
  return lines.length === 0 ? [] : [paint(meaning, "Accepted exceptions"), ...lines];
}

function closing(result: VerifyResult, paint: Paint): string {
  const tally = (outcome: Outcome) => result.cells.filter((cell) => outcomeOf(cell) === outcome).length;
  const exceptions = tally("exception");
  const asked = result.cells.filter((cell) => cell.how === "asked").length;
  const remarks = [
    ...(exceptions > 0 ? [count(exceptions, "accepted exception")] : []),
    ...(asked > 0 ? [`${number(asked)} only asked`] : []),
  ];
  const behind = remarks.length === 0 ? "" : ` (${remarks.join(", ")})`;
  const attempts = count(result.cells.length, "attempt");
  if (result.ok) return paint("good", `Isolation holds: ${attempts}, all as expected${behind}.`);
  return paint(
    "alarm",
    `Isolation is broken: ${number(tally("wrong"))} of ${attempts} ended otherwise than expected${behind}.`,
  );
}

const BY_NUMBER = new Intl.Collator("en", { numeric: true });

/** Sandboxes' own places before `postgres`, `template1` and the like; each by name. */
function placesFirst(a: string, b: string): number {
  return Number(!a.includes("/")) - Number(!b.includes("/")) || BY_NUMBER.compare(a, b);
}
