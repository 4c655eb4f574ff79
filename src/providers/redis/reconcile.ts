import pLimit from "p-limit";
import { type Credential, credentialKey } from "../../model/credential.ts";
import { type CommonsError, RefusedError, ServiceError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import { textOf } from "./connection.ts";
import { channelPatterns, type DesiredKeyspace } from "./desired.ts";
import type { RedisChange } from "./diff.ts";
import { isServerWide, toFailure } from "./failure.ts";
import { held } from "./judge.ts";
import { type Entry, formatEntry, isSame, markChannel, parseEntry, REGISTER } from "./mark.ts";
import { observeUsers, passwordHash } from "./observe.ts";
import { commandRules, RULES_EDITION } from "./rules.ts";
import type { Server } from "./server.ts";

/** One of the changes that this run carries out. */
interface Work {
  readonly change: RedisChange;
  readonly wanted: DesiredKeyspace;
  /** What the register is to hold in the end. */
  entry?: Entry;
  failure?: CommonsError;
  stopped?: true;
}

/**
 * Makes and repairs users. For each: its mark goes into the register (which decides between two runs that want one name), then the
 * password into the store, then the whole user is set by one command. At the end the users are saved to the server's file once, and
 * only then the register says that they are finished; a run killed before that is found unfinished by the next.
 *
 * @returns every item with its outcome, in the order of `changes`
 */
export async function reconcile(
  server: Server,
  changes: readonly RedisChange[],
  context: ProviderContext,
): Promise<PlanItem[]> {
  const works = changes.flatMap((change): Work[] =>
    change.wanted !== undefined && (change.item.action === "create" || change.item.action === "update")
      ? [{ change, wanted: change.wanted }]
      : [],
  );
  let stop: CommonsError | undefined;
  let done = 0;
  await pLimit(context.concurrency).map(works, async (work) => {
    if (context.signal.aborted || stop !== undefined) {
      work.stopped = true;
      return;
    }
    try {
      await makeUser(server, work, context);
    } catch (error) {
      work.failure = toFailure(error, `changing ${work.wanted.id}`, work.wanted.id);
      if (isServerWide(work.failure)) stop = work.failure;
    }
    done += 1;
    const { server: id, emit } = context;
    emit({ type: "step-progress", step: `apply ${id}`, done, total: works.length, doing: work.wanted.id });
  });
  await finish(
    server,
    works.filter((work) => work.entry !== undefined && work.failure === undefined),
    context,
  );
  const byChange = new Map(works.map((work) => [work.change, work]));
  return changes.map((change) => outcomeOf(change, byChange.get(change), stop));
}

/** The arguments of ACL SETUSER for every aspect but those that are accepted as they are; nothing outside of them survives. */
export function userRules(
  server: Server,
  wanted: DesiredKeyspace,
  hash: string,
  accepted: readonly string[],
): readonly string[] {
  const aspects: readonly (readonly [string, readonly string[]])[] = [
    ["enabled", ["on"]],
    ["password", ["resetpass", `#${hash}`]],
    ["payload", ["sanitize-payload"]],
    ["keys", ["resetkeys", `~${wanted.keyPrefix}*`]],
    ["channels", ["resetchannels", ...[...channelPatterns(wanted), markChannel(wanted.mark)].map((one) => `&${one}`)]],
    ["selectors", server.version.major < 7 ? [] : ["clearselectors"]],
    ["commands", ["-@all", ...commandRules(server.version)]],
  ];
  const kept = new Set(accepted.map((aspect) => aspect.split(":", 1)[0]));
  return aspects.flatMap(([aspect, rules]) => (kept.has(aspect) ? [] : rules));
}

async function makeUser(server: Server, work: Work, context: ProviderContext): Promise<void> {
  const { wanted, change } = work;
  const { connection } = server;
  const intent = { ...wanted.mark, keyPrefix: wanted.keyPrefix };
  await connection.send("HSETNX", REGISTER, wanted.user, formatEntry(intent));
  const winner = parseEntry(textOf(await connection.send("HGET", REGISTER, wanted.user)));
  if (winner !== undefined && !isSame(winner, wanted.mark)) {
    const { reason, hint } = held(wanted.user, winner);
    throw new RefusedError(`Making ${wanted.id} was refused: ${reason}. Nothing was changed.`, {
      code: "REDIS_HELD",
      resource: wanted.id,
      hint,
    });
  }
  // Unfinished from here on: without rules.
  if (winner === undefined || winner.rules !== undefined)
    await connection.send("HSET", REGISTER, wanted.user, formatEntry(intent));
  const credential = await passwordFor(wanted, context);
  const commands = userRules(server, wanted, passwordHash(credential.password), change.accepted);
  await connection.send("ACL", "SETUSER", wanted.user, ...commands);
  const found = (await observeUsers(server, [wanted.user])).get(wanted.user);
  if (found === undefined)
    throw new ServiceError(`User "${wanted.user}" of ${wanted.id} was deleted by somebody while it was made.`, {
      code: "REDIS_DELETED",
      resource: wanted.id,
      hint: "Run the command again.",
    });
  // Commands that were left as they are must not be taken for what we set.
  const set = { edition: RULES_EDITION, printed: found.commands };
  const rules = change.accepted.includes("commands") ? winner?.rules : set;
  work.entry = { ...intent, ...(rules === undefined ? {} : { rules }) };
}

async function passwordFor(wanted: DesiredKeyspace, context: ProviderContext): Promise<Credential> {
  const { user } = wanted;
  const found = (await context.credentials.getOrCreate([wanted], () => user)).get(credentialKey(wanted));
  if (found?.username === user) return found;
  throw new RefusedError(
    `The stored credential of ${wanted.id} is for user "${found?.username}", expected "${user}". Nothing was changed.`,
    {
      code: "REDIS_USERNAME",
      resource: wanted.id,
      hint: "The prefix in g2p.yaml was changed: change it back, or delete the stored credential so that a new one is made.",
    },
  );
}

/** Saves the users to the server's file, then the register. */
async function finish(server: Server, works: readonly Work[], context: ProviderContext): Promise<void> {
  if (works.length === 0) return;
  const fields = works.flatMap(({ wanted, entry }) => (entry === undefined ? [] : [wanted.user, formatEntry(entry)]));
  try {
    await saveUsers(server);
    await server.connection.send("HSET", REGISTER, ...fields);
  } catch (error) {
    for (const work of works) work.failure = toFailure(error, `saving the user of ${work.wanted.id}`, work.wanted.id);
    return;
  }
  if (server.users === "memory")
    context.emit({ type: "note", level: "warning", text: `${context.server}: ${MEMORY_ONLY}` });
}

/** What it means that a server has no file for its users. */
export const MEMORY_ONLY =
  "the server keeps its users in memory only (no aclfile): after a restart of it run g2p apply again, or give it an aclfile";

/** Writes the users to the server's file, where it has one. */
export async function saveUsers(server: Server): Promise<void> {
  if (server.users === "file") await server.connection.send("ACL", "SAVE");
}

function outcomeOf(change: RedisChange, work: Work | undefined, stop: CommonsError | undefined): PlanItem {
  const { item } = change;
  if (work === undefined) return item.action === "refuse" ? item : { ...item, outcome: "done" };
  const { failure } = work;
  if (failure !== undefined)
    return {
      ...item,
      outcome: "failed",
      reason: failure.message,
      ...(failure.hint === undefined ? {} : { hint: failure.hint }),
    };
  if (work.stopped) return { ...item, outcome: "not started", reason: stop?.message ?? "the run was stopped" };
  return { ...item, outcome: "done" };
}
