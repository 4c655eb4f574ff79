import pLimit from "p-limit";
import { type Credential, credentialKey } from "../../model/credential.ts";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import type { Cell } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import { Link } from "./connection.ts";
import type { Desired, DesiredUser } from "./desired.ts";
import { refText } from "./mark.ts";
import { fromText, tryOthers, tryUsed } from "./verify/others.ts";
import { outcomeOfError, toCell } from "./verify/outcome.ts";
import { removeStaleProbes, tryOwnUse } from "./verify/own-use.ts";

/**
 * Tries from each login's own connection what it must be able to do, and on everything of every other's what it must not. A login
 * asks for all others' topics in one request, so ten instances take a few hundred requests. Nothing is left behind: what writes is
 * refused by a later check than that of rights, or done in a topic made for it and taken away.
 *
 * Refused means that Kafka named the missing right, and nothing else: an error is never ok.
 *
 * @param sample at most so many pairs of a login and another
 * @returns a cell for each attempt
 */
export async function verifyServer(
  admin: Link,
  endpoint: KafkaEndpoint,
  desired: Desired,
  context: ProviderContext,
  sample: number | undefined,
): Promise<Cell[]> {
  const { emit, signal, server } = context;
  const credentials = await context.credentials.read(desired.users.map((one) => one.ref));
  await removeStaleProbes(
    admin,
    desired.users.map((one) => one.prefixes.topics).filter((prefix) => prefix !== ""),
  );
  const chosen = choosePairs(desired.users, sample);
  const limit = pLimit(Math.max(1, context.concurrency));
  const step = `verify ${server}`;
  const total = desired.users.length;
  const begun = performance.now();
  let done = 0;
  emit({ type: "step-start", step, title: `Trying ${total} logins on ${server}`, total });
  try {
    const cells = await limit.map(desired.users, async (user) => {
      signal.throwIfAborted();
      const found = await tryAll(
        admin,
        endpoint,
        user,
        credentials.get(credentialKey(user.ref)),
        chosen.get(user) ?? [],
      );
      emit({ type: "step-progress", step, done: ++done, total, doing: fromText(user) });
      return found;
    });
    const all = cells.flat();
    const wrong = all.filter((cell) => !cell.ok).length;
    const detail =
      wrong === 0 ? `${all.length} attempts, all as expected` : `${wrong} of ${all.length} not as expected`;
    emit({ type: "step-end", step, outcome: "done", detail, ms: performance.now() - begun });
    return all;
  } catch (error) {
    emit({ type: "step-end", step, outcome: "failed", ms: performance.now() - begun });
    throw error;
  }
}

async function tryAll(
  admin: Link,
  endpoint: KafkaEndpoint,
  user: DesiredUser,
  credential: Credential | undefined,
  others: readonly DesiredUser[],
): Promise<Cell[]> {
  const from = fromText(user);
  const to = refText(user.ref);
  const failed = (detail: string) => [
    toCell({ from, to, attempt: "log in" }, "allowed", { actual: "error", detail }),
    ...others.map((other) =>
      toCell({ from, to: refText(other.ref), attempt: "use topics and groups" }, "refused", {
        actual: "error",
        detail: "not tried: it cannot log in",
      }),
    ),
  ];
  if (credential === undefined) return failed("no password is stored");
  let link: Link;
  try {
    link = await Link.open(endpoint, { user: user.user, password: credential.password });
  } catch (error) {
    return failed(outcomeOfError(error).detail);
  }
  try {
    return [
      toCell({ from, to, attempt: "log in" }, "allowed", { actual: "allowed", detail: "" }),
      ...(user.kind === "topics" ? await tryOwnUse(link, admin, user, from, to) : []),
      ...(await tryUsed(link, user)),
      ...(await tryOthers(link, user, others)),
    ];
  } finally {
    await link.close();
  }
}

/** Whom each login tries: all others, or a sample spread over all pairs. */
function choosePairs(users: readonly DesiredUser[], sample: number | undefined): Map<DesiredUser, DesiredUser[]> {
  const pairs = users.flatMap((from) => users.filter((to) => to !== from).map((to) => ({ from, to })));
  const every = sample === undefined ? 1 : Math.max(1, Math.ceil(pairs.length / Math.max(1, sample)));
  const chosen = pairs.filter((_, index) => index % every === 0).slice(0, sample ?? pairs.length);
  return new Map(users.map((user) => [user, chosen.filter((pair) => pair.from === user).map((pair) => pair.to)]));
}
