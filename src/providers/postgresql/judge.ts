import type { DesiredAccess, DesiredDatabase } from "./desired.ts";
import { heldNames } from "./ledger.ts";
import type { ObservedCluster } from "./observe-cluster.ts";

/**
 * Whose something is, judged before anything is compared or changed.
 *
 * | on the server                   | ledger        | verdict    | then                                          |
 * | ------------------------------- | ------------- | ---------- | --------------------------------------------- |
 * | nothing                         | no, or begun  | absent     | make it                                       |
 * | nothing                         | ready         | lost       | refuse; `--recreate` makes it anew, empty      |
 * | marked ours                     | yes           | ours       | compare and repair                            |
 * | marked ours                     | no            | unrecorded | refuse; `--adopt` writes the row               |
 * | not marked                      | any           | foreign    | refuse; `--adopt` takes it over                |
 * | marked for another, or name held| any           | held       | refuse and name the holder                    |
 * | broken by an interrupted DROP   | ours, begun   | broken     | drop it, make it anew                          |
 */
export type Verdict =
  | { readonly verdict: "absent" | "ours" | "broken" }
  | { readonly verdict: "lost" | "unrecorded" | "foreign" | "held"; readonly reason: string; readonly hint: string };

/** Judges a database claim by names in the ledger, marks on roles, and the database's owner. Pure. */
export function judgeDatabase(wanted: DesiredDatabase, observed: ObservedCluster): Verdict {
  const roles = [wanted.owner, wanted.login, ...(wanted.reader === undefined ? [] : [wanted.reader])];
  const taken = judgeNames(wanted, roles, observed);
  const entry = observed.ledger?.entries.get(wanted.uuid);
  const database = observed.databases.get(wanted.database);
  const ownerIsOurs = observed.roles.get(wanted.owner)?.mark?.claim === wanted.uuid;

  if (taken?.verdict === "held") return taken;
  if (database?.connectionLimit === -2) {
    if (entry === undefined)
      return foreign(`database "${wanted.database}"`, "it is broken (its DROP was interrupted)", wanted.id);
    if (entry.state === "ready") return lost(wanted, "is broken: a DROP of it was interrupted");
    return { verdict: "broken" };
  }
  if (database !== undefined) {
    const begun = entry?.state === "creating" && !database.allowsConnections && isAdmin(database.owner, observed);
    const recorded = entry !== undefined && entry.state !== "creating" && ownerIsOurs;
    if (database.owner !== wanted.owner && !begun && !recorded)
      return foreign(`database "${wanted.database}"`, `it belongs to "${database.owner}"`, wanted.id);
  }
  if (taken !== undefined) return taken;
  if (database === undefined) {
    if (entry?.state === "ready") return lost(wanted, "is gone");
    if (entry === undefined && ownerIsOurs) return unrecorded(wanted.id, `role "${wanted.owner}"`);
    return { verdict: "absent" };
  }
  return entry === undefined ? unrecorded(wanted.id, `database "${wanted.database}"`) : { verdict: "ours" };
}

/** Judges an access by its login; a login holds no data, so a lost one is just made again. Pure. */
export function judgeAccess(wanted: DesiredAccess, observed: ObservedCluster): Verdict {
  const taken = judgeNames(wanted, [wanted.login], observed);
  if (taken !== undefined) return taken;
  if (!observed.roles.has(wanted.login)) return { verdict: "absent" };
  if (observed.ledger?.entries.get(wanted.uuid) === undefined) return unrecorded(wanted.id, `role "${wanted.login}"`);
  return { verdict: "ours" };
}

function judgeNames(
  wanted: DesiredDatabase | DesiredAccess,
  roles: readonly string[],
  observed: ObservedCluster,
): Verdict | undefined {
  for (const { kind, name } of heldNames(wanted)) {
    const holder = observed.ledger?.holders.get(`${kind}:${name}`);
    if (holder === undefined || holder.id === wanted.uuid) continue;
    return {
      verdict: "held",
      reason: `the ${kind} name "${name}" is held by ${holder.environmentName}/${holder.sandbox}/${holder.instance}/${holder.claim} since ${holder.since}`,
      hint: "Choose another name, sandbox or prefix in g2p.yaml.",
    };
  }
  const present = roles.flatMap((name) => observed.roles.get(name) ?? []);
  const other = present.find((role) => role.mark !== undefined && role.mark.claim !== wanted.uuid);
  if (other?.mark !== undefined)
    return {
      verdict: "held",
      reason: `role "${other.name}" carries the mark of ${other.mark.label} (environment ${other.mark.environment})`,
      hint: "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml.",
    };
  const unmarked = present.find((role) => role.mark === undefined);
  return unmarked === undefined
    ? undefined
    : foreign(`role "${unmarked.name}"`, "it carries no mark of ours", wanted.id);
}

function isAdmin(role: string, observed: ObservedCluster): boolean {
  return (
    role === observed.facts.user ||
    role === observed.facts.bootstrap ||
    (observed.ledger?.admins.includes(role) ?? false)
  );
}

function foreign(what: string, why: string, id: string): Verdict {
  return {
    verdict: "foreign",
    reason: `${what} exists already and is not ours: ${why}`,
    hint: `Take it over with --adopt ${id}, or choose another name.`,
  };
}

function unrecorded(id: string, what: string): Verdict {
  return {
    verdict: "unrecorded",
    reason: `${what} carries this environment's mark, but the ledger does not know it (an older or lost ledger)`,
    hint: `Write the row again with --adopt ${id}; nothing is dropped.`,
  };
}

function lost(wanted: DesiredDatabase, what: string): Verdict {
  return {
    verdict: "lost",
    reason: `the ledger says that database "${wanted.database}" is in use, but it ${what}`,
    hint: `Restore it from a backup, or make it anew, empty, with --recreate ${wanted.id}.`,
  };
}
