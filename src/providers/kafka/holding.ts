import type { PlanItem } from "../../model/plan.ts";
import type { Found } from "../contract.ts";
import { type Marked, type Mark, refText } from "./mark.ts";
import type { ObservedServer } from "./observe.ts";

/** All that carries the mark of one claim or access. */
export interface Holding {
  readonly mark: Mark;
  readonly users: readonly string[];
  /** Marked topics, whether they exist or not. */
  readonly topics: readonly string[];
  readonly marks: readonly Marked[];
}

/** Everything on the server that carries an environment's mark, claims before accesses, each by its name. Pure. */
export function holdingsOf(server: Pick<ObservedServer, "marks">, environmentId: string): Holding[] {
  const own = server.marks.filter((one) => one.mark.environment.id === environmentId);
  const holdings = [...Map.groupBy(own, (one) => refText(one.mark.ref)).values()].flatMap((marks) => {
    const [first] = marks;
    if (first === undefined) return [];
    const namesOn = (on: Marked["on"]) => [...new Set(marks.filter((one) => one.on === on).map((one) => one.name))];
    return [{ mark: first.mark, users: namesOn("user"), topics: namesOn("topic").sort(), marks }];
  });
  const rank = ({ mark }: Holding) => `${mark.kind === "access" ? 1 : 0} ${refText(mark.ref)}`;
  return holdings.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** The user, or the first topic where the user is gone. */
export function mainName(holding: Holding): string {
  return holding.users[0] ?? holding.topics[0] ?? "";
}

/** A plan's item for something that is on the server. */
export function holdingItem(
  holding: Holding,
  server: string,
  action: "remove" | "retain",
  reason: string | undefined,
): PlanItem {
  const { sandbox, instance, claim } = holding.mark.ref;
  return {
    id: `kafka/${refText(holding.mark.ref)}`,
    service: "kafka",
    kind: holding.mark.kind,
    sandbox,
    instance,
    claim,
    server,
    name: mainName(holding),
    action,
    findings: [],
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The same as `list` tells it. */
export function found(holding: Holding): Found {
  const { sandbox, instance, claim } = holding.mark.ref;
  const { kind } = holding.mark;
  return { sandbox, instance, claim, kind, name: mainName(holding), inLedger: true, onServer: true };
}
