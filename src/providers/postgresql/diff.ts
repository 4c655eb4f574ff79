import type { Finding, PlanItem } from "../../model/plan.ts";
import type { Change, Policy } from "../contract.ts";
import { missingRights } from "./admin.ts";
import type { Desired, DesiredAccess, DesiredDatabase } from "./desired.ts";
import { refKey } from "./desired.ts";
import { diffDatabase, freshDatabase } from "./diff-database.ts";
import { diffInside } from "./diff-inside.ts";
import { diffRole, rolesOfAccess, rolesOfDatabase } from "./diff-roles.ts";
import { diffServer } from "./diff-server.ts";
import { withoutAccepted } from "../accept.ts";
import { type Drift, mayAdminister, repairIf } from "./drift.ts";
import { judgeAccess, judgeDatabase, type Verdict } from "./judge.ts";
import type { LedgerEntry } from "./ledger.ts";
import type { Observed } from "./observe.ts";
import { namesOf, type ObservedCluster } from "./observe-cluster.ts";
import { freshInside } from "./observe-inside.ts";
import { ident } from "./sql.ts";

/** A plan's item with everything needed to carry it out. */
export interface PostgresChange extends Change {
  readonly wanted?: DesiredDatabase | DesiredAccess;
  readonly drifts: readonly Drift[];
  /** The ledger needs an intent row before the first change. */
  readonly intend: boolean;
  /** A broken database is dropped before the new one is made. */
  readonly dropBroken: boolean;
  readonly createDatabase: boolean;
  /** The database is there, but nobody could look inside before the change; whoever carries it out looks and compares. */
  readonly lookInside: boolean;
  /** For `remove`: the access's ledger entry. */
  readonly entry?: LedgerEntry;
}

/**
 * Compares everything wanted on a server with what was observed there. Pure.
 *
 * @param whole all that the server is to hold, where `desired` is only a part of it
 */
export function diff(
  desired: Desired,
  observed: Observed,
  policy: Policy,
  server: string,
  whole: Desired = desired,
): PostgresChange[] {
  const admins = [
    ...(observed.cluster.ledger?.admins ?? []),
    ...(observed.cluster.facts.superuser ? [] : [observed.cluster.facts.user]),
  ];
  const compared = new Set(namesOf(whole).roles);
  const databases = desired.databases.map((one) =>
    diffOneDatabase(one, desired, observed, policy, server, admins, compared),
  );
  const refusedTargets = new Set(
    databases.filter((one) => one.item.action === "refuse").map((one) => one.wanted?.uuid),
  );
  const accesses = desired.accesses.map((one) => {
    const found = diffOneAccess(one, desired, observed, policy, server, admins, compared);
    if (found.item.action === "unchanged" || !refusedTargets.has(one.target.uuid)) return found;
    return refused(itemOf(one, server), one, `it reads ${one.target.id}, which is refused`, "Solve that first.");
  });
  return [
    ...diffServer(desired, observed, server),
    ...databases,
    ...accesses,
    ...leftovers(desired, observed.cluster, server),
  ];
}

