import {
  alterUserScramCredentialsV0,
  createAclsV3,
  createTopicsV7,
  deleteTopicsV6,
  fetchV12,
  incrementalAlterConfigsV1,
  initProducerIdV4,
  joinGroupV9,
  metadataV12,
  produceV9,
} from "@platformatic/kafka";
import type { Link } from "../connection.ts";
import { responseOf } from "../failure.ts";
import { type Outcome, outcomeOfCode, outcomeOfError } from "./outcome.ts";

const REQUEST_MS = 10_000;
const UNKNOWN_TOPIC = 3;
const NOT_LEADER = 6;
const INVALID_REQUIRED_ACKS = 21;
const INVALID_SESSION_TIMEOUT = 26;
const NOT_COORDINATOR = 16;
const COORDINATOR_NOT_AVAILABLE = 15;
const COORDINATOR_LOADING = 14;
const INVALID_REQUEST = 42;
const INVALID_TRANSACTION_TIMEOUT = 50;
const INVALID_CONFIG = 40;
const TOPIC_EXISTS = 36;
const UNACCEPTABLE_CREDENTIAL = 93;

/** Where the leader of a topic's first partition listens; undefined asks the first broker, which refuses as well as any other. */
export type Leader = { readonly host: string; readonly port: number } | undefined;

/** The first partition's leader of each topic that this login may see, all topics with one question. */
export async function leadersOf(link: Link, topics: readonly string[]): Promise<Map<string, Leader>> {
  if (topics.length === 0) return new Map();
  const answer = await settle(link.call(metadataV12.api, [...topics], false, false));
  return new Map(
    answer.topics.map(({ name, partitions }) => {
      const leader = partitions.find((one) => one.partitionIndex === 0)?.leaderId;
      return [name ?? "", answer.brokers.find((one) => one.nodeId === leader)];
    }),
  );
}

/** Reads the beginning of each topic. */
export async function tryRead(link: Link, topics: readonly string[], leader?: Leader): Promise<Map<string, Outcome>> {
  return each(topics, async () => {
    const request = topics.map((topicId) => ({
      topicId,
      partitions: [
        { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, partitionMaxBytes: 1 },
      ],
    }));
    const answer = await settle(link.callAt(leader, fetchV12.api, 0, 0, 1024, 0, 0, -1, request, [], ""));
    const passed = [UNKNOWN_TOPIC, NOT_LEADER, 1];
    return answer.responses.map((one) => [one.topicId, outcomeOfCode(one.partitions[0]?.errorCode ?? -1, passed)]);
  });
}

/** Writes to each topic in a way that is refused after the rights were checked, so that nothing is written. */
export async function tryWrite(link: Link, topics: readonly string[], leader?: Leader): Promise<Map<string, Outcome>> {
  return each(topics, async () => {
    const records = topics.map((topic) => ({ topic, partition: 0, value: Buffer.from("g2p") }));
    // Only 0, 1 and -1 are numbers of acknowledgements.
    const answer = await settle(link.callAt(leader, produceV9.api, 2, REQUEST_MS, records));
    if (typeof answer === "boolean") return [];
    const passed = [INVALID_REQUIRED_ACKS, UNKNOWN_TOPIC, NOT_LEADER];
    return answer.responses.map((one) => [one.name, outcomeOfCode(one.partitionResponses[0]?.errorCode ?? -1, passed)]);
  });
}

/** Asks to create each topic; the server only checks whether it would. */
export async function tryCreate(link: Link, topics: readonly string[]): Promise<Map<string, Outcome>> {
  return each(topics, async () => {
    const request = topics.map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: -1,
      assignments: [],
      configs: [],
    }));
    const answer = await settle(link.call(createTopicsV7.api, request, REQUEST_MS, true));
    return answer.topics.map((one) => [one.name, outcomeOfCode(one.errorCode, [TOPIC_EXISTS])]);
  });
}

/** Deletes topics of these names, of which there are none. */
export async function tryDelete(link: Link, topics: readonly string[]): Promise<Map<string, Outcome>> {
  return each(topics, async () => {
    const request = topics.map((name) => ({ name }));
    const answer = await settle(link.call(deleteTopicsV6.api, request, REQUEST_MS));
    return answer.responses.map((one) => [one.name ?? "", outcomeOfCode(one.errorCode, [UNKNOWN_TOPIC])]);
  });
}

