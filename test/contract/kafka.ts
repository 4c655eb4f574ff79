import {
  alterClientQuotasV1,
  alterUserScramCredentialsV0,
  createAclsV3,
  createPartitionsV3,
  createTopicsV7,
  deleteAclsV3,
  deleteTopicsV6,
  fetchV12,
  incrementalAlterConfigsV1,
  listGroupsV4,
  produceV9,
} from "@platformatic/kafka";
import type { KafkaEndpoint } from "../../src/model/endpoint.ts";
import type { ServiceClaim } from "../../src/model/claim.ts";
import { Secret } from "../../src/model/secret.ts";
import type { PlacedAccess, Placement } from "../../src/providers/contract.ts";
import { type Acl, aclText, allow, toWire } from "../../src/providers/kafka/acl.ts";
import { Link, withLink } from "../../src/providers/kafka/connection.ts";
import { desiredOf, type DesiredUser } from "../../src/providers/kafka/desired.ts";
import { isMarkPrincipal } from "../../src/providers/kafka/mark.ts";
import { observeServer, readAcls } from "../../src/providers/kafka/observe.ts";
import { kafka } from "../../src/providers/kafka/provider.ts";
import { saltPassword } from "../../src/providers/kafka/scram.ts";
import { leadersOf } from "../../src/providers/kafka/verify/attempts.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { kafkaEngine } from "../../src/targets/embedded/kafka.ts";
import type { Subject } from "./subject.ts";

const POSITION = { file: "g2p.yaml", line: 1, column: 1 };
const DATA = "the harvest of 2026";

/** A claim on topics, with sensible defaults. */
export function topicsClaim(
  sandbox: string,
  instance: string,
  spec: Partial<ServiceClaim<"kafka">["spec"]> = {},
): ServiceClaim<"kafka"> {
  const topic = { partitions: 1, replication: undefined, retentionMs: undefined, compact: false };
  return {
    kind: "topics",
    service: "kafka",
    sandbox,
    instance,
    claim: "events",
    spec: { topics: { audit: topic }, quota: { produce: undefined, consume: undefined }, ...spec },
    accept: [],
    position: POSITION,
  };
}

/** An access to words of a claim. */
export function topicsAccess(
  instance: string,
  claim: string,
  target: ServiceClaim<"kafka">,
  mode: "read" | "write",
  words: readonly string[],
): PlacedAccess<"kafka"> {
  const { sandbox } = target;
  return {
    kind: "access",
    service: "kafka",
    sandbox,
    instance,
    claim,
    target: { sandbox, instance: target.instance, claim: target.claim },
    targetSpec: target.spec,
    words,
    mode,
    accept: [],
    position: POSITION,
  };
}

function placement(id: string, prefix: string): Placement<"kafka"> {
  const farmers = topicsClaim("dev", "farmers", {
    topics: {
      changes: { partitions: 2, replication: 1, retentionMs: 3_600_000, compact: false },
      state: { partitions: 1, replication: undefined, retentionMs: undefined, compact: true },
    },
    quota: { produce: 10_000_000, consume: 20_000_000 },
  });
  return {
    environment: { id, name: "alpha" },
    prefix,
    claims: [farmers, topicsClaim("dev", "pbms"), topicsClaim("qa", "farmers")],
    accesses: [
      topicsAccess("pbms", "registry", farmers, "read", ["changes"]),
      topicsAccess("spar", "registry", farmers, "write", ["state"]),
    ],
  };
}

/** The administrator's connection to a server. */
export function asAdmin<T>(endpoint: KafkaEndpoint, work: (link: Link) => Promise<T>): Promise<T> {
  return withLink(endpoint, endpoint, work);
}

/** What a placement wants, by `instance` or `instance/claim`. */
export function wantedOf(at: Placement<"kafka">, index: number): DesiredUser {
  const user = desiredOf(at).users[index];
  if (user === undefined) throw new Error(`nothing is wanted at ${index}`);
  return user;
}

const FARMERS = 0;
const OTHER = 1;
const READER = 3;
const FARMERS_ID = "kafka/dev/farmers/events";

function change(
  name: string,
  aspect: RegExp,
  work: (link: Link, at: Placement<"kafka">) => Promise<unknown>,
  opens = false,
) {
  return {
    name,
    item: FARMERS_ID,
    shows: "update" as const,
    aspect,
    opens,
    make: async (endpoint: KafkaEndpoint, at: Placement<"kafka">) => {
      await asAdmin(endpoint, (link) => work(link, at));
    },
  };
}

const topic = (at: Placement<"kafka">, index = 0): string => wantedOf(at, FARMERS).topics[index]?.name ?? "";

function addAcl(link: Link, acl: Acl): Promise<unknown> {
  return link.call(createAclsV3.api, [toWire(acl)]);
}

function dropAcl(link: Link, acl: Acl | undefined): Promise<unknown> {
  if (acl === undefined) throw new Error("no such rule");
  return link.call(deleteAclsV3.api, [toWire(acl)]);
}

