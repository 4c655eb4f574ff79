import { type CommonsError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { Placement, ProviderContext, Removal } from "../contract.ts";
import { textOf } from "./connection.ts";
import { namesOf } from "./desired.ts";
import { itemOf, ownMarks } from "./diff.ts";
import { toFailure } from "./failure.ts";
import { countKeys, deleteKeys } from "./keys.ts";
import { type Entry, formatEntry, isSame, type Mark, parseEntry, REGISTER } from "./mark.ts";
import { apart, type Observed } from "./observe.ts";
import { saveUsers } from "./reconcile.ts";
import type { Server } from "./server.ts";

/** A user of ours in the scope of a removal. */
interface Doomed {
  readonly user: string;
  readonly mark: Mark;
  /** Empty where nobody knows it any more. */
  readonly keyPrefix: string;
}

/** What a removal takes away: each user, and how many keys it has. Writes nothing. */
export async function planRemoval(
  server: Server,
  placement: Placement<"redis">,
  observed: Observed,
  removal: Removal,
): Promise<PlanItem[]> {
  const doomed = inScope(placement, observed, removal);
  const counts = await keysOf(server, doomed);
  return doomed.map(({ user, mark, keyPrefix }) => {
    const keys = counts.get(keyPrefix) ?? 0;
    const reason = keys === 0 ? {} : { reason: `${keys} ${keys === 1 ? "key" : "keys"}` };
    return { ...itemOf(user, mark, server.id), action: "remove", ...reason };
  });
}

/**
 * Removes users, and their keys where `deleteData` says so; without it, the keys stay, and the register goes on naming whose they are. The
 * order: the register knows the user, the user is deleted (its connections end with it) and the server's file of users is written, keys
 * go, the stored credential goes, the register's entry goes. Every step can be repeated, and the entry is what a next run finds.
 */
export async function remove(
  server: Server,
  placement: Placement<"redis">,
  observed: Observed,
  removal: Removal,
  context: ProviderContext,
): Promise<PlanItem[]> {
  const doomed = inScope(placement, observed, removal);
  if (doomed.length === 0) return [];
  const items = doomed.map((one) => itemOf(one.user, one.mark, server.id));
  if (context.signal.aborted)
    return items.map((item) => ({
      ...item,
      action: "remove",
      outcome: "not started",
      reason: "the run was stopped",
    }));
  let counts: ReadonlyMap<string, number>;
  try {
    await deleteUsers(server, doomed);
    counts = removal.deleteData ? new Map() : await keysOf(server, doomed);
    const prefixes = removal.deleteData ? prefixesOf(doomed) : [];
    if (prefixes.length > 0) await apart(server, (connection) => deleteKeys(connection, prefixes));
  } catch (error) {
    return items.map((item) => failed({ ...item, action: "remove" }, error));
  }
  const done: PlanItem[] = [];
  for (const [index, one] of doomed.entries()) {
    const item = items[index] ?? itemOf(one.user, one.mark, server.id);
    const keys = counts.get(one.keyPrefix) ?? 0;
    try {
      await context.credentials.remove(one.mark);
      if (keys === 0) await forget(server, one);
      done.push(
        keys === 0
          ? { ...item, action: "remove", outcome: "done" }
          : { ...item, action: "retain", outcome: "done", reason: `its user is gone; ${keys} keys are kept` },
      );
    } catch (error) {
      done.push(failed({ ...item, action: "remove" }, error));
    }
  }
  return done;
}

function inScope(placement: Placement<"redis">, observed: Observed, { scope }: Removal): Doomed[] {
  return [...ownMarks(observed, placement.environment.id)]
    .filter(([user]) => !isDisputed(user, observed))
    .filter(([, mark]) => mark.sandbox === scope.sandbox)
    .filter(([, mark]) => scope.instance === undefined || mark.instance === scope.instance)
    .map(([user, mark]) => {
      const named = namesOf(placement, mark);
      const known = observed.register.get(user)?.keyPrefix ?? "";
      // A lost register leaves what the names say, as long as they still say this user's.
      return { user, mark, keyPrefix: known === "" && named.user === user ? named.keyPrefix : known };
    });
}

/** User and register name different holders: nobody's to remove. */
function isDisputed(user: string, observed: Observed): boolean {
  const [mark, entry] = [observed.marks.get(user), observed.register.get(user)];
  return mark !== undefined && entry !== undefined && !isSame(mark, entry);
}

async function deleteUsers(server: Server, doomed: readonly Doomed[]): Promise<void> {
  const { connection } = server;
  const entries = doomed.map(({ mark, keyPrefix }): Entry => {
    const { environment, sandbox, instance, claim } = mark;
    return { environment, sandbox, instance, claim, keyPrefix };
  });
  // Without rules: should this run be killed, an apply makes the user again as one that was removed.
  const fields = doomed.flatMap(({ user }, index) => {
    const entry = entries[index];
    return entry === undefined ? [] : [user, formatEntry(entry)];
  });
  await connection.send("HSET", REGISTER, ...fields);
  await connection.send("ACL", "DELUSER", ...doomed.map((one) => one.user));
  await saveUsers(server);
}

/** Deletes the register's entry, unless another environment has taken the name since. */
async function forget(server: Server, { user, mark }: Doomed): Promise<void> {
  const entry = parseEntry(textOf(await server.connection.send("HGET", REGISTER, user)));
  if (entry === undefined || isSame(entry, mark)) await server.connection.send("HDEL", REGISTER, user);
}

function prefixesOf(doomed: readonly Doomed[]): string[] {
  return [...new Set(doomed.map((one) => one.keyPrefix))].filter((prefix) => prefix !== "");
}

function keysOf(server: Server, doomed: readonly Doomed[]): Promise<ReadonlyMap<string, number>> {
  const prefixes = prefixesOf(doomed);
  return prefixes.length === 0
    ? Promise.resolve(new Map())
    : apart(server, (connection) => countKeys(connection, prefixes));
}

function failed(item: PlanItem, error: unknown): PlanItem {
  const failure: CommonsError = toFailure(error, `removing ${item.id}`, item.id);
  return {
    ...item,
    outcome: "failed",
    reason: failure.message,
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
  };
}
