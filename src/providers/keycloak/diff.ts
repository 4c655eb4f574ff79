import type { PlanItem } from "../../model/plan.ts";
import { withoutAccepted } from "../accept.ts";
import type { Change, Policy } from "../contract.ts";
import type { Desired, DesiredClient } from "./desired.ts";
import { diffClient } from "./diff-client.ts";
import { type Drift, repairable, toFinding } from "./drift.ts";
import { judge } from "./judge.ts";
import { refText } from "./mark.ts";
import type { Observed, ObservedRealm } from "./observe.ts";

/** A plan's item with everything needed to carry it out. */
export interface KeycloakChange extends Change {
  /** Absent for the realm and for what is no longer wanted. */
  readonly wanted?: DesiredClient;
  readonly drifts: readonly Drift[];
}

/** Settings of a realm of ours that protect everybody in it. `ssl` is compared as "not none". */
export const REALM_SETTINGS = {
  enabled: true,
  registrationAllowed: false,
  sslRequired: "external",
  bruteForceProtected: true,
} as const;

/** Compares everything wanted with what was observed. Pure. */
export function diff(desired: Desired, observed: Observed, policy: Policy, server: string): KeycloakChange[] {
  const { realm } = observed;
  return [
    ...(realm === undefined ? [] : diffRealm(desired, realm, server)),
    ...desired.clients.map((wanted) => diffOne(wanted, desired, observed, policy, server)),
    ...leftovers(desired, realm, server),
  ];
}

function diffOne(
  wanted: DesiredClient,
  desired: Desired,
  observed: Observed,
  policy: Policy,
  server: string,
): KeycloakChange {
  const { realm, secrets } = observed;
  const base = itemOf(wanted, wanted.clientId, server);
  const verdict = judge(wanted, desired, realm, policy);
  if ("reason" in verdict) {
    const { reason, hint } = verdict;
    return { item: { ...base, action: "refuse", findings: [], reason, hint }, wanted, drifts: [] };
  }
  const found = realm?.clients.get(wanted.clientId);
  if (realm === undefined || found === undefined)
    return { item: { ...base, action: "create", findings: [] }, wanted, drifts: [] };
  const all = diffClient(wanted, desired, realm, found, secrets.get(wanted.clientId));
  const drifts = withoutAccepted(all, wanted.accept);
  const action = drifts.length > 0 ? "update" : "unchanged";
  return { item: { ...base, action, findings: drifts.map(toFinding) }, wanted, drifts };
}

/** The realm is compared only where it is ours; in another's, the environment is a guest and changes nothing but its clients. */
function diffRealm(desired: Desired, realm: ObservedRealm, server: string): KeycloakChange[] {
  if (realm.mark?.environment !== desired.environment.id) return [];
  const fix = { do: "write-realm" } as const;
  const settings = [
    ["realm:enabled", "true", String(realm.enabled)],
    ["realm:registration", "false", String(realm.registrationAllowed)],
    ["realm:brute-force-protection", "true", String(realm.bruteForceProtected)],
  ] as const;
  const drifts = settings
    .filter(([, expected, actual]) => expected !== actual)
    .map(([aspect, expected, actual]) => repairable(aspect, expected, actual, fix));
  if (realm.sslRequired === "none") drifts.push(repairable("realm:ssl-required", "external", "none", fix));
  if (drifts.length === 0) return [];
  const item: PlanItem = {
    id: `${server}/server`,
    service: "keycloak",
    kind: "server",
    sandbox: "",
    instance: "",
    claim: "",
    server,
    name: "realm",
    action: "update",
    findings: drifts.map(toFinding),
  };
  return [{ item, drifts }];
}

/** Clients that carry this environment's mark and that nobody asks for any more: kept until they are removed by name. */
function leftovers(desired: Desired, realm: ObservedRealm | undefined, server: string): KeycloakChange[] {
  const wanted = new Set(desired.clients.map((one) => one.clientId));
  const claims = new Set(desired.clients.map(refText));
  return [...(realm?.clients ?? [])].flatMap(([clientId, { mark }]) => {
    if (wanted.has(clientId) || mark?.environment !== desired.environment.id || mark.claim === undefined) return [];
    const base = itemOf(mark.claim, clientId, server);
    // Its claim is made under another name now: somebody renamed the client, or the prefix was changed.
    const isRenamed = claims.has(refText(mark.claim));
    const item: PlanItem = {
      ...base,
      id: isRenamed ? `${base.id}:${clientId}` : base.id,
      action: "retain",
      findings: [],
      reason: `not ${isRenamed ? "under this name " : ""}in the file any more; g2p remove ${mark.claim.sandbox}/${mark.claim.instance} takes it away`,
    };
    return [{ item, drifts: [] }];
  });
}

/** What an item about a client has in common, whatever is done with it. */
export function itemOf(
  ref: { readonly sandbox: string; readonly instance: string; readonly claim: string },
  clientId: string,
  server: string,
): Omit<PlanItem, "action" | "findings"> {
  const { sandbox, instance, claim } = ref;
  const id = `keycloak/${refText(ref)}`;
  return { id, service: "keycloak", kind: "client", sandbox, instance, claim, server, name: clientId };
}
