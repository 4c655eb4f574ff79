import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InternalError } from "../../../src/model/error.ts";
import { SERVICES } from "../../../src/model/service.ts";
import { name, type NameTuple } from "../../../src/naming/name.ts";
import { kindsOf, type NameKind } from "../../../src/naming/rules.ts";
import { everyTuple, LEGAL, LIMITS, NASTY, NIGHTLY, randomTuples, tuple, TAKEN } from "./tuples.ts";

const RUNS = { numRuns: NIGHTLY ? 100_000 : 3_000 };
const LONG = { timeout: 30 * 60_000 };
const HASHED = /^[a-z0-9]+([_-][a-z0-9]+)*(___|---)[a-z2-7]{12}(___)?$/;
const PREFIX_KINDS: readonly string[] = [
  "topic-prefix",
  "group-prefix",
  "transactional-id-prefix",
  "index-prefix",
  "key-prefix",
  "channel-prefix",
];

test("every name of any tuple is legal for its service and within the limit in bytes", LONG, () => {
  fc.assert(
    fc.property(tuple, (any) => {
      const { name: text, limit } = name(any);
      expect(text).toMatch(LEGAL[any.service]);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
      expect(limit).toBeLessThanOrEqual(LIMITS[any.service]);
      if (any.service !== "kubernetes") expect(TAKEN).not.toContain(text);
    }),
    RUNS,
  );
});

test("a namespace is none of the cluster's own", LONG, () => {
  const namespace = (sandbox: string) =>
    name({ prefix: "", service: "kubernetes", kind: "namespace", sandbox, instance: "x", claim: "main" }).name;
  for (const sandbox of ["default", "kube-system", "kube--x", "kube-", "Kube"]) {
    expect(namespace(sandbox)).not.toMatch(/^(kube-|default$)/);
  }
});

test("a Helm release begins with a letter and fits 53 bytes", LONG, () => {
  fc.assert(
    fc.property(tuple, (any) => {
      const { name: text } = name({ ...any, service: "kubernetes", kind: "release" });
      expect(text).toMatch(/^[a-z]/);
      expect(text.length).toBeLessThanOrEqual(53);
    }),
    RUNS,
  );
});

test("the same tuple always gets the same name, whatever the order of its keys", LONG, () => {
  fc.assert(
    fc.property(tuple, (any) => {
      const turned = Object.fromEntries(Object.entries(any).toReversed()) as unknown as NameTuple;
      expect(name(turned)).toEqual(name(any));
    }),
    RUNS,
  );
});

test("a name has the hashed form exactly when it is hashed", LONG, () => {
  fc.assert(
    fc.property(tuple, (any) => {
      const named = name(any);
      expect(HASHED.test(named.name)).toBe(named.hashed);
    }),
    RUNS,
  );
});

