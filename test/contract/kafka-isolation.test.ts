import {
  createAclsV3,
  createTopicsV7,
  deleteTopicsV6,
  findCoordinatorV4,
  initProducerIdV4,
  offsetFetchV8,
  produceV9,
} from "@platformatic/kafka";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allow, toWire } from "../../src/providers/kafka/acl.ts";
import { Link } from "../../src/providers/kafka/connection.ts";
import { protocolCode } from "../../src/providers/kafka/failure.ts";
import { makeTopic, subject, topicsAccess, topicsClaim, unmark, wantedOf, widenTopic } from "./kafka.ts";
import type { TestEngine } from "./subject.ts";
import { tlsFiles, startTlsKafka, type TlsKafka } from "./kafka-tls.ts";
import { asRef, ContractWorld, undone } from "./world.ts";

const REFUSED = { topic: 29, group: 30, cluster: 31, transactionalId: 53 };

describe("Kafka", () => {
  let dir = "";
  let engine: TestEngine<"kafka"> | undefined;
  let world: ContractWorld<"kafka">;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "g2p-kafka-"));
    engine = await subject.start(dir);
    world = await ContractWorld.open(subject, engine.endpoint);
    expect(undone((await world.apply()).items)).toEqual([]);
  });

  afterAll(async () => {
    expect((await world?.close()) ?? []).toEqual([]);
    await engine?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const login = async (index: number) => {
    const placed = world.placed[index];
    if (placed === undefined) throw new Error(`no claim ${index}`);
    const { username: user, password } = await world.credential(asRef(placed));
    return Link.open(world.endpoint, { user, password });
  };

  describe("another instance's login is refused", () => {
    const attempts: readonly [string, number, (link: Link) => Promise<unknown>][] = [
      [
        "writing to a topic",
        REFUSED.topic,
        (link) =>
          link.call(produceV9.api, -1, 5_000, [
            { topic: wantedOf(world.placement, 0).topics[0]?.name ?? "", partition: 0, value: Buffer.from("x") },
          ]),
      ],
      [
        "creating a topic below another's prefix",
        REFUSED.topic,
        (link) =>
          link.call(createTopicsV7.api, [topicOf(`${wantedOf(world.placement, 0).prefixes.topics}own`)], 5_000, false),
      ],
      [
        "creating a topic below nobody's prefix",
        REFUSED.topic,
        (link) => link.call(createTopicsV7.api, [topicOf("orders")], 5_000, false),
      ],
      [
        "deleting a topic",
        REFUSED.topic,
        (link) => link.call(deleteTopicsV6.api, [{ name: wantedOf(world.placement, 0).topics[0]?.name ?? "" }], 5_000),
      ],
      [
        "looking at a group's offsets",
        REFUSED.group,
        (link) =>
          link.call(
            offsetFetchV8.api,
            [{ groupId: `${wantedOf(world.placement, 0).prefixes.groups}g`, memberEpoch: -1, topics: null }],
            false,
          ),
      ],
      [
        "finding a group's coordinator",
        REFUSED.group,
        (link) => link.call(findCoordinatorV4.api, 0, [`${wantedOf(world.placement, 0).prefixes.groups}g`]),
      ],
      [
        "producing under a transactional id",
        REFUSED.transactionalId,
        (link) =>
          link.call(
            initProducerIdV4.api,
            `${wantedOf(world.placement, 0).prefixes.transactionalIds}t`,
            10_000,
            -1n,
            -1,
          ),
      ],
      [
        "giving itself a right",
        REFUSED.cluster,
        (link) =>
          link.call(createAclsV3.api, [
            toWire(
              allow(
                wantedOf(world.placement, 1).user,
                "read",
                "topic",
                wantedOf(world.placement, 0).prefixes.topics,
                "prefixed",
              ),
            ),
          ]),
      ],
    ];
    test.each(attempts)("%s", async (_, code, attempt) => {
      const link = await login(1);
      try {
        const error = await attempt(link).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(protocolCode(error)).toBe(code);
      } finally {
        await link.close();
      }
      await world.expectClean();
    });
  });

  test("a module makes topics of its own below its prefix, and a removal with data takes them along", async () => {
    await within(world, async (own) => {
      await own.apply();
      const user = wantedOf(own.placement, 0);
      const { password } = await own.credential(asRef(own.placed[0]!));
      const link = await Link.open(own.endpoint, { user: user.user, password });
      await link.call(createTopicsV7.api, [topicOf(`${user.prefixes.topics}mine`)], 5_000, false);
      await link.close();
      await own.expectClean();
      const [item] = (await own.planRemoval(true)).filter((one) => one.id === user.id);
      expect(item?.reason).toContain("1 of them made by the module itself");
    });
  });

  test("partitions are only added; fewer are told and left to a person", async () => {
    await within(world, async (own) => {
      await own.apply();
      const [claim] = own.placement.claims;
      const name = wantedOf(own.placement, 0).topics[0]?.name ?? "";
      const partitions = (count: number) => ({
        ...own.placement,
        claims: own.placement.claims.map((one) =>
          one === claim
            ? {
                ...one,
                spec: {
                  ...one.spec,
                  topics: { ...one.spec.topics, changes: { ...one.spec.topics["changes"]!, partitions: count } },
                },
              }
            : one,
        ),
      });
      expect(undone((await own.apply({ placement: partitions(4) })).items)).toEqual([]);
      await own.expectClean({ placement: partitions(4) });
      const [item] = (await own.plan()).items;
      expect(item?.findings.map(({ aspect, repair, expected, actual }) => [aspect, repair, expected, actual])).toEqual([
        [`topic:${name}:partitions`, "manual", "2", "4"],
      ]);
      const accepting = {
        ...own.placement,
        claims: own.placement.claims.map((one) => ({ ...one, accept: ["topic:*:partitions"] })),
      };
      await own.expectClean({ placement: accepting });
    });
  });

  test("a topic that is not ours is refused, and taken over with what is in it when that is said", async () => {
    const name = "gamma___dev__farmers__audit";
    await makeTopic(world.endpoint, name);
    await widenTopic(world.endpoint, name, 1).catch(() => {});
    const own = await ContractWorld.open(subject, world.endpoint, {
      prefix: "gamma",
      change: (placement) => ({ ...placement, claims: [topicsClaim("dev", "farmers")], accesses: [] }),
    });
    const refused = (await own.apply()).items[0];
    expect([refused?.action, refused?.reason]).toEqual([
      "refuse",
      `topic "${name}" exists already and is not ours: it carries no mark of ours`,
    ]);
    expect(undone((await own.apply({ adopt: [refused?.id ?? ""] })).items)).toEqual([]);
    await own.expectClean();
    await unmark(own.endpoint, name);
    expect((await own.plan()).items[0]?.action).toBe("refuse");
    expect(undone((await own.apply({ adopt: ["all"] })).items)).toEqual([]);
    expect(await own.close()).toEqual([]);
  });

  test("names too long to be read are hashed, and all rights still hold", async () => {
    const long = `i${"n".repeat(61)}e`;
    const claim = { ...topicsClaim(`s${"a".repeat(61)}x`, long), claim: `c${"l".repeat(61)}m` };
    const topics = { [`t${"o".repeat(61)}c`]: claim.spec.topics["audit"]! };
    const own = await ContractWorld.open(subject, world.endpoint, {
      prefix: `p${"r".repeat(61)}e`,
      change: (placement) => ({
        ...placement,
        claims: [{ ...claim, spec: { ...claim.spec, topics } }],
        accesses: [
          topicsAccess("pbms", "reads", { ...claim, spec: { ...claim.spec, topics } }, "read", Object.keys(topics)),
        ],
      }),
    });
    expect(undone((await own.apply()).items)).toEqual([]);
    await own.expectClean();
    expect((await own.verify()).cells.filter((cell) => !cell.ok)).toEqual([]);
    expect(await own.close()).toEqual([]);
  });

  test("ten instances are verified in seconds, and an apply without changes is a small part of the first", async () => {
    const own = await ContractWorld.open(subject, world.endpoint, {
      prefix: "many",
      change: (placement) => ({
        ...placement,
        claims: Array.from({ length: 10 }, (_, index) => topicsClaim("dev", `module-${index}`)),
        accesses: [],
      }),
    });
    const timed = async (work: () => Promise<unknown>) => {
      const begin = performance.now();
      await work();
      return Math.round(performance.now() - begin);
    };
    const first = await timed(() => own.apply());
    const again = await timed(() => own.apply());
    const verified = await timed(async () => expect((await own.verify()).ok).toBe(true));
    console.log(`ten claims: first apply ${first} ms, without changes ${again} ms, verify ${verified} ms`);
    expect(verified).toBeLessThan(30_000);
    expect(again).toBeLessThan(first);
    expect(await own.close()).toEqual([]);
  });
});

