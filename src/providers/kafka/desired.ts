import { CLAIM_KINDS, type TopicSpec } from "../../model/claim.ts";
import type { ClaimRef } from "../../model/environment.ts";
import { MAIN, name } from "../../naming/name.ts";
import type { Placed, PlacedAccess, Placement } from "../contract.ts";
import { type Acl, allow } from "./acl.ts";
import type { Mark } from "./mark.ts";

/** One topic as it shall be. */
export interface DesiredTopic {
  /** The module's own word. */
  readonly word: string;
  readonly name: string;
  readonly spec: TopicSpec;
}

/** Beginnings of the names that a login may use; empty where it may use none. */
export interface Prefixes {
  readonly topics: string;
  readonly groups: string;
  readonly transactionalIds: string;
}

/** One login with everything that belongs to it. */
export interface DesiredUser {
  /** `kafka/<sandbox>/<instance>/<claim>`. */
  readonly id: string;
  readonly ref: ClaimRef;
  readonly kind: "topics" | "access";
  readonly user: string;
  readonly mark: Mark;
  /** Topics that it owns; none for an access. */
  readonly topics: readonly DesiredTopic[];
  /** Topics that it uses: its own, or another's, by the owner's word. */
  readonly uses: Readonly<Record<string, string>>;
  readonly prefixes: Prefixes;
  readonly acls: readonly Acl[];
  readonly quota: Readonly<Record<string, number>>;
  readonly accept: readonly string[];
  /** Of an access: what it may do. */
  readonly mode: "read" | "write" | "both";
}

/** Everything that one Kafka shall hold. */
export interface Desired {
  readonly environment: { readonly id: string; readonly name: string };
  /** Claims, then accesses. */
  readonly users: readonly DesiredUser[];
}

type KafkaPlacement = Placement<"kafka">;

/** What the placement asks of the server, with all names. Pure. */
export function desiredOf(placement: KafkaPlacement): Desired {
  const placed = [...placement.claims, ...placement.accesses];
  return { environment: placement.environment, users: placed.map((one) => desiredUser(placement, one)) };
}

/** What one claim or access asks for. Pure. */
export function desiredUser(placement: KafkaPlacement, placed: Placed<"kafka">): DesiredUser {
  return placed.kind === "access" ? access(placement, placed) : claim(placement, placed);
}

function claim(placement: KafkaPlacement, placed: Extract<Placed<"kafka">, { kind: "topics" }>): DesiredUser {
  const ref = refOf(placed);
  const user = nameOf(placement, "user", ref, ref.claim);
  const topics = Object.entries(placed.spec.topics).map(([word, spec]) => ({
    word,
    name: nameOf(placement, "topic", ref, word),
    spec,
  }));
  const prefixes = prefixesOf(placement, ref, "topics");
  const { produce, consume } = placed.spec.quota;
  return {
    id: `kafka/${ref.sandbox}/${ref.instance}/${ref.claim}`,
    ref,
    kind: CLAIM_KINDS.kafka,
    user,
    mark: { environment: placement.environment, ref, kind: "topics", target: undefined },
    topics,
    uses: Object.fromEntries(topics.map((topic) => [topic.word, topic.name])),
    prefixes,
    acls: [
      ...OWN_TOPIC.map((operation) => allow(user, operation, "topic", prefixes.topics, "prefixed")),
      // A name that had to be hashed does not begin with the prefix.
      ...topics
        .filter((topic) => !topic.name.startsWith(prefixes.topics))
        .flatMap((topic) => OWN_TOPIC.map((operation) => allow(user, operation, "topic", topic.name))),
      ...GROUP.map((operation) => allow(user, operation, "group", prefixes.groups, "prefixed")),
      ...TRANSACTIONAL_ID.map((operation) =>
        allow(user, operation, "transactional-id", prefixes.transactionalIds, "prefixed"),
      ),
    ],
    quota: {
      ...(produce === undefined ? {} : { producer_byte_rate: produce }),
      ...(consume === undefined ? {} : { consumer_byte_rate: consume }),
    },
    accept: placed.accept,
    mode: "both",
  };
}

function access(placement: KafkaPlacement, placed: PlacedAccess<"kafka">): DesiredUser {
  const ref = refOf(placed);
  const user = nameOf(placement, "user", ref, ref.claim);
  const uses = Object.fromEntries(
    placed.words.map((word) => [word, nameOf(placement, "topic", placed.target, word)] as const),
  );
  const groups = placed.mode === "read" ? prefixesOf(placement, ref, "access").groups : "";
  return {
    id: `kafka/${ref.sandbox}/${ref.instance}/${ref.claim}`,
    ref,
    kind: "access",
    user,
    mark: { environment: placement.environment, ref, kind: "access", target: refOf(placed.target) },
    topics: [],
    uses,
    prefixes: { topics: "", groups, transactionalIds: "" },
    acls: [
      ...Object.values(uses).flatMap((topic) =>
        ([placed.mode, "describe"] as const).map((operation) => allow(user, operation, "topic", topic)),
      ),
      ...(groups === "" ? [] : GROUP.map((operation) => allow(user, operation, "group", groups, "prefixed"))),
    ],
    quota: {},
    accept: placed.accept,
    mode: placed.mode,
  };
}

/**
 * The beginnings that a claim or access is or was granted. A claim's are the instance's; an access has groups of its own, since it is
 * another login.
 */
export function prefixesOf(
  placement: Pick<KafkaPlacement, "prefix">,
  ref: ClaimRef,
  kind: DesiredUser["kind"],
): Prefixes {
  if (kind === "access")
    return { topics: "", groups: nameOf(placement, "group-prefix", ref, ref.claim), transactionalIds: "" };
  return {
    topics: nameOf(placement, "topic-prefix", ref, MAIN),
    groups: nameOf(placement, "group-prefix", ref, MAIN),
    transactionalIds: nameOf(placement, "transactional-id-prefix", ref, MAIN),
  };
}

/**
 * A module may make further topics below its prefix; it may neither delete topics nor change their settings, which are the
 * environment file's. Idempotent producing is part of WRITE since Kafka 2.8 (KIP-679).
 */
const OWN_TOPIC = ["read", "write", "describe", "create", "describe-configs"] as const;
const GROUP = ["read", "describe"] as const;
const TRANSACTIONAL_ID = ["write", "describe"] as const;

function nameOf(
  placement: Pick<KafkaPlacement, "prefix">,
  kind: "user" | "topic" | "topic-prefix" | "group-prefix" | "transactional-id-prefix",
  ref: ClaimRef,
  claimWord: string,
): string {
  const { sandbox, instance } = ref;
  return name({ prefix: placement.prefix, service: "kafka", kind, sandbox, instance, claim: claimWord }).name;
}

function refOf({ sandbox, instance, claim: word }: ClaimRef): ClaimRef {
  return { sandbox, instance, claim: word };
}
