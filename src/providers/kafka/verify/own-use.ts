import {
  createTopicsV7,
  deleteGroupsV2,
  deleteTopicsV6,
  fetchV12,
  findCoordinatorV4,
  metadataV12,
  offsetCommitV8,
  produceV9,
} from "@platformatic/kafka";
import type { Cell } from "../../../model/plan.ts";
import type { Link } from "../connection.ts";
import type { DesiredUser } from "../desired.ts";
import { protocolCode } from "../failure.ts";
import { poll } from "../poll.ts";
import { type Leader, leadersOf, settle, tryTransactionalId } from "./attempts.ts";
import { type Outcome, outcomeOfError, toCell } from "./outcome.ts";

const PROBE = "g2p-probe-";
const REQUEST_MS = 15_000;
const STALE_MS = 600_000;
const NOT_COORDINATOR = 16;
const GROUP_ID_NOT_FOUND = 69;

/**
 * A claim's login really uses what it may: it creates a topic below its prefix, writes to it, reads it back, and commits an offset
 * in a group of its own. Topic and group are taken away afterwards, by the administrator, since modules delete no topics.
 */
export async function tryOwnUse(link: Link, admin: Link, user: DesiredUser, from: string, to: string): Promise<Cell[]> {
  const name = `${PROBE}${Date.now().toString(36)}-${process.pid}`;
  const topic = `${user.prefixes.topics}${name}`;
  const group = `${user.prefixes.groups}${name}`;
  const cells: Cell[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    const failed = cells.some((cell) => !cell.ok);
    const outcome = failed ? { actual: "error" as const, detail: "not tried" } : await outcomeOf(work);
    cells.push(toCell({ from, to, attempt: what }, "allowed", outcome));
  };
  try {
    await attempt("create a topic", () => create(link, topic));
    await attempt("write", () => write(link, topic, name));
    await attempt("read", () => read(link, topic, name));
    await attempt("commit an offset", () => commit(link, topic, group));
  } finally {
    await cleanUp(admin, topic, group);
  }
  const transaction = await tryTransactionalId(link, `${user.prefixes.transactionalIds}${PROBE}id`);
  cells.push(toCell({ from, to, attempt: "use a transactional id" }, "allowed", transaction));
  return cells;
}

/** Takes away what verifies left that were killed more than ten minutes ago. */
export async function removeStaleProbes(admin: Link, prefixes: readonly string[]): Promise<void> {
  const { topics } = await admin.call(metadataV12.api, null, false, false);
  const stale = topics.flatMap(({ name }) => {
    const prefix = prefixes.find((one) => name?.startsWith(one + PROBE));
    if (typeof name !== "string" || prefix === undefined) return [];
    const [time = ""] = name.slice(prefix.length + PROBE.length).split("-");
    return Date.now() - Number.parseInt(time, 36) > STALE_MS ? [{ name }] : [];
  });
  if (stale.length > 0) await settle(admin.call(deleteTopicsV6.api, stale, REQUEST_MS));
}

async function outcomeOf(work: () => Promise<void>): Promise<Outcome> {
  try {
    await work();
    return { actual: "allowed", detail: "" };
  } catch (error) {
    return outcomeOfError(error);
  }
}

async function create(link: Link, name: string): Promise<void> {
  const request = [{ name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] }];
  await link.call(createTopicsV7.api, request, REQUEST_MS, false);
  const hasLeader = async () => (await leadersOf(link, [name])).get(name) !== undefined;
  if (!(await poll(hasLeader, REQUEST_MS))) throw new Error("the topic got no leader in time");
}

async function write(link: Link, topic: string, value: string): Promise<void> {
  const leader = (await leadersOf(link, [topic])).get(topic);
  const records = [{ topic, partition: 0, value: Buffer.from(value) }];
  await link.callAt(leader, produceV9.api, -1, REQUEST_MS, records);
}

async function read(link: Link, topic: string, value: string): Promise<void> {
  const leader = (await leadersOf(link, [topic])).get(topic);
  const partition = { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1 };
  const request = [{ topicId: topic, partitions: [{ ...partition, partitionMaxBytes: 65_536 }] }];
  const isThere = async () => {
    const answer = await link.callAt(leader, fetchV12.api, 1_000, 1, 65_536, 0, 0, -1, request, [], "");
    const records = answer.responses[0]?.partitions[0]?.records ?? [];
    return records.some((batch) => batch.records.some((record) => record.value?.toString() === value));
  };
  if (!(await poll(isThere, REQUEST_MS))) throw new Error("what was written could not be read");
}

async function commit(link: Link, topic: string, group: string): Promise<void> {
  const offset = { partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: "" };
  const offsets = [{ name: topic, partitions: [offset] }];
  await atCoordinator(link, group, (broker) => link.callAt(broker, offsetCommitV8.api, group, -1, "", null, offsets));
}

/** A group's coordinator is another one for a moment after Kafka made its topic for offsets, with the first group of all. */
async function atCoordinator(link: Link, group: string, work: (broker: Leader) => Promise<unknown>): Promise<void> {
  let last: unknown;
  const done = await poll(async () => {
    try {
      await work(await coordinatorOf(link, group));
      return true;
    } catch (error) {
      last = error;
      if (protocolCode(error) !== NOT_COORDINATOR) throw error;
      return false;
    }
  }, REQUEST_MS);
  if (!done) throw last;
}

async function coordinatorOf(link: Link, group: string): Promise<Leader> {
  const { coordinators } = await link.call(findCoordinatorV4.api, 0, [group]);
  return coordinators[0];
}

async function cleanUp(admin: Link, topic: string, group: string): Promise<void> {
  await settle(admin.call(deleteTopicsV6.api, [{ name: topic }], REQUEST_MS));
  await atCoordinator(admin, group, (broker) => admin.callAt(broker, deleteGroupsV2.api, [group])).catch(
    (error: unknown) => {
      if (protocolCode(error) !== GROUP_ID_NOT_FOUND) throw error;
    },
  );
  await poll(async () => {
    const { topics } = await admin.call(metadataV12.api, null, false, false);
    return !topics.some((one) => one.name === topic);
  }, REQUEST_MS);
}