describe("Kafka behind TLS", () => {
  let dir = "";
  let server: TlsKafka | undefined;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "g2p-kafka-tls-"));
    server = await startTlsKafka(dir);
  });

  afterAll(async () => {
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test("everything goes through TLS with the authority's file", async () => {
    const world = await ContractWorld.open(subject, server!.endpoint);
    expect(undone((await world.apply()).items)).toEqual([]);
    await world.expectClean();
    expect((await world.verify()).cells.filter((cell) => !cell.ok)).toEqual([]);
    const fields = await world.binding(world.placed[0]!);
    expect(fields["securityProtocol"]).toBe("SASL_SSL");
    expect(await world.close()).toEqual([]);
  });

  const failureOf = async (endpoint: TlsKafka["endpoint"]) => {
    const world = await ContractWorld.open(subject, endpoint);
    const error = await world.plan().catch((thrown: unknown) => thrown);
    return error as { code?: string; message?: string; hint?: string };
  };

  test("plain text against TLS is told", async () => {
    const { caFile: _, ...rest } = server!.endpoint;
    const error = await failureOf({ ...rest, tls: false });
    expect([error.code, error.hint]).toEqual(["KAFKA_TLS_EXPECTED", expect.stringContaining("tls: true")]);
  });

  test("TLS against plain text is told", async () => {
    const error = await failureOf({ ...server!.endpoint, hosts: [{ host: "127.0.0.1", port: server!.plainPort }] });
    expect([error.code, error.hint]).toEqual(["KAFKA_TLS_REFUSED", expect.stringContaining("tls: false")]);
  });

  test("a certificate of another authority is not trusted", async () => {
    const other = await tlsFiles(join(dir, "other"));
    const error = await failureOf({ ...server!.endpoint, caFile: other.ca });
    expect([error.code, error.hint]).toEqual(["KAFKA_CERTIFICATE", expect.stringContaining("`ca`")]);
  });

  test("a missing file of the authority is named", async () => {
    const error = await failureOf({ ...server!.endpoint, caFile: "/nowhere/ca.pem" });
    expect([error.code, error.message]).toEqual(["KAFKA_CA_FILE", expect.stringContaining("/nowhere/ca.pem")]);
  });
});

function topicOf(name: string) {
  return { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
}

/** An environment of its own beside the first one. */
async function within(
  world: ContractWorld<"kafka">,
  body: (own: ContractWorld<"kafka">) => Promise<void>,
): Promise<void> {
  const own = await ContractWorld.open(subject, world.endpoint, {
    prefix: "beta",
    environment: { id: "beta-id", name: "beta" },
  });
  try {
    await body(own);
  } finally {
    expect(await own.close()).toEqual([]);
  }
}