/** Asks to change a setting of each topic; the server only checks whether it would. */
export async function tryAlter(link: Link, topics: readonly string[]): Promise<Map<string, Outcome>> {
  return each(topics, async () => {
    const request = topics.map((resourceName) => ({
      resourceType: 2 as const,
      resourceName,
      configs: [{ name: "retention.ms", configOperation: 0 as const, value: "1000" }],
    }));
    const answer = await settle(link.call(incrementalAlterConfigsV1.api, request, true));
    const passed = [UNKNOWN_TOPIC, INVALID_CONFIG];
    return answer.responses.map((one) => [one.resourceName, outcomeOfCode(one.errorCode, passed)]);
  });
}

/** Joins a group with a session time that no group takes, so that nobody becomes a member. */
export async function tryGroup(link: Link, group: string): Promise<Outcome> {
  const protocols = [{ name: "range", metadata: Buffer.alloc(0) }];
  const passed = [INVALID_SESSION_TIMEOUT, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOADING];
  return one(link.call(joinGroupV9.api, group, -1, -1, "", null, "consumer", protocols, null), passed);
}

/** Begins to produce under a transactional id with a time that no server takes, so that nothing is kept of it. */
export async function tryTransactionalId(link: Link, id: string): Promise<Outcome> {
  const passed = [INVALID_TRANSACTION_TIMEOUT, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOADING];
  return one(link.call(initProducerIdV4.api, id, 2_147_483_647, -1n, -1), passed);
}

/** Sets passwords of these users with a number of iterations that the server refuses from everybody. */
export async function tryPasswords(link: Link, users: readonly string[]): Promise<Map<string, Outcome>> {
  return each(users, async () => {
    const request = users.map((name) => ({
      name,
      mechanism: 2,
      iterations: 1,
      salt: Buffer.alloc(16),
      saltedPassword: Buffer.alloc(64),
    }));
    const answer = await settle(link.call(alterUserScramCredentialsV0.api, [], request));
    return answer.results.map((result) => [result.user, outcomeOfCode(result.errorCode, [UNACCEPTABLE_CREDENTIAL])]);
  });
}

/** Writes an access rule that no server takes, on a cluster of another name than all have. */
export async function tryAcls(link: Link, user: string): Promise<Outcome> {
  const rule = {
    resourceType: 4,
    resourceName: "g2p-probe",
    resourcePatternType: 3,
    principal: `User:${user}`,
    host: "*",
    operation: 2,
    permissionType: 3,
  } as const;
  return one(link.call(createAclsV3.api, [rule]), [INVALID_REQUEST]);
}

/** Lists topics: an outcome for each of those asked for, refused where it is not in the list. */
export async function trySee(link: Link, topics: readonly string[]): Promise<Map<string, Outcome>> {
  return each(topics, async () => {
    const answer = await settle(link.call(metadataV12.api, null, false, false));
    const seen = new Set(answer.topics.map((topic) => topic.name));
    return topics.map((name) => [
      name,
      seen.has(name) ? { actual: "allowed", detail: "it is in the list" } : { actual: "refused", detail: "not listed" },
    ]);
  });
}

/** The answer of a request, also where single results of it are errors. */
export async function settle<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    const response = responseOf(error) as T | undefined;
    if (response === undefined) throw error;
    return response;
  }
}

async function one(request: Promise<unknown>, passed: readonly number[]): Promise<Outcome> {
  try {
    await request;
    return { actual: "allowed", detail: "" };
  } catch (error) {
    return outcomeOfError(error, passed);
  }
}

async function each(
  names: readonly string[],
  work: () => Promise<(readonly [string, Outcome])[]>,
): Promise<Map<string, Outcome>> {
  if (names.length === 0) return new Map();
  try {
    return new Map(await work());
  } catch (error) {
    const outcome = outcomeOfError(error);
    return new Map(names.map((name) => [name, outcome]));
  }
}
