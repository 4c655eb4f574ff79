import type { PlanItem } from "../../model/plan.ts";
import { withoutAccepted } from "../accept.ts";
import type { Change, Policy } from "../contract.ts";
import { principalOf } from "./acl.ts";
import type { Desired, DesiredUser } from "./desired.ts";
import { diffTopics } from "./diff-topic.ts";
import { diffStrangers, diffUser } from "./diff-user.ts";
import type { Drift } from "./drift.ts";
import { type Holding, holdingItem, holdingsOf } from "./holding.ts";
import { judge } from "./judge.ts";
import { isSameOwner } from "./mark.ts";
import type { Observed } from "./observe.ts";

/** A plan's item with what carries it out. */
export interface KafkaChange extends Change {
  /** Absent for what is on the server and no longer wanted. */
  readonly wanted?: DesiredUser;
  readonly drifts: readonly Drift[];
  /** What is to go, for action `remove`. */
  readonly holding?: Holding;
}

/** Compares what is wanted with what was observed: claims, accesses, then what is no longer wanted. Pure. */
export function diff(
  desired: Desired,
  observed: Observed,
  policy: Policy,
  { server, admin }: { readonly server: string; readonly admin: string },
): KafkaChange[] {
  const known = new Set([
    ...desired.users.map((one) => principalOf(one.user)),
    ...holdingsOf(observed, desired.environment.id).flatMap((one) => one.users.map(principalOf)),
  ]);
  return [
    ...desired.users.map((wanted) => diffOne(wanted, observed, policy, known, { server, admin })),
    ...leftovers(desired, observed, server),
  ];
}

function diffOne(
  wanted: DesiredUser,
  observed: Observed,
  policy: Policy,
  known: ReadonlySet<string>,
  { server, admin }: { readonly server: string; readonly admin: string },
): KafkaChange {
  const base = itemOf(wanted, server);
  const verdict = judge(wanted, observed);
  const named = (list: readonly string[]) => list.includes(wanted.id) || list.includes(wanted.user);
  const adopted = verdict.verdict === "foreign" && (named(policy.adopt) || policy.adopt.includes("all"));
  const recreated = verdict.verdict === "lost" && named(policy.recreate);
  if ("reason" in verdict && !adopted && !recreated)
    return {
      item: { ...base, action: "refuse", findings: [], reason: verdict.reason, hint: verdict.hint },
      wanted,
      drifts: [],
    };
  const drifts = withoutAccepted(
    [
      ...diffUser(wanted, observed, adopted),
      ...diffTopics(wanted, observed),
      ...diffStrangers(wanted, observed, known, admin),
    ],
    wanted.accept,
  );
  const findings = drifts.map(({ fix: _, ...finding }) => finding);
  const action = verdict.verdict === "absent" ? "create" : drifts.length === 0 ? "unchanged" : "update";
  return { item: { ...base, action, findings: action === "create" ? [] : findings }, wanted, drifts };
}

function itemOf(wanted: DesiredUser, server: string): Omit<PlanItem, "action" | "findings"> {
  const { sandbox, instance, claim } = wanted.ref;
  return { id: wanted.id, service: "kafka", kind: wanted.kind, sandbox, instance, claim, server, name: wanted.user };
}

/** What carries this environment's mark and is not wanted: accesses go, claims stay until they are removed by name. */
function leftovers(desired: Desired, observed: Observed, server: string): KafkaChange[] {
  return holdingsOf(observed, desired.environment.id)
    .filter((holding) => !desired.users.some((one) => isSameOwner(one.mark, holding.mark)))
    .map((holding) => {
      const { sandbox, instance } = holding.mark.ref;
      const action = holding.mark.kind === "access" ? "remove" : "retain";
      const reason =
        action === "remove"
          ? "the environment file no longer names it"
          : `the environment file no longer names it; kept until g2p remove ${sandbox}/${instance}`;
      return { item: holdingItem(holding, server, action, reason), drifts: [], holding };
    });
}
