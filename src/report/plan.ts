import type { Action, PlanItem, PlanResult } from "../model/plan.ts";
import { renderFinding } from "./findings.ts";
import { countKinds } from "./kinds.ts";
import { DETAIL_INDENT, renderTree, type TreeEntry } from "./resource-tree.ts";
import { painter, type Meaning } from "./style.ts";
import type { Look } from "./terminal.ts";
import { count, wrap } from "./text.ts";
import { renderUnknown } from "./unknown.ts";

const GLYPHS: Record<Action, { readonly glyph: string; readonly meaning: Meaning }> = {
  create: { glyph: "+", meaning: "good" },
  update: { glyph: "~", meaning: "change" },
  remove: { glyph: "-", meaning: "bad" },
  refuse: { glyph: "!", meaning: "alarm" },
  retain: { glyph: "·", meaning: "faint" },
  unchanged: { glyph: "=", meaning: "faint" },
  unknown: { glyph: "?", meaning: "warning" },
};

/** How {@link renderPlan} and {@link renderApplied} show a result. */
export interface PlanView {
  /** List unchanged resources too, instead of only counting them. */
  readonly verbose?: boolean;
}

/**
 * What `g2p plan` prints: resources by sandbox and instance, each with its differences, and one closing line.
 * Ends with a line feed.
 */
export function renderPlan(plan: PlanResult, look: Look, view: PlanView = {}): string {
  const lines = renderItems(plan.items, look, view, planEntry);
  const tally = (action: Action) => plan.items.filter((item) => item.action === action).length;
  const changes = tally("create") + tally("update") + tally("remove");
  const extra = [
    ...(tally("retain") > 0 ? [`${tally("retain")} retained`] : []),
    ...(tally("refuse") > 0 ? [`${tally("refuse")} refused`] : []),
    ...(tally("unknown") > 0 ? [`${tally("unknown")} not looked at`] : []),
  ];
  const closing =
    changes === 0 && tally("refuse") === 0 && tally("unknown") === 0
      ? [nothingToDo(tally("unchanged")), ...extra].join(", ") + "."
      : "Plan: " +
        [
          `${tally("create")} to create`,
          `${tally("update")} to update`,
          `${tally("remove")} to remove`,
          `${tally("unchanged")} unchanged`,
          ...extra,
        ].join(", ");
  return [
    ...lines,
    ...closingNotes(plan.items, look),
    ...wrap(painter(look)("heading", closing), look.columns),
    "",
  ].join("\n");
}

/** What a removal would take away, and one closing line that counts each kind. Ends with a line feed. */
export function renderRemoval(plan: PlanResult, look: Look): string {
  const known = plan.items.filter((item) => item.action !== "unknown");
  const unknown = plan.items.length - known.length;
  const parts = [...countKinds(known), ...(unknown > 0 ? [`${unknown} not looked at`] : [])];
  const closing = wrap(painter(look)("heading", `To remove: ${parts.join(", ")}.`), look.columns);
  return [...renderItems(plan.items, look, {}, planEntry), ...closing, ""].join("\n");
}

/**
 * What `g2p apply` prints at its end: like the plan, with ✓ for what was done and ✗ for what failed, each failure with
 * its reason. Ends with a line feed.
 */
