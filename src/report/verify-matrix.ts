import type { Cell, VerifyResult } from "../model/plan.ts";
import { SERVICES, type Service } from "../model/service.ts";
import { painter, type Paint } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count, number, wrap } from "./text.ts";
import { combineOutcomes, OUTCOMES, outcomeOf, type Outcome } from "./verify-cells.ts";
import { renderGrid } from "./verify-grid.ts";
import { outcomeCounts, renderAttemptCounts, renderExceptions, renderWrong } from "./verify-lists.ts";

/** Up to this many logins the matrix has a row and a column for each; above, for each sandbox. */
const LOGINS_IN_FULL = 30;

/** The attempt that makes a target a column of the matrix, where a service has it. */
const CONNECT = "connect";

/** How {@link renderVerify} shows a result. */
export interface VerifyView {
  /** One line a service, and nothing else but what is wrong, as at the end of `g2p up`. */
  readonly brief?: boolean;
}

/** The attempts on one service. */
interface Part {
  readonly service: Service;
  readonly cells: readonly Cell[];
  /** Those between logins and claims, which its matrix shows. */
  readonly reach: readonly Cell[];
  readonly others: readonly Cell[];
}

/**
 * What `g2p verify` prints: service by service who can reach what as a matrix, all other attempts counted by kind, every wrong
 * attempt and every accepted exception in full, and one closing line. Ends with a line feed.
 */
export function renderVerify(result: VerifyResult, look: Look, { brief = false }: VerifyView = {}): string {
  const paint = painter(look);
  const parts = partsOf(result.cells);
  const many = parts.length > 1;
  const others = parts.flatMap((part) => part.others);
  const used = new Set<Outcome>();
  const blocks = [
    ...(brief ? [briefLines(parts, look)] : parts.map((part) => matrix(part, look, used))),
    legend(used, look),
    brief || others.length === 0 ? [] : renderAttemptCounts(others, look, many),
    renderWrong(result.cells, look, many),
    brief ? [] : renderExceptions(result.cells, look, many),
    wrap(closing(result, paint), look.columns),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

function partsOf(all: readonly Cell[]): Part[] {
  return SERVICES.flatMap((service) => {
    const cells = all.filter((cell) => cell.service === service);
    const doors = new Set(cells.filter((cell) => cell.attempt === CONNECT).map((cell) => cell.to));
    const inReach = ({ from, to }: Cell) => from.includes("/") && (doors.size > 0 ? doors.has(to) : to.includes("/"));
    const { reach = [], others = [] } = Object.groupBy(cells, (cell) => (inReach(cell) ? "reach" : "others"));
    return cells.length === 0 ? [] : { service, cells, reach, others };
  });
}

/** `✓ kafka  96 attempts: 12 allowed, 84 refused` for each service. */
function briefLines(parts: readonly Part[], look: Look): string[] {
  const paint = painter(look);
  const rows = parts.map(({ service, cells }) => {
    const broken = cells.some((cell) => outcomeOf(cell) === "wrong");
    const { glyph, meaning } = OUTCOMES[broken ? "wrong" : "allowed"];
    return [`${paint(meaning, glyph)} ${service}`, `${count(cells.length, "attempt")}: ${outcomeCounts(cells, look)}`];
  });
  return [paint("heading", "Isolation"), ...alignColumns(rows).flatMap((line) => wrap(line, look.columns, 2, 4))];
}

function matrix({ service, reach }: Part, look: Look, used: Set<Outcome>): string[] {
  if (reach.length === 0) return [];
  const logins = new Set(reach.map((cell) => cell.from)).size;
  return [
    painter(look)("heading", `Who reaches what on ${service}`),
    ...(logins > LOGINS_IN_FULL ? sandboxMatrix(reach, look) : loginMatrix(reach, look, used)),
    ...wrap(`${count(reach.length, "attempt")}: ${outcomeCounts(reach, look)}`, look.columns, 2, 2),
  ];
}

/** One row for each login, one numbered column for each target. */
function loginMatrix(cells: readonly Cell[], look: Look, used: Set<Outcome>): string[] {
  const paint = painter(look);
  return renderGrid(
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
}

/** What a place of the matrix shows: whether the login gets in, unless something there is wrong. */
function inMatrix(cells: readonly Cell[]): Outcome {
  if (cells.some((cell) => outcomeOf(cell) === "wrong")) return "wrong";
  const doors = cells.filter((cell) => cell.attempt === CONNECT);
  const outcome = combineOutcomes(doors.length === 0 ? cells : doors);
  if (outcome === "allowed" && doors.some((cell) => cell.from !== cell.to)) return "reads";
  // Its own claim is in its reach, whatever it may not do to it, such as deleting its bucket.
  return outcome === "partly" && cells.every(isOwn) ? "allowed" : outcome;
}

/** Does a login try its own claim? */
function isOwn({ from, to }: Cell): boolean {
  return to === from || to.startsWith(`${from}/`);
}

/** Like {@link loginMatrix} with sandboxes in place of logins and numbers of attempts in place of glyphs. */
function sandboxMatrix(cells: readonly Cell[], look: Look): string[] {
  const paint = painter(look);
  const sandbox = (place: string) => (place.includes("/") ? `${place.slice(0, place.indexOf("/"))}/…` : place);
  const lines = renderGrid(
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

function legend(used: ReadonlySet<Outcome>, look: Look): string[] {
  const paint = painter(look);
  const entries = Object.entries(OUTCOMES).filter(([outcome]) => used.has(outcome as Outcome));
  return entries.flatMap(([, { glyph, meaning, legend: text }]) =>
    wrap(`${paint(meaning, glyph)} ${paint("faint", text)}`, look.columns, 2, 2),
  );
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
  const wrong = result.cells.filter((cell) => outcomeOf(cell) === "wrong");
  if (wrong.length === 0) return paint("alarm", "Isolation is not proven: nothing was tried.");
  // An attempt that ended in an error tells nothing of what its login may do.
  const [verdict, ended] = wrong.every((cell) => cell.actual === "error")
    ? ["not proven", "in an error"]
    : ["broken", "otherwise than expected"];
  return paint("alarm", `Isolation is ${verdict}: ${number(wrong.length)} of ${attempts} ended ${ended}${behind}.`);
}
