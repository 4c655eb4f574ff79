import {
  alterClientQuotasV1,
  alterUserScramCredentialsV0,
  type ClientQuotaKey,
  createAclsV3,
  createPartitionsV3,
  createTopicsV7,
  deleteAclsV3,
  incrementalAlterConfigsV1,
} from "@platformatic/kafka";
import type { Credential } from "../../model/credential.ts";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import { poll } from "./poll.ts";
import { type Acl, type AclType, filterOf, toWire } from "./acl.ts";
import { canLogIn, type Link } from "./connection.ts";
import type { DesiredTopic, DesiredUser } from "./desired.ts";
import { topicSettings } from "./diff-topic.ts";
import type { Drift, Fix } from "./drift.ts";
import { protocolCode } from "./failure.ts";
import { isMarkPrincipal, topicMark, userMark } from "./mark.ts";
import { saltPassword } from "./scram.ts";

const REQUEST_MS = 30_000;
const LOGIN_MS = 20_000;
const TOPIC_ALREADY_EXISTS = 36;
const INVALID_PARTITIONS = 37;
const TOPIC_RESOURCE = 2;
const SET = 0;
const DELETE = 1;
const MECHANISMS: Readonly<Record<string, number>> = { "SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2 };

/**
 * Makes one claim or access what it shall be, in one order whatever is there: marks as a record of intent, rights that nobody
 * wants, topics, their marks as made, rights, quotas, and the password last: a login that works has all the rest. Every step can be
 * repeated, and another run may do the same at the same time.
 */
export async function carryOut(
  link: Link,
  endpoint: KafkaEndpoint,
  wanted: DesiredUser,
  drifts: readonly Drift[],
  credential: Credential,
): Promise<void> {
  const fixes = drifts.flatMap((one) => one.fix);
  const acls = (what: "add-acl" | "drop-acl", isWanted: (acl: Acl) => boolean) =>
    fixes.flatMap((fix) => (fix.do === what && isWanted(fix.acl) ? [fix.acl] : []));
  const isMark = (acl: Acl) => isMarkPrincipal(acl);
  const isMade = (acl: Acl) => isMark(acl) && acl.type === "topic" && acl.operation === "read";

  const own = userMark(wanted.user, wanted.mark);
  await addAcls(link, [own, ...acls("add-acl", (acl) => isMark(acl) && !isMade(acl))]);
  await dropAcls(
    link,
    acls("drop-acl", (acl) => !isMark(acl)),
  );
  await createTopics(link, topicsOf(fixes, "create-topic"));
  await addPartitions(link, topicsOf(fixes, "add-partitions"));
  await setTopics(link, fixes);
  // All of them, since the last request of a removal that was killed may have come after the look; but none that is accepted as missing.
  const rights = wanted.accept.length === 0 ? wanted.acls : acls("add-acl", (acl) => !isMark(acl));
  await addAcls(link, [...acls("add-acl", isMade), ...rights]);
  await dropAcls(link, acls("drop-acl", isMark));
  await setQuotas(link, wanted.user, fixes);
  await dropPasswords(
    link,
    wanted.user,
    fixes.flatMap((fix) => (fix.do === "drop-password" ? [fix.mechanism] : [])),
  );
  if (fixes.some((fix) => fix.do === "set-password")) await setPassword(link, endpoint, wanted, credential);
  // For the same reason.
  await addAcls(link, [own, ...wanted.topics.map((topic) => topicMark(topic.name, wanted.mark, true))]);
}

/** Writes access rules; those that stand already are no failure. */
export async function addAcls(link: Link, acls: readonly Acl[]): Promise<void> {
  if (acls.length > 0) await link.call(createAclsV3.api, acls.map(toWire));
}

/** Takes access rules away; those that are gone already are no failure. */
export async function dropAcls(link: Link, acls: readonly Acl[]): Promise<void> {
  if (acls.length > 0) await link.call(deleteAclsV3.api, acls.map(toWire));
}

/**
 * Takes away every rule of these principals, as the controller finds them: what a broker shows may be older than what a run that was
 * killed a moment ago has written.
 *
 * @param type only rules on resources of this type
 */
export async function dropAclsOf(link: Link, principals: readonly string[], type?: AclType): Promise<void> {
  if (principals.length > 0)
    await link.call(
      deleteAclsV3.api,
      principals.map((one) => filterOf(one, type)),
    );
}

/** Takes a user's passwords of these mechanisms away. */
export async function dropPasswords(link: Link, user: string, mechanisms: readonly string[]): Promise<void> {
  const deletions = mechanisms.flatMap((word) => {
    const mechanism = MECHANISMS[word];
    return mechanism === undefined ? [] : [{ name: user, mechanism }];
  });
  if (deletions.length === 0) return;
  // Each alone: one that is missing would keep the others of the same user from being deleted.
  for (const deletion of deletions)
    await link.call(alterUserScramCredentialsV0.api, [deletion], []).catch((error: unknown) => {
      // RESOURCE_NOT_FOUND: another run was faster, or there was none.
      if (protocolCode(error) !== 91) throw error;
    });
}

/** Sets or, with `undefined`, removes quotas of a user. */
export async function alterQuotas(
  link: Link,
  user: string,
  values: Readonly<Record<string, number | undefined>>,
): Promise<void> {
  const ops = Object.entries(values).map(([key, value]) =>
    value === undefined
      ? ({ key: key as ClientQuotaKey, remove: true } as const)
      : ({ key: key as ClientQuotaKey, value, remove: false } as const),
  );
  if (ops.length === 0) return;
  await link.call(alterClientQuotasV1.api, [{ entities: [{ entityType: "user", entityName: user }], ops }], false);
}

function topicsOf(fixes: readonly Fix[], what: "create-topic" | "add-partitions"): DesiredTopic[] {
  return fixes.flatMap((fix) => (fix.do === what ? [fix.topic] : []));
}

async function createTopics(link: Link, topics: readonly DesiredTopic[]): Promise<void> {
  await eachTolerating(TOPIC_ALREADY_EXISTS, topics, (some) =>
    link.call(
      createTopicsV7.api,
      some.map((topic) => ({
        name: topic.name,
        numPartitions: topic.spec.partitions,
        replicationFactor: topic.spec.replication ?? -1,
        assignments: [],
        configs: Object.entries(topicSettings(topic)).map(([name, value]) => ({ name, value })),
      })),
      REQUEST_MS,
      false,
    ),
  );
}

async function addPartitions(link: Link, topics: readonly DesiredTopic[]): Promise<void> {
  // A topic that has as many by now was widened by another run.
  await eachTolerating(INVALID_PARTITIONS, topics, (some) =>
    link.call(
      createPartitionsV3.api,
      some.map((topic) => ({ name: topic.name, count: topic.spec.partitions, assignments: null })),
      REQUEST_MS,
      false,
    ),
  );
}

/** All in one request; if one of them meets the race that is no failure, each alone. */
async function eachTolerating<T>(
  code: number,
  items: readonly T[],
  work: (items: readonly T[]) => Promise<unknown>,
): Promise<void> {
  if (items.length === 0) return;
  try {
    await work(items);
  } catch (error) {
    if (items.length === 1) {
      if (protocolCode(error) !== code) throw error;
      return;
    }
    for (const item of items) await eachTolerating(code, [item], work);
  }
}

async function setTopics(link: Link, fixes: readonly Fix[]): Promise<void> {
  const all = fixes.filter((fix) => fix.do === "set-topic");
  const resources = [...Map.groupBy(all, (fix) => fix.topic)].map(
    ([resourceName, settings]) =>
      ({
        resourceType: TOPIC_RESOURCE,
        resourceName,
        configs: settings.map(({ key: name, value }) =>
          value === undefined
            ? ({ name, configOperation: DELETE } as const)
            : ({ name, configOperation: SET, value } as const),
        ),
      }) as const,
  );
  if (resources.length > 0) await link.call(incrementalAlterConfigsV1.api, resources, false);
}

async function setQuotas(link: Link, user: string, fixes: readonly Fix[]): Promise<void> {
  const values = fixes.flatMap((fix) => (fix.do === "set-quota" ? [[fix.key, fix.value] as const] : []));
  await alterQuotas(link, user, Object.fromEntries(values));
}

/** Sends the salted password and waits until this broker knows it, and with it all that was written before. */
async function setPassword(
  link: Link,
  endpoint: KafkaEndpoint,
  wanted: DesiredUser,
  credential: Credential,
): Promise<void> {
  const login = { user: wanted.user, password: credential.password };
  const salted = await saltPassword(credential.password);
  const mechanism = MECHANISMS["SCRAM-SHA-512"] ?? 2;
  await link.call(alterUserScramCredentialsV0.api, [], [{ name: wanted.user, mechanism, ...salted }]);
  if (await poll(() => canLogIn(endpoint, login), LOGIN_MS)) return;
  throw new ServiceError(
    `Kafka: the user "${wanted.user}" was given its password, but is refused ${LOGIN_MS / 1000} s later.`,
    {
      code: "KAFKA_LOGIN_LATE",
      resource: wanted.id,
      hint: "See whether all brokers follow the controller; then run the command again.",
    },
  );
}