async function setPassword(link: Link, user: string, mechanism: 1 | 2, password: string): Promise<void> {
  const salted = await saltPassword(new Secret(password));
  const saltedPassword = salted.saltedPassword.subarray(0, mechanism === 1 ? 32 : 64);
  await link.call(alterUserScramCredentialsV0.api, [], [{ name: user, mechanism, ...salted, saltedPassword }]);
}

function configure(link: Link, name: string, key: string, value: string | undefined): Promise<unknown> {
  const setting =
    value === undefined
      ? ({ name: key, configOperation: 1 } as const)
      : ({ name: key, configOperation: 0, value } as const);
  const resource = { resourceType: 2 as const, resourceName: name, configs: [setting] };
  return link.call(incrementalAlterConfigsV1.api, [resource], false);
}

function quota(link: Link, user: string, key: "producer_byte_rate" | "request_percentage", value: number | undefined) {
  const op = value === undefined ? ({ key, remove: true } as const) : ({ key, value, remove: false } as const);
  return link.call(
    alterClientQuotasV1.api,
    [{ entities: [{ entityType: "user", entityName: user }], ops: [op] }],
    false,
  );
}

const deleteTopic = (index: number) => ({
  name: `topic ${index + 1} was deleted`,
  item: FARMERS_ID,
  shows: "refuse" as const,
  make: async (endpoint: KafkaEndpoint, at: Placement<"kafka">) => {
    await asAdmin(endpoint, (link) => link.call(deleteTopicsV6.api, [{ name: topic(at, index) }], 10_000));
  },
});

