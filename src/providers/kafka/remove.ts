import { deleteGroupsV2, deleteTopicsV6, listGroupsV4, metadataV12 } from "@platformatic/kafka";
import type { CredentialStore } from "../../model/credential.ts";
import { type Acl, principalOf } from "./acl.ts";
import type { Link } from "./connection.ts";
import type { Prefixes } from "./desired.ts";
import { protocolCode, responseOf } from "./failure.ts";
import type { Holding } from "./holding.ts";
import { isMarkPrincipal } from "./mark.ts";
import type { ObservedServer } from "./observe.ts";
import { poll } from "./poll.ts";
import { alterQuotas, dropAcls, dropAclsOf, dropPasswords } from "./reconcile.ts";

const REQUEST_MS = 30_000;
const GONE_MS = 30_000;
const MEMBERS_LEAVE_MS = 20_000;
const NON_EMPTY_GROUP = 68;
const GROUP_ID_NOT_FOUND = 69;
const UNKNOWN_TOPIC = 3;
const OUR_MECHANISM = "SCRAM-SHA-512";
const OUR_QUOTAS = ["producer_byte_rate", "consumer_byte_rate"];

/** What a claim has on the server beside its logins. */
export interface Data {
  /** Existing topics that carry its mark. */
  readonly topics: readonly string[];
  /** Existing topics that the module made itself, below its prefix. */
  readonly ownTopics: readonly string[];
}

/** The claim's existing topics; a topic below its prefix that carries another's mark is not among them. Pure. */
export function dataOf(holding: Holding, prefixes: Prefixes, server: ObservedServer): Data {
  const marked = new Set(server.marks.filter((one) => one.on === "topic").map((one) => one.name));
  const isOwn = (name: string) => prefixes.topics !== "" && name.startsWith(prefixes.topics) && !marked.has(name);
  return {
    topics: holding.topics.filter((name) => server.topics.has(name)),
    ownTopics: [...server.topics.keys()].filter(isOwn),
  };
}

/**
 * Takes away a claim or access: passwords and rights first, so that nobody uses what goes; then, where data may go, topics, groups
 * and every right on them; the stored credential, and the marks last, so that an interrupted removal is found again.
 * Transactional ids cannot be deleted; Kafka forgets unused ones after a week.
 *
 * @param prefixes beginnings of the names that were its own
 * @param deleteData without it a claim's topics keep their marks, and so does its user
 * @returns whether anything was kept
 */
export async function removeHolding(
  link: Link,
  holding: Holding,
  prefixes: Prefixes,
  server: ObservedServer,
  deleteData: boolean,
  credentials: CredentialStore,
): Promise<boolean> {
  const principals = holding.users.map(principalOf);
  for (const user of holding.users) {
    // Also what was not seen: a run that was killed a moment ago may have written it after the look.
    await dropPasswords(link, user, [...new Set([OUR_MECHANISM, ...(server.users.get(user)?.keys() ?? [])])]);
    const quotas = [...new Set([...OUR_QUOTAS, ...Object.keys(server.quotas.get(user) ?? {})])];
    await alterQuotas(link, user, Object.fromEntries(quotas.map((key) => [key, undefined])));
  }
  await dropAclsOf(link, principals);
  const data = dataOf(holding, prefixes, server);
  const topics = [...data.topics, ...data.ownTopics];
  const keeps = topics.length > 0 && !deleteData;
  if (!keeps) {
    await deleteTopics(link, [...new Set([...holding.topics, ...topics])]);
    await deleteGroups(link, prefixes.groups);
    await dropAcls(
      link,
      server.acls.filter((acl) => !principals.includes(acl.principal) && isOn(acl, topics, prefixes)),
    );
  }
  await credentials.remove(holding.mark.ref);
  if (keeps) return true;
  const marks = [...new Set(holding.marks.map((one) => one.acl.principal))];
  await dropAclsOf(link, marks, "topic");
  await dropAclsOf(link, marks);
  return false;
}

/** Somebody else's rule on what goes; it would come to life again with the next thing of that name. */
function isOn(acl: Acl, topics: readonly string[], prefixes: Prefixes): boolean {
  if (isMarkPrincipal(acl)) return false;
  if (acl.type === "topic" && topics.includes(acl.name)) return true;
  const prefix = { topic: prefixes.topics, group: prefixes.groups, "transactional-id": prefixes.transactionalIds };
  const own = acl.type in prefix ? prefix[acl.type as keyof typeof prefix] : "";
  return own !== "" && acl.name.startsWith(own);
}

async function deleteTopics(link: Link, topics: readonly string[]): Promise<void> {
  if (topics.length === 0) return;
  const request = topics.map((name) => ({ name }));
  await link.call(deleteTopicsV6.api, request, REQUEST_MS).catch((error: unknown) => {
    const { responses } = (responseOf(error) ?? { responses: [] }) as { responses: { errorCode: number }[] };
    if (responses.length === 0 || responses.some((one) => one.errorCode !== 0 && one.errorCode !== UNKNOWN_TOPIC))
      throw error;
  });
  await poll(async () => {
    const { topics: left } = await link.call(metadataV12.api, null, false, false);
    return !left.some((one) => topics.includes(one.name ?? ""));
  }, GONE_MS);
}

/**
 * Deletes the groups below this prefix at every broker. A consumer that is still there is refused from now on and leaves; until
 * then its group cannot be deleted.
 */
async function deleteGroups(link: Link, prefix: string): Promise<void> {
  if (prefix === "") return;
  const { brokers } = await link.call(metadataV12.api, [], false, false);
  for (const broker of brokers) {
    const { groups } = await link.callAt(broker, listGroupsV4.api, [], []);
    const own = groups.map((one) => one.groupId).filter((id) => id.startsWith(prefix));
    for (const group of own) {
      let last: unknown;
      const gone = await poll(async () => {
        try {
          await link.callAt(broker, deleteGroupsV2.api, [group]);
          return true;
        } catch (error) {
          last = error;
          if (protocolCode(error) === GROUP_ID_NOT_FOUND) return true;
          if (protocolCode(error) === NON_EMPTY_GROUP) return false;
          throw error;
        }
      }, MEMBERS_LEAVE_MS);
      if (!gone) throw last;
    }
  }
}
