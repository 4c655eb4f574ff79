import fc from "fast-check";
import { SERVICES, type Service } from "../../../src/model/service.ts";
import { name, type NameTuple } from "../../../src/naming/name.ts";
import { kindsOf, type NameKind } from "../../../src/naming/rules.ts";

/** True for the long run: millions of tuples instead of thousands. */
export const NIGHTLY = process.env["G2P_NIGHTLY"] === "1";

/** Kinds of one service whose names share a namespace on the server; written down apart from the rules under test. */
export interface Space {
  readonly service: Service;
  readonly kinds: readonly NameKind[];
  /** Parts that tell names apart; all where not given. */
  readonly identity?: readonly ("prefix" | "sandbox" | "instance" | "claim")[];
  /** Names live in the sandbox's Kubernetes namespace. */
  readonly namespaced?: true;
}

export const SPACES: readonly Space[] = [
  {
    service: "postgresql",
    kinds: ["database", "owner", "reader", "login-a", "login-b", "access-a", "access-b"],
  },
  { service: "kafka", kinds: ["topic", "topic-prefix"] },
  { service: "kafka", kinds: ["group-prefix"] },
  { service: "kafka", kinds: ["transactional-id-prefix"] },
  { service: "kafka", kinds: ["user"] },
  { service: "s3", kinds: ["bucket"] },
  { service: "s3", kinds: ["user"] },
  { service: "opensearch", kinds: ["index-prefix"] },
  { service: "opensearch", kinds: ["role"] },
  { service: "opensearch", kinds: ["user"] },
  { service: "opensearch", kinds: ["tenant"] },
  { service: "keymanager", kinds: ["application-id"] },
  { service: "keycloak", kinds: ["client-id"] },
  { service: "redis", kinds: ["key-prefix"] },
  { service: "redis", kinds: ["channel-prefix"] },
  { service: "redis", kinds: ["user"] },
  { service: "kubernetes", kinds: ["namespace"], identity: ["prefix", "sandbox"] },
  { service: "kubernetes", kinds: ["release"], identity: ["prefix", "sandbox", "instance"], namespaced: true },
  { service: "kubernetes", kinds: ["binding-secret"], namespaced: true },
];

/** A space's title, for test names. */
export function title(space: Space): string {
  return `${space.service} ${space.kinds.join(", ")}`;
}

/** Two tuples of a space may share a name only when this is the same. */
export function identity(space: Space, tuple: NameTuple): string {
  const parts = space.identity ?? ["prefix", "sandbox", "instance", "claim"];
  return JSON.stringify([tuple.kind, ...parts.map((part) => tuple[part])]);
}

/** The name as the server tells names apart: case folded, `.` taken for `_` in Kafka, within the namespace on Kubernetes. */
export function folded(space: Space, tuple: NameTuple): string {
  const own = name(tuple).name;
  const whole = space.namespaced ? `${name({ ...tuple, kind: "namespace" }).name}/${own}` : own;
  const lower = whole.toLowerCase();
  return space.service === "kafka" ? lower.replaceAll(".", "_") : lower;
}

/** Legal names per service, as the services' own documentation has them, or narrower. */
export const LEGAL: Readonly<Record<Service, RegExp>> = {
  postgresql: /^(?!pg_)[a-z][a-z0-9_]*$/,
  kafka: /^[a-z0-9][a-zA-Z0-9._-]*$/,
  s3: /^(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]+[a-z0-9](?<!-s3alias|--ol-s3|--x-s3|--table-s3)$/,
  opensearch: /^[a-z0-9][a-z0-9_-]*$/,
  keymanager: /^[a-z0-9][a-z0-9_]*$/,
  keycloak: /^[a-z0-9][a-z0-9-]*[a-z0-9]$/,
  redis: /^[a-z0-9][a-z0-9_-]*$/,
  kubernetes: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
};

/** Names that PostgreSQL, Redis and the ledger have already. */
export const TAKEN = ["postgres", "template0", "template1", "public", "none", "g2p_commons", "default"];

export const LIMITS: Readonly<Record<Service, number>> = {
  postgresql: 63,
  kafka: 249,
  s3: 64,
  opensearch: 255,
  keymanager: 36,
  keycloak: 255,
  redis: 255,
  kubernetes: 63,
};