/** Kafka, as the contract suite uses it. */
export const subject: Subject<"kafka"> = {
  service: "kafka",
  module: import.meta.url,
  provider: kafka,
  start: async (dir) => {
    const { endpoint } = await startEngine(kafkaEngine, { stateDir: dir, scope: "", input: undefined, emit: () => {} });
    return {
      endpoint,
      stop: async () => {
        await stopEngine(kafkaEngine, { stateDir: dir, scope: "" });
      },
    };
  },
  placement,
  damages: [
    deleteTopic(0),
    deleteTopic(1),
    change("a topic's retention was changed", /topic:.*:retention\.ms/, (link, at) =>
      configure(link, topic(at), "retention.ms", "1000"),
    ),
    change("a topic's retention was taken away", /topic:.*:retention\.ms/, (link, at) =>
      configure(link, topic(at), "retention.ms", undefined),
    ),
    change("a topic's cleanup policy was changed", /topic:.*:cleanup\.policy/, (link, at) =>
      configure(link, topic(at, 1), "cleanup.policy", "delete"),
    ),
    change("a topic got a setting that nobody asked for", /topic:.*:max\.message\.bytes/, (link, at) =>
      configure(link, topic(at), "max.message.bytes", "12345"),
    ),
    change("the user was deleted", /^user$/, (link, at) =>
      link.call(alterUserScramCredentialsV0.api, [{ name: wantedOf(at, FARMERS).user, mechanism: 2 }], []),
    ),
    change("the password was changed", /^password$/, (link, at) =>
      setPassword(link, wantedOf(at, FARMERS).user, 2, "another-one"),
    ),
    change("a weaker password was added", /^password:SCRAM-SHA-256$/, (link, at) =>
      setPassword(link, wantedOf(at, FARMERS).user, 1, "another-one"),
    ),
    ...Array.from({ length: 9 }, (_, index) =>
      change(`right ${index + 1} of the user was taken away`, /^acl:/, (link, at) =>
        dropAcl(link, wantedOf(at, FARMERS).acls[index]),
      ),
    ),
    change(
      "the user was given another's topics to read",
      /^acl:User:dev__farmers__events:allow read topic/,
      (link, at) =>
        addAcl(
          link,
          allow(wantedOf(at, FARMERS).user, "read", "topic", wantedOf(at, OTHER).prefixes.topics, "prefixed"),
        ),
      true,
    ),
    change(
      "the user was given every topic to write",
      /^acl:/,
      (link, at) => addAcl(link, allow(wantedOf(at, FARMERS).user, "write", "topic", "*")),
      true,
    ),
    change(
      "the user was given another's groups",
      /^acl:/,
      (link, at) =>
        addAcl(
          link,
          allow(wantedOf(at, FARMERS).user, "read", "group", wantedOf(at, OTHER).prefixes.groups, "prefixed"),
        ),
      true,
    ),
    change(
      "the user was given another's transactional ids",
      /^acl:/,
      (link, at) =>
        addAcl(
          link,
          allow(
            wantedOf(at, FARMERS).user,
            "write",
            "transactional-id",
            wantedOf(at, OTHER).prefixes.transactionalIds,
            "prefixed",
          ),
        ),
      true,
    ),
    change(
      "the user may alter the cluster",
      /^acl:/,
      (link, at) => addAcl(link, allow(wantedOf(at, FARMERS).user, "alter", "cluster", "kafka-cluster")),
      true,
    ),
    change("somebody unknown may read a topic", /^acl:User:mallory/, (link, at) =>
      addAcl(link, allow("mallory", "read", "topic", topic(at))),
    ),
    change("everybody may use the groups", /^acl:User:\*/, (link, at) =>
      addAcl(link, allow("*", "read", "group", wantedOf(at, FARMERS).prefixes.groups, "prefixed")),
    ),
    change("the user is denied something", /^acl:.*:deny/, (link, at) =>
      addAcl(link, { ...allow(wantedOf(at, FARMERS).user, "write", "topic", topic(at)), permission: "deny" }),
    ),
    change("a quota was changed", /^quota:producer_byte_rate$/, (link, at) =>
      quota(link, wantedOf(at, FARMERS).user, "producer_byte_rate", 1),
    ),
    change("a quota was taken away", /^quota:producer_byte_rate$/, (link, at) =>
      quota(link, wantedOf(at, FARMERS).user, "producer_byte_rate", undefined),
    ),
    change("a quota was added", /^quota:request_percentage$/, (link, at) =>
      quota(link, wantedOf(at, FARMERS).user, "request_percentage", 50),
    ),
    {
      ...change(
        "the reader was given the right to write",
        /^acl:/,
        (link, at) => addAcl(link, allow(wantedOf(at, READER).user, "write", "topic", topic(at))),
        true,
      ),
      item: "kafka/dev/pbms/registry",
    },
    {
      ...change("the reader's right was taken away", /^acl:/, (link, at) =>
        dropAcl(link, wantedOf(at, READER).acls[0]),
      ),
      item: "kafka/dev/pbms/registry",
    },
  ],
  foreign: async (endpoint, at) => {
    const { user, id } = wantedOf(at, OTHER);
    await asAdmin(endpoint, (link) => setPassword(link, user, 2, "not-of-ours"));
    return {
      item: id,
      remove: async () => {
        await asAdmin(endpoint, async (link) => {
          const { users } = await observeServer(link, []);
          if (users.has(user)) await link.call(alterUserScramCredentialsV0.api, [{ name: user, mechanism: 2 }], []);
        });
      },
    };
  },
  writeData: async (endpoint, at, username, password) => {
    const link = await Link.open(endpoint, { user: username, password: new Secret(password) });
    try {
      const name = topic(at);
      const leader = (await leadersOf(link, [name])).get(name);
      await link.callAt(leader, produceV9.api, -1, 10_000, [{ topic: name, partition: 0, value: Buffer.from(DATA) }]);
    } finally {
      await link.close();
    }
  },
  hasData: (endpoint, at) =>
    asAdmin(endpoint, async (link) => {
      const name = topic(at);
      const leader = (await leadersOf(link, [name])).get(name);
      if (leader === undefined) return false;
      const partition = { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1 };
      const request = [{ topicId: name, partitions: [{ ...partition, partitionMaxBytes: 65_536 }] }];
      const answer = await link.callAt(leader, fetchV12.api, 100, 1, 65_536, 0, 0, -1, request, [], "");
      const batches = answer.responses[0]?.partitions[0]?.records ?? [];
      return batches.some((batch) => batch.records.some((record) => record.value?.toString() === DATA));
    }),
  snapshot: (endpoint) =>
    asAdmin(endpoint, async (link) => {
      const bare = await observeServer(link, []);
      const { topics, users, quotas, settings } = await observeServer(link, [...bare.topics.keys()]);
      const { groups } = await link.call(listGroupsV4.api, [], []);
      const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
      return {
        acls: (await readAcls(link)).map(aclText).sort(),
        topics: sorted(topics).map(([, one]) => one),
        settings: sorted(settings).map(([name, all]) => [name, sorted(all).filter(([, one]) => one.own)]),
        users: sorted(users).map(([name, mechanisms]) => [name, sorted(mechanisms)]),
        quotas: sorted(quotas),
        groups: groups.map((one) => one.groupId).sort(),
      };
    }),
};

/** Makes a topic as the administrator, past the provider. */
export function makeTopic(endpoint: KafkaEndpoint, name: string, partitions = 1): Promise<void> {
  return asAdmin(endpoint, async (link) => {
    const request = [{ name, numPartitions: partitions, replicationFactor: -1, assignments: [], configs: [] }];
    await link.call(createTopicsV7.api, request, 10_000, false);
  });
}

/** Widens a topic as the administrator. */
export function widenTopic(endpoint: KafkaEndpoint, name: string, count: number): Promise<void> {
  return asAdmin(endpoint, async (link) => {
    await link.call(createPartitionsV3.api, [{ name, count, assignments: null }], 10_000, false);
  });
}

/** Takes away the marks of one name. */
export function unmark(endpoint: KafkaEndpoint, name: string): Promise<void> {
  return asAdmin(endpoint, async (link) => {
    for (const acl of await readAcls(link)) if (acl.name === name && isMarkPrincipal(acl)) await dropAcl(link, acl);
  });
}