function diffOneDatabase(
  wanted: DesiredDatabase,
  desired: Desired,
  observed: Observed,
  policy: Policy,
  server: string,
  admins: readonly string[],
  compared: ReadonlySet<string>,
): PostgresChange {
  const { cluster } = observed;
  const verdict = permit(judgeDatabase(wanted, cluster), wanted.id, wanted.database, policy);
  const base = itemOf(wanted, server);
  if ("reason" in verdict) return refused(base, wanted, verdict.reason, verdict.hint);
  const create = verdict.verdict === "absent" || verdict.verdict === "broken" || verdict.verdict === "lost";
  const { facts } = cluster;
  const missing = create ? missingRights(facts) : [];
  if (missing.length > 0)
    return refused(
      base,
      wanted,
      `needs superuser: the admin "${facts.user}" lacks ${missing.join(" and ")}`,
      "Give the admin CREATEDB and CREATEROLE, or use a superuser.",
    );

  const readers = desired.accesses.filter((one) => one.target.uuid === wanted.uuid).map((one) => one.login);
  const { id, name } = desired.environment;
  const found = create ? undefined : cluster.databases.get(wanted.database);
  // CREATE DATABASE … OWNER takes the right to SET ROLE to the owner, which a lesser admin has on its roles from 16 on.
  const owner = facts.superuser || facts.major >= 16 ? wanted.owner : facts.user;
  const inside = found === undefined ? freshInside(wanted.owner) : observed.insides.get(refKey(wanted));
  const entry = cluster.ledger?.entries.get(wanted.uuid);
  const ready = entry?.state === "ready";
  const drifts = withoutAccepted(
    [
      ...rolesOfDatabase(wanted, id, name, readers).flatMap((role) => diffRole(role, cluster, admins, compared)),
      ...password(wanted, observed, verdict.verdict !== "ours" || !ready),
      ...diffDatabase(wanted, found ?? freshDatabase(wanted.database, owner), cluster, admins),
      ...(inside === undefined ? [] : diffInside(wanted, inside, cluster)),
    ],
    wanted.accept,
  );
  // What can be made or taken over only in part is not begun.
  const blocked = create || verdict.verdict === "adopted" ? drifts.filter((one) => one.repair !== "apply") : [];
  if (blocked.length > 0)
    return refused(
      base,
      wanted,
      blocked
        .map((one) => `${one.repair === "manual" ? "" : "needs superuser: "}${one.aspect} (${one.note ?? one.actual})`)
        .join("; "),
      blocked.some((one) => one.repair === "manual")
        ? "Install it on the server, or take it out of the claim."
        : "Run it with a superuser, or let a superuser do this part first.",
    );
  const names = entry?.names ?? [];
  const unnamed =
    !create &&
    [wanted.login, wanted.owner, wanted.reader].some(
      (role) => role !== undefined && !names.some((held) => held.name === role),
    );
  const unsettled: Drift[] =
    !create && (!ready || unnamed)
      ? [{ aspect: "ledger", expected: "ready", actual: entry?.state ?? "no row", repair: "apply", fix: [] }]
      : [];
  return change(base, wanted, create, [...drifts, ...unsettled], {
    intend: create || unsettled.length > 0,
    dropBroken: cluster.databases.get(wanted.database)?.connectionLimit === -2,
    createDatabase: found === undefined,
    lookInside:
      inside === undefined && (observed.depth === "deep" || !ready) && drifts.every((one) => one.repair === "apply"),
  });
}

function diffOneAccess(
  wanted: DesiredAccess,
  desired: Desired,
  observed: Observed,
  policy: Policy,
  server: string,
  admins: readonly string[],
  compared: ReadonlySet<string>,
): PostgresChange {
  const { cluster } = observed;
  const verdict = permit(judgeAccess(wanted, cluster), wanted.id, wanted.login, policy);
  const base = itemOf(wanted, server);
  if ("reason" in verdict) return refused(base, wanted, verdict.reason, verdict.hint);
  const create = verdict.verdict === "absent";
  const { id, name } = desired.environment;
  const entry = cluster.ledger?.entries.get(wanted.uuid);
  const drifts = withoutAccepted(
    [
      ...rolesOfAccess(wanted, id, name).flatMap((role) => diffRole(role, cluster, admins, compared)),
      ...password(wanted, observed, verdict.verdict !== "ours" || entry?.state !== "ready"),
    ],
    wanted.accept,
  );
  const unsettled: Drift[] =
    !create && entry?.state !== "ready"
      ? [{ aspect: "ledger", expected: "ready", actual: entry?.state ?? "no row", repair: "apply", fix: [] }]
      : [];
  return change(base, wanted, create, [...drifts, ...unsettled], {
    intend: create || unsettled.length > 0,
    dropBroken: false,
    createDatabase: false,
    lookInside: false,
  });
}

/** Lets through what the user allowed: adoption of what is foreign or unrecorded, making anew what is lost. */
function permit(
  verdict: Verdict,
  id: string,
  name: string,
  policy: Policy,
): Verdict | { readonly verdict: "adopted" | "lost" } {
  const allowed = (list: readonly string[]) => list.includes(id) || list.includes(name) || list.includes("all");
  if ((verdict.verdict === "foreign" || verdict.verdict === "unrecorded") && allowed(policy.adopt))
    return { verdict: "adopted" };
  if (verdict.verdict === "lost" && (policy.recreate.includes(id) || policy.recreate.includes(name)))
    return { verdict: "lost" };
  return verdict;
}