/** Parts chosen to be taken for one another, or for separators, suffixes, reserved words and hashes. */
export const NASTY: readonly string[] = [
  "a",
  "b",
  "a-b",
  "a--b",
  "a_b",
  "a__b",
  "",
  "main",
  "owner",
  "A",
  "pg",
  "é",
  "a.b",
  "a___owner",
  "-a",
  "a-",
  "1a",
  "x-s3",
  "xn",
  "s3alias",
  "abcdefghijkl",
];

const FRAGMENTS: readonly string[] = [
  ..."abAB1z.-_é\"' \0\u{1F600}\uD800\u0301K",
  "--",
  "---",
  "__",
  "___",
  "pg_",
  "main",
  "owner",
  "access_a",
  "binding",
  "xn--",
  "sthree-",
  "kube-",
  "-s3alias",
  "--ol-s3",
  "--x-s3",
  "abcdefghijkl",
  "template0",
  "default",
  "x".repeat(25),
  "x".repeat(70),
];

/** Any hostile part. */
export const part: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.stringMatching(/^[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}$/),
  fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 5 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: fc.constantFrom("a", "-", "_"), maxLength: 6 }),
);

/** Any service with one of its kinds. */
export const serviceAndKind: fc.Arbitrary<{ service: Service; kind: NameKind }> = fc.constantFrom(
  ...SERVICES.flatMap((service) => kindsOf(service).map((kind) => ({ service, kind }))),
);

/** Any tuple. */
export const tuple: fc.Arbitrary<NameTuple> = fc
  .tuple(serviceAndKind, fc.oneof(fc.constant(""), part), part, part, fc.oneof(fc.constant("main"), part))
  .map(([of, prefix, sandbox, instance, claim]) => ({ ...of, prefix, sandbox, instance, claim }));

/** One long text split into four parts in two ways: what a hash over joined text would confuse. */
export const sameTextSplitTwice: fc.Arbitrary<readonly [Split, Split]> = fc
  .tuple(
    fc.array(fc.constantFrom("a", "b", "a-b", "main", "owner", "A", "", "1"), { minLength: 4, maxLength: 7 }),
    fc.constantFrom("--", "__", "___", "-", "_", "."),
    fc.array(fc.nat(6), { minLength: 6, maxLength: 6 }),
  )
  .map(([words, joint, cuts]) => [split(words, joint, cuts.slice(0, 3)), split(words, joint, cuts.slice(3))]);

type Split = Pick<NameTuple, "prefix" | "sandbox" | "instance" | "claim">;

function split(words: readonly string[], joint: string, cuts: readonly number[]): Split {
  const [first = 0, second = 0, third = 0] = cuts.toSorted((a, b) => a - b);
  const slice = (from: number, to?: number): string => words.slice(from, to).join(joint);
  return {
    prefix: slice(0, first),
    sandbox: slice(first, second),
    instance: slice(second, third),
    claim: slice(third),
  };
}

/** Every tuple of a space over the given parts. */
export function* everyTuple(
  { service, kinds }: Pick<Space, "service" | "kinds">,
  prefixes: readonly string[],
  parts: readonly string[],
): Generator<NameTuple> {
  for (const kind of kinds)
    for (const prefix of prefixes)
      for (const sandbox of parts)
        for (const instance of parts)
          for (const claim of parts) yield { service, kind, prefix, sandbox, instance, claim };
}

/** A cheap repeatable stream of hostile tuples, for runs that are too long for fast-check. */
export function* randomTuples(
  { service, kinds }: Pick<Space, "service" | "kinds">,
  count: number,
  seed: number,
): Generator<NameTuple> {
  const below = generator(seed);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const randomPart = (): string => {
    if (below(3) === 0) return pick(NASTY);
    if (below(2) === 0) return below(2 ** 31).toString(36) + (below(2) === 0 ? "" : `-${below(1000)}`);
    let text = "";
    for (let length = below(5); length >= 0; length--) text += pick(FRAGMENTS);
    return text;
  };
  for (let made = 0; made < count; made++) {
    const claim = below(3) === 0 ? "main" : randomPart();
    const prefix = below(2) === 0 ? "" : randomPart();
    yield { service, kind: pick(kinds), prefix, sandbox: randomPart(), instance: randomPart(), claim };
  }
}

/** Whole numbers below a bound, by mulberry32. */
function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
