import type { PlanItem } from "../../model/plan.ts";
import { withoutAccepted } from "../accept.ts";
import type { Change, Policy } from "../contract.ts";
import type { Desired } from "./desired.ts";
import { type Drift, driftsOf, type Part } from "./findings.ts";
import { judge, mayAdopt } from "./judge.ts";
import { claimOf, type Mark } from "./mark.ts";
import { markedOf, type Observed } from "./observe.ts";

/** A plan's item with what it takes to carry it out. */
export interface OpensearchChange extends Change {
  readonly wanted?: Desired;
  readonly drifts: readonly Drift[];
  /** Aspects that differ and are accepted: they are left as they are. */
  readonly accepted: ReadonlySet<string>;
  /** Of what is no longer wanted. */
  readonly mark?: Mark;
}

/** Compares everything wanted on a server with what was observed there. Pure. */
export function diff(
  desired: readonly Desired[],
  environmentId: string,
  observed: Observed,
  policy: Policy,
  server: string,
): OpensearchChange[] {
  const refused = new Set<string>();
  const wanted = desired.map((one) => {
    const change = diffOne(one, observed, policy, server, refused);
    if (change.item.action === "refuse") refused.add(one.id);
    return change;
  });
  const names = new Set(desired.map(claimOf));
  const left = [...ownClaims(observed, environmentId).values()].filter((mark) => !names.has(claimOf(mark)));
  return [...wanted, ...left.map((mark) => leftover(mark, server, observed))];
}

/** One mark for each claim and access of an environment that has anything on the server, in a stable order. */
export function ownClaims(observed: Parameters<typeof markedOf>[0], environmentId: string): ReadonlyMap<string, Mark> {
  const own = markedOf(observed).filter(({ mark }) => mark.environment.id === environmentId);
  const sorted = own.toSorted((a, b) => claimOf(a.mark).localeCompare(claimOf(b.mark), "en"));
  // The role goes last of all, so it knows best what it stands for.
  return new Map(
    sorted
      .toReversed()
      .map(({ mark }) => [claimOf(mark), mark] as const)
      .toReversed(),
  );
}

/** The item of a claim or access. */
export function itemOf(
  mark: Pick<Mark, "sandbox" | "instance" | "claim" | "kind">,
  user: string,
  server: string,
): Omit<PlanItem, "action"> {
  const { sandbox, instance, claim, kind } = mark;
  const id = `opensearch/${claimOf(mark)}`;
  return { id, service: "opensearch", kind, sandbox, instance, claim, server, name: user, findings: [] };
}

function diffOne(
  wanted: Desired,
  observed: Observed,
  policy: Policy,
  server: string,
  refused: ReadonlySet<string>,
): OpensearchChange {
  const base = itemOf(wanted, wanted.user, server);
  const refuse = (reason: string, hint: string): OpensearchChange => {
    return { item: { ...base, action: "refuse", reason, hint }, wanted, drifts: [], accepted: new Set() };
  };
  const verdict = judge(wanted, observed);
  const adopted = verdict.verdict === "foreign" && mayAdopt(wanted, policy);
  if ("reason" in verdict && !adopted) return refuse(verdict.reason, verdict.hint);
  if (wanted.target !== undefined && refused.has(wanted.target))
    return refuse(`it uses ${wanted.target}, which is refused`, "Solve that first.");
  const found = driftsOf(wanted, observed);
  const taken: Part = { kind: "user" };
  const drifts = withoutAccepted(
    adopted && !found.some((one) => one.part?.kind === "user")
      ? [...found, { aspect: "password", expected: "the stored one", actual: "unknown", repair: "apply", part: taken }]
      : found,
    wanted.accept,
  );
  const create = verdict.verdict === "absent";
  const accepted = new Set(found.filter((one) => !drifts.includes(one)).map((one) => one.aspect));
  const action = create ? "create" : drifts.length > 0 ? "update" : "unchanged";
  // What is made anew differs in everything; only what cannot be made is worth a line.
  const findings = drifts.filter((one) => !create || one.repair !== "apply").map(({ part: _, ...finding }) => finding);
  return { item: { ...base, action, findings }, wanted, drifts, accepted };
}

function leftover(mark: Mark, server: string, observed: Observed): OpensearchChange {
  const own = markedOf(observed).find((one) => one.kind === "role" && claimOf(one.mark) === claimOf(mark));
  const base = itemOf(mark, own?.name ?? claimOf(mark), server);
  if (mark.kind === "access") return { item: { ...base, action: "remove" }, mark, drifts: [], accepted: new Set() };
  const reason = "g2p.yaml no longer names it; its user and indices are kept until `g2p remove`";
  return { item: { ...base, action: "retain", reason }, mark, drifts: [], accepted: new Set() };
}
