import type { Finding, PlanItem } from "../../model/plan.ts";
import { withoutAccepted } from "../accept.ts";
import type { Change, Policy } from "../contract.ts";
import type { Desired, DesiredApplication } from "./desired.ts";
import { judge } from "./judge.ts";
import { refText } from "./mark.ts";
import { NO_KEYS, type Observed } from "./observe.ts";

/** What is to be done for one application. */
export interface KeymanagerChange extends Change {
  /** Absent for what is only retained. */
  readonly wanted: DesiredApplication | undefined;
  /** Its keys are lost, and new ones may be made. */
  readonly recreate: boolean;
}

/** Compares what is wanted with what was observed. Pure. */
export function diff(desired: Desired, observed: Observed, policy: Policy, server: string): KeymanagerChange[] {
  const wanted = desired.applications.map((one) => compare(one, desired, observed, policy, server));
  const names = new Set(desired.applications.map((one) => one.applicationId));
  const kept = ownPolicies(desired, observed).filter(({ applicationId }) => !names.has(applicationId));
  return [
    ...wanted,
    ...kept.map(({ applicationId, claim }) => ({
      item: {
        ...itemOf(claim, applicationId, server),
        action: "retain" as const,
        findings: [],
        reason: "it is no longer in g2p.yaml; its keys are kept until g2p remove --delete-data",
      },
      wanted: undefined,
      recreate: false,
    })),
  ];
}

/** Application ids that carry this environment's mark, with their claims. */
export function ownPolicies(desired: Pick<Desired, "environment">, observed: Observed) {
  return [...observed.policies.values()].flatMap(({ applicationId, mark }) =>
    mark?.environment === desired.environment.id ? [{ applicationId, claim: mark.claim }] : [],
  );
}

/** The parts of an item that say what it is about. */
export function itemOf(
  ref: { readonly sandbox: string; readonly instance: string; readonly claim: string },
  applicationId: string,
  server: string,
) {
  const { sandbox, instance, claim } = ref;
  const id = `keymanager/${refText(ref)}`;
  const kind = "key-application" as const;
  return { id, service: "keymanager" as const, kind, sandbox, instance, claim, server, name: applicationId };
}

function compare(
  wanted: DesiredApplication,
  desired: Desired,
  observed: Observed,
  policy: Policy,
  server: string,
): KeymanagerChange {
  const base = itemOf(wanted, wanted.applicationId, server);
  const verdict = judge(wanted, desired, observed, policy);
  const change = (item: Pick<PlanItem, "action" | "findings" | "reason" | "hint">, recreate = false) => ({
    item: { ...base, ...item },
    wanted,
    recreate,
  });
  if ("reason" in verdict)
    return change({ action: "refuse", findings: [], reason: verdict.reason, hint: verdict.hint });
  if (verdict.verdict === "recreate") return change({ action: "create", findings: [] }, true);
  const known = observed.policies.get(wanted.applicationId);
  const hasKeys = (observed.keys.get(wanted.applicationId)?.masters ?? 0) > 0;
  if (verdict.verdict === "absent" || (known !== undefined && !known.complete && !hasKeys))
    return change({ action: "create", findings: [] });
  const findings = withoutAccepted(differences(wanted, observed), wanted.accept);
  return change({ action: findings.length === 0 ? "unchanged" : "update", findings });
}

/** Every aspect in which an application that is ours differs. */
export function differences(wanted: DesiredApplication, observed: Observed): Finding[] {
  const policy = observed.policies.get(wanted.applicationId);
  const keys = observed.keys.get(wanted.applicationId) ?? NO_KEYS;
  const findings: Finding[] = [];
  const compared = (aspect: string, expected: unknown, actual: unknown, note?: string) => {
    if (expected === actual) return;
    const repaired = { aspect, expected: String(expected), actual: String(actual), repair: "apply" as const };
    findings.push(note === undefined ? repaired : { ...repaired, note });
  };
  compared("mark", "ours", policy?.mark === undefined ? "none" : "ours");
  compared("complete", true, policy?.complete ?? false, "an earlier run was interrupted");
  compared("validity", wanted.validityDays, policy?.validityDays ?? "none");
  compared("pre-expire", wanted.preExpireDays, policy?.preExpireDays ?? "none");
  compared("active", true, policy?.active ?? false);
  compared("access", wanted.access, policy?.access ?? "none");
  compared(
    "access-in-use",
    wanted.access,
    observed.open.has(wanted.applicationId) ? "everybody" : wanted.access,
    "the server still decides by an older policy",
  );
  compared("master-key", "1 key in use", `${inUse(keys.masters, keys.currentMasters.length)} in use`);
  for (const reference of new Set([...wanted.baseKeys, ...keys.base.keys()])) {
    const key = keys.base.get(reference);
    const count = key === undefined ? "no key" : inUse(1, key.current.length);
    compared(`base-key:${reference}`, "1 key in use", `${count} in use`);
  }
  return findings;
}

/** An expired key counts as in use: the server makes its successor when it is asked for it. */
function inUse(all: number, current: number): string {
  const count = all > 0 ? Math.max(1, current) : 0;
  return count === 0 ? "no key" : count === 1 ? "1 key" : `${count} keys`;
}
