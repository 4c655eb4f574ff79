import { setTimeout as delay } from "node:timers/promises";
import {
  describeAclsV3,
  describeClientQuotasV1,
  describeConfigsV4,
  describeUserScramCredentialsV0,
  metadataV12,
} from "@platformatic/kafka";
import pLimit from "p-limit";
import { type Credential, credentialKey } from "../../model/credential.ts";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import type { Depth, ProviderContext } from "../contract.ts";
import { type Acl, filterOf, fromWire } from "./acl.ts";
import { canLogIn, type Link } from "./connection.ts";
import type { Desired } from "./desired.ts";
import { responseOf } from "./failure.ts";
import { judge } from "./judge.ts";
import { type Marked, parseMark } from "./mark.ts";

/** A topic as the server shows it. */
export interface ObservedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
}

/** One setting of a topic. */
export interface ObservedSetting {
  readonly value: string;
  /** Set for this topic, not inherited from the broker. */
  readonly own: boolean;
}

/** What one look at the server showed; a few requests, however many users and topics. */
export interface ObservedServer {
  readonly topics: ReadonlyMap<string, ObservedTopic>;
  readonly acls: readonly Acl[];
  readonly marks: readonly Marked[];
  /** SCRAM credentials: user, then mechanism, then iterations. */
  readonly users: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly quotas: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Settings of the wanted topics that exist. */
  readonly settings: ReadonlyMap<string, ReadonlyMap<string, ObservedSetting>>;
}

/** All that is compared with what is wanted. */
export interface Observed extends ObservedServer {
  readonly depth: Depth;
  /** By `sandbox/instance/claim`: whether the stored password works; absent where it was not tried. */
  readonly logins: ReadonlyMap<string, "works" | "wrong password" | "no password stored">;
}

const MECHANISMS: Readonly<Record<number, string>> = { 1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512" };
const DYNAMIC_TOPIC_CONFIG = 1;
const TOPIC_RESOURCE = 2;
const LOOKS_AGAIN_MS = [50, 150];

/** Looks at the server; with depth `deep` also tries every stored password. Writes nothing. */
export async function observe(
  link: Link,
  endpoint: KafkaEndpoint,
  desired: Desired,
  depth: Depth,
  context: ProviderContext,
): Promise<Observed> {
  const server = await observeSettled(link, desired);
  const credentials = await context.credentials.read(desired.users.map((one) => one.ref));
  return { ...server, depth, logins: await tryLogins(server, endpoint, desired, depth, credentials, context) };
}

/**
 * Marks and objects come in answers of their own, and another run may work in between: what looks foreign or lost is looked at
 * again before it is believed.
 */
async function observeSettled(link: Link, desired: Desired): Promise<ObservedServer> {
  const topics = desired.users.flatMap((one) => one.topics.map((topic) => topic.name));
  let found = await observeServer(link, topics);
  for (const pause of LOOKS_AGAIN_MS) {
    const server = found;
    const isDoubtful = desired.users.some((one) => ["foreign", "lost"].includes(judge(one, server).verdict));
    if (!isDoubtful) break;
    await delay(pause);
    found = await observeServer(link, topics);
  }
  return found;
}

/** One look; `settingsOf` names the topics whose settings are wanted as well. */
export async function observeServer(link: Link, settingsOf: readonly string[]): Promise<ObservedServer> {
  // Objects before marks: a mark is written before its object, so an object without mark is none of ours.
  const [metadata, users, quotas, acls] = await Promise.all([
    link.call(metadataV12.api, null, false, false),
    link.call(describeUserScramCredentialsV0.api, null),
    link.call(describeClientQuotasV1.api, [{ entityType: "user", matchType: 2 }], false),
    readAcls(link),
  ]);
  const topics = new Map<string, ObservedTopic>();
  for (const { name, isInternal, partitions } of metadata.topics) {
    if (typeof name !== "string" || isInternal) continue;
    topics.set(name, { name, partitions: partitions.length, replication: partitions[0]?.replicaNodes.length ?? 0 });
  }
  return {
    topics,
    acls,
    marks: acls.flatMap((acl) => parseMark(acl) ?? []),
    users: new Map(
      users.results.map(({ user, credentialInfos }) => [
        user,
        new Map(credentialInfos.map((info) => [MECHANISMS[info.mechanism] ?? String(info.mechanism), info.iterations])),
      ]),
    ),
    quotas: new Map(
      (quotas.entries ?? []).flatMap(({ entity, values }) => {
        const [only, ...more] = entity;
        if (typeof only?.entityName !== "string" || more.length > 0) return [];
        return [[only.entityName, Object.fromEntries(values.map(({ key, value }) => [key, value]))] as const];
      }),
    ),
    settings: await readSettings(
      link,
      settingsOf.filter((name) => topics.has(name)),
    ),
  };
}

/** Every access rule of the server, or of one principal. */
export async function readAcls(link: Link, principal: string | null = null): Promise<Acl[]> {
  const { resources } = await link.call(describeAclsV3.api, filterOf(principal));
  return resources.flatMap(({ acls, ...target }) => acls.flatMap((one) => fromWire({ ...target, ...one }) ?? []));
}

async function readSettings(link: Link, topics: readonly string[]): Promise<Map<string, Map<string, ObservedSetting>>> {
  if (topics.length === 0) return new Map();
  const request = topics.map((resourceName) => ({ resourceType: TOPIC_RESOURCE, resourceName }) as const);
  const { results } = await link.call(describeConfigsV4.api, request, false, false).catch((error: unknown) => {
    // A topic may have been deleted since; the others' settings came all the same.
    const response = responseOf(error) as Awaited<ReturnType<typeof describeConfigsV4.api.async>> | undefined;
    if (response === undefined) throw error;
    return response;
  });
  return new Map(
    results
      .filter((one) => one.errorCode === 0)
      .map(({ resourceName, configs }) => [
        resourceName,
        new Map(
          configs.map((one) => [one.name, { value: one.value ?? "", own: one.configSource === DYNAMIC_TOPIC_CONFIG }]),
        ),
      ]),
  );
}

async function tryLogins(
  server: ObservedServer,
  endpoint: KafkaEndpoint,
  desired: Desired,
  depth: Depth,
  credentials: ReadonlyMap<string, Credential>,
  context: ProviderContext,
): Promise<Map<string, "works" | "wrong password" | "no password stored">> {
  const present = desired.users.filter((one) => server.users.has(one.user) && judge(one, server).verdict === "ours");
  const limit = pLimit(Math.max(1, context.concurrency));
  const results = await limit.map(present, async (one) => {
    const key = credentialKey(one.ref);
    const credential = credentials.get(key);
    if (credential === undefined) return [key, "no password stored"] as const;
    if (depth === "quick") return undefined;
    context.signal.throwIfAborted();
    const works = await canLogIn(endpoint, { user: one.user, password: credential.password });
    return [key, works ? "works" : "wrong password"] as const;
  });
  return new Map(results.filter((one) => one !== undefined));
}