test("only tuples whose parts are DNS labels without a double dash stay readable", LONG, () => {
  const label = /^(?!.*--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  fc.assert(
    fc.property(tuple, (any) => {
      fc.pre(any.service !== "kubernetes");
      if (name(any).hashed) return;
      for (const text of [any.sandbox, any.instance, any.claim]) expect(text).toMatch(label);
      if (any.prefix !== "") expect(any.prefix).toMatch(label);
    }),
    RUNS,
  );
});

describe("the prefix granted to an instance", () => {
  const services = SERVICES.filter((service) => kindsOf(service).some((kind) => PREFIX_KINDS.includes(kind)));

  /** The instance whose granted prefix begins a name of another instance, if any. */
  function firstIntruder(tuples: () => Iterable<NameTuple>): string | undefined {
    const owners = new Map<string, string>();
    const ends = new Set<number>();
    for (const any of tuples()) {
      if (!PREFIX_KINDS.includes(any.kind)) continue;
      const granted = fold(name(any).name);
      expect(granted).toMatch(/__$/);
      owners.set(granted, instanceOf(any));
      ends.add(granted.length);
    }
    for (const any of tuples()) {
      const text = fold(name(any).name);
      for (let end = text.indexOf("__") + 2; end > 1 && end <= text.length; end++) {
        if (text[end - 1] !== "_" || !ends.has(end)) continue;
        const owner = owners.get(text.slice(0, end));
        if (owner !== undefined && owner !== instanceOf(any))
          return `${text} of ${instanceOf(any)} is open to ${owner}`;
      }
    }
    return undefined;
  }

  const fold = (text: string): string => text.toLowerCase().replaceAll(".", "_");
  const instanceOf = ({ prefix, sandbox, instance }: NameTuple): string => JSON.stringify([prefix, sandbox, instance]);

  test.each(services)("begins no name of another instance, over nasty parts: %s", LONG, (service) => {
    const parts = NASTY.slice(0, NIGHTLY ? 16 : 10);
    const space = { service, kinds: kindsOf(service) };
    expect(firstIntruder(() => everyTuple(space, ["", "a", "a--b"], parts))).toBeUndefined();
  });

  test.each(services)("begins no name of another instance, over random parts: %s", LONG, (service) => {
    const space = { service, kinds: kindsOf(service) };
    expect(firstIntruder(() => randomTuples(space, NIGHTLY ? 500_000 : 10_000, 7))).toBeUndefined();
  });

  test("begins that instance's own readable topics", () => {
    const farmers = { prefix: "", service: "kafka", sandbox: "dev", instance: "farmers" } as const;
    const granted = name({ ...farmers, kind: "topic-prefix", claim: "main" }).name;
    for (const claim of ["main", "events"]) expect(name({ ...farmers, kind: "topic", claim }).name).toContain(granted);
  });

  test("cannot be entered by a sandbox named after another's hash", () => {
    const weird = { prefix: "staging", service: "kafka", sandbox: "", instance: "", claim: "main" } as const;
    const granted = name({ ...weird, kind: "topic-prefix" }).name;
    expect(granted).toMatch(/^staging___[a-z2-7]{12}___$/);
    const sandbox = granted.slice("staging___".length, -"___".length);
    for (const kind of kindsOf("kafka")) {
      for (const prefix of ["", "staging"]) {
        const entering = name({ service: "kafka", kind, prefix, sandbox, instance: "x", claim: "main" });
        expect(entering.hashed).toBe(false);
        expect(entering.name.startsWith(granted)).toBe(false);
      }
    }
  });
});

test("a sandbox named like a hash does not take a hashed namespace", () => {
  const namespace = (prefix: string, sandbox: string) =>
    name({ prefix, service: "kubernetes", kind: "namespace", sandbox, instance: "", claim: "" });
  const hashed = namespace("staging", "");
  const imitation = namespace("staging", hashed.name.slice(-12));
  expect(imitation.hashed).toBe(true);
  expect(imitation.name).not.toBe(hashed.name);
});

test("all instances of a sandbox share its namespace, also where it is hashed", () => {
  const of = (sandbox: string, instance: string, claim: string) =>
    name({ prefix: "", service: "kubernetes", kind: "namespace", sandbox, instance, claim }).name;
  for (const sandbox of ["dev", "Dev"]) expect(of(sandbox, "registry", "main")).toBe(of(sandbox, "spar", "x"));
});

test("PostgreSQL's databases and roles never share a name, whatever the parts", LONG, () => {
  fc.assert(
    fc.property(tuple, (any) => {
      const names = kindsOf("postgresql").map((kind) => name({ ...any, service: "postgresql", kind }).name);
      expect(new Set(names).size).toBe(names.length);
    }),
    RUNS,
  );
});

test("a kind that the service does not have is an internal error", () => {
  const wrong = { prefix: "", service: "redis", sandbox: "dev", instance: "x", claim: "main" } as const;
  for (const kind of ["database", "toString", "__proto__"]) {
    expect(() => name({ ...wrong, kind: kind as NameKind })).toThrow(InternalError);
  }
});