export function renderApplied(result: PlanResult, look: Look, view: PlanView = {}): string {
  const lines = renderItems(result.items, look, view, appliedEntry);
  const { created, updated, removed, unchanged, failed } = result.summary;
  const tally = (match: (item: PlanItem) => boolean) => result.items.filter(match).length;
  const refused = tally((item) => item.action === "refuse");
  const unknown = tally((item) => item.action === "unknown");
  const notStarted = tally((item) => item.outcome === "not started" && item.action !== "unknown");
  // The summary counts all that did not come about as failed.
  const broken = tally((item) => item.outcome === "failed" && item.action !== "refuse");
  const retained = tally((item) => item.action === "retain");
  const extra = [
    ...(retained > 0 ? [`${retained} retained`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(broken > 0 ? [`${broken} failed`] : []),
    ...(notStarted > 0 ? [`${notStarted} not started`] : []),
    ...(unknown > 0 ? [`${unknown} not looked at`] : []),
  ];
  const quiet = created + updated + removed + failed + refused + notStarted === 0;
  const closing = quiet
    ? [nothingToDo(unchanged), ...extra].join(", ") + "."
    : `${failed + notStarted > 0 ? "Applied in part" : "Applied"}: ` +
      [`${created} created`, `${updated} updated`, `${removed} removed`, `${unchanged} unchanged`, ...extra].join(", ");
  const meaning = failed + notStarted + refused > 0 ? "alarm" : "heading";
  return [
    ...lines,
    ...closingNotes(result.items, look),
    ...wrap(painter(look)(meaning, closing), look.columns),
    "",
  ].join("\n");
}

function renderItems(
  items: readonly PlanItem[],
  look: Look,
  view: PlanView,
  entry: (item: PlanItem, look: Look) => TreeEntry,
): string[] {
  const known = items.filter((item) => item.action !== "unknown");
  const shown = view.verbose ? known : known.filter((item) => item.action !== "unchanged" || item.findings.length > 0);
  const blocks = [
    renderTree(shown, (item) => entry(item, look), look),
    renderUnknown(
      items.filter((item) => item.action === "unknown"),
      look,
    ),
  ];
  return blocks.filter((lines) => lines.length > 0).flatMap((lines) => [...lines, ""]);
}

function planEntry(item: PlanItem, look: Look): TreeEntry {
  return { ...GLYPHS[item.action], details: [...findings(item, look), ...explanation(item, look)] };
}

function appliedEntry(item: PlanItem, look: Look): TreeEntry {
  switch (item.outcome) {
    case "done":
      return { glyph: "✓", meaning: "good", word: PAST[item.action], details: unrepaired(item, look) };
    case "failed":
      return { glyph: "✗", meaning: "alarm", word: "failed", details: explanation(item, look) };
    case "not started":
      return { glyph: "·", meaning: "faint", word: "not started", details: explanation(item, look) };
    default:
      return planEntry(item, look);
  }
}

const PAST: Record<Action, string> = {
  create: "created",
  update: "updated",
  remove: "removed",
  unchanged: "unchanged",
  retain: "retained",
  refuse: "refused",
  unknown: "not looked at",
};

function findings(item: PlanItem, look: Look): string[] {
  return item.findings.flatMap((finding) => renderFinding(finding, look, DETAIL_INDENT));
}

/** After an apply only what it could not repair is worth a line. */
function unrepaired(item: PlanItem, look: Look): string[] {
  return item.findings
    .filter((finding) => finding.repair !== "apply")
    .flatMap((finding) => renderFinding(finding, look, DETAIL_INDENT));
}

function explanation(item: PlanItem, look: Look): string[] {
  const paint = painter(look);
  const meaning = item.action === "retain" ? "faint" : "bad";
  return [
    ...(item.reason === undefined ? [] : wrap(paint(meaning, item.reason), look.columns, DETAIL_INDENT)),
    ...(item.hint === undefined ? [] : wrap(`${paint("command", "hint:")} ${item.hint}`, look.columns, DETAIL_INDENT)),
  ];
}

/** Differences that apply leaves as they are, counted by who must act. */
function closingNotes(items: readonly PlanItem[], look: Look): string[] {
  const all = items.flatMap((item) => item.findings);
  return (["needs superuser", "manual"] as const).flatMap((repair) => {
    const number = all.filter((finding) => finding.repair === repair).length;
    const text = `Not repaired by apply: ${count(number, "difference")} [${repair}].`;
    return number === 0 ? [] : wrap(painter(look)("warning", text), look.columns);
  });
}

function nothingToDo(unchanged: number): string {
  return unchanged === 1
    ? "Nothing to do: 1 resource is as wanted"
    : `Nothing to do: ${count(unchanged, "resource")} are as wanted`;
}
