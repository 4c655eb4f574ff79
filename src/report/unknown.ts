import type { PlanItem } from "../model/plan.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { count, wrap } from "./text.ts";

/**
 * Resources whose server could not be looked at, gathered by server: `? kafka: 12 resources not looked at: <reason>`, so that the
 * one reason that they all have is told once.
 */
export function renderUnknown(items: readonly PlanItem[], look: Look): string[] {
  const paint = painter(look);
  const groups = Map.groupBy(items, ({ server, reason, hint }) => JSON.stringify([server, reason, hint]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { server, reason = "", hint } = first;
    const what = `${paint("heading", server)}: ${count(group.length, "resource")} not looked at`;
    const why = reason === "" ? "" : `: ${paint("bad", reason)}`;
    return [
      ...wrap(`${paint("warning", "?")} ${what}${why}`, look.columns, 0, 2),
      ...(hint === undefined ? [] : wrap(`${paint("command", "hint:")} ${hint}`, look.columns, 2)),
    ];
  });
}