/** The stored password is the truth; the server follows it. `unproven` is a login taken over or left half made: its password is set in any case. */
function password(wanted: DesiredDatabase | DesiredAccess, observed: Observed, unproven: boolean): Drift[] {
  if (!observed.cluster.roles.has(wanted.login)) return [];
  const found = observed.logins.get(refKey(wanted));
  // An expired login is refused in the same words, so nothing is known of its password until that is repaired.
  const result =
    found === "wrong password" && observed.cluster.roles.get(wanted.login)?.expired === true ? "refused" : found;
  const wrong = result === "wrong password" || result === "no password stored" || (unproven && result !== "works");
  if (!wrong) return [];
  const { cluster } = observed;
  const actual =
    result === "no password stored"
      ? "none stored; a new one is made"
      : result === "wrong password"
        ? "another one"
        : "not known";
  return [
    repairIf(
      mayAdminister(cluster, wanted.login),
      `password:${wanted.login}`,
      "the stored one",
      actual,
      { phase: "roles", as: "admin", sql: "", passwordFor: wanted.login },
      `"${cluster.facts.user}" has no ADMIN OPTION on ${wanted.login}`,
    ),
  ];
}

function itemOf(wanted: DesiredDatabase | DesiredAccess, server: string): Omit<PlanItem, "action" | "findings"> {
  return {
    id: wanted.id,
    service: "postgresql",
    kind: wanted.kind,
    sandbox: wanted.sandbox,
    instance: wanted.instance,
    claim: wanted.claim,
    server,
    name: wanted.kind === "database" ? wanted.database : wanted.login,
  };
}

function refused(
  base: Omit<PlanItem, "action" | "findings">,
  wanted: DesiredDatabase | DesiredAccess,
  reason: string,
  hint: string,
): PostgresChange {
  return {
    item: { ...base, action: "refuse", findings: [], reason, hint },
    wanted,
    drifts: [],
    intend: false,
    dropBroken: false,
    createDatabase: false,
    lookInside: false,
  };
}

function change(
  base: Omit<PlanItem, "action" | "findings">,
  wanted: DesiredDatabase | DesiredAccess,
  create: boolean,
  drifts: readonly Drift[],
  work: { intend: boolean; dropBroken: boolean; createDatabase: boolean; lookInside: boolean },
): PostgresChange {
  const action = create ? "create" : drifts.length > 0 ? "update" : "unchanged";
  return { item: { ...base, action, findings: create ? [] : drifts.map(toFinding) }, wanted, drifts, ...work };
}

/** The finding without its repair statements. */
export function toFinding(drift: Drift): Finding {
  const { fix: _, ...finding } = drift;
  return finding;
}

/**
 * What the ledger holds for this environment and the file no longer asks for: accesses are removed, since they hold no data and
 * consent for them is gone; databases are kept until they are removed by name.
 */
function leftovers(desired: Desired, cluster: ObservedCluster, server: string): PostgresChange[] {
  const wanted = new Set([...desired.databases, ...desired.accesses].map((one) => one.uuid));
  const entries = [...(cluster.ledger?.entries.values() ?? [])];
  return entries
    .filter((entry) => entry.environment === desired.environment.id && !wanted.has(entry.id))
    .map((entry) => {
      const name =
        entry.names.find((held) => held.kind === (entry.kind === "database" ? "database" : "role"))?.name ?? "";
      const base = {
        id: `postgresql/${entry.sandbox}/${entry.instance}/${entry.claim}`,
        service: "postgresql" as const,
        kind: entry.kind,
        sandbox: entry.sandbox,
        instance: entry.instance,
        claim: entry.claim,
        server,
        name,
        findings: [],
      };
      const none = { drifts: [], intend: false, dropBroken: false, createDatabase: false, lookInside: false, entry };
      return entry.kind === "access"
        ? { item: { ...base, action: "remove" as const, reason: "nobody asks for this access any more" }, ...none }
        : {
            item: {
              ...base,
              action: "retain" as const,
              reason: `not in the file any more; g2p remove ${entry.sandbox}/${entry.instance} takes it away`,
            },
            ...none,
          };
    });
}

/** Quoted login for statements that set a password. */
export function passwordStatement(login: string, verifier: string): string {
  return `ALTER ROLE ${ident(login)} PASSWORD '${verifier}'`;
}
