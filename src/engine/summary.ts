import type { PlanItem, PlanResult, Summary } from "../model/plan.ts";

/** Counts items: what would happen for a plan, what happened for an apply. Refused items count as failed. */
export function summarise(items: readonly PlanItem[]): Summary {
  const counts = { created: 0, updated: 0, unchanged: 0, removed: 0, failed: 0 };
  for (const item of items) {
    if (
      item.action === "refuse" ||
      item.action === "unknown" ||
      item.outcome === "failed" ||
      item.outcome === "not started"
    )
      counts.failed += 1;
    else if (item.action === "create") counts.created += 1;
    else if (item.action === "update") counts.updated += 1;
    else if (item.action === "remove") counts.removed += 1;
    else counts.unchanged += 1;
  }
  return counts;
}

/** Items with their counts. */
export function planResult(items: readonly PlanItem[]): PlanResult {
  return { summary: summarise(items), items };
}

/** Would carrying this out change anything, or is anything refused? */
export function hasChanges(result: PlanResult): boolean {
  const { created, updated, removed, failed } = result.summary;
  return created + updated + removed + failed > 0;
}

/** A number of resources in words. */
export function resources(number: number): string {
  return `${number} resource${number === 1 ? "" : "s"}`;
}

/** The counts as words, zeros left out. */
export function summaryText(summary: Summary): string {
  const parts = (["created", "updated", "removed", "failed", "unchanged"] as const).filter((word) => summary[word] > 0);
  return parts.length === 0 ? "nothing to do" : parts.map((word) => `${summary[word]} ${word}`).join(", ");
}
