import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { itemsOf, onPlaces, type Place, step, unknownItems, withSession } from "../../../src/engine/place.ts";
import type { Claim } from "../../../src/model/environment.ts";
import { ConfigError, InterruptedError, ServiceError } from "../../../src/model/error.ts";
import type { EngineEvent } from "../../../src/model/event.ts";
import type { ServerSession } from "../../../src/providers/contract.ts";

const CLAIM: Claim = {
  sandbox: "dev",
  instance: "registry",
  claim: "sessions",
  kind: "keyspace",
  service: "redis",
  spec: {},
  accept: [],
  position: { file: "g2p.yaml", line: 1, column: 1 },
};

function place(id: string, after: readonly string[] = [], more: Partial<Place> = {}): Place {
  return {
    id,
    service: "redis",
    wanted: [],
    after,
    open: () => Promise.reject(new Error("nobody opens it here")),
    ...more,
  };
}

const down = (what: string) => new ServiceError(`${what} did not answer.`, { code: "DOWN", hint: "Start it." });

describe("work on several places", () => {
  it("begins on each when that on the places before it has ended, and not later", async () => {
    const told: string[] = [];
    const places = [
      place("keymanager", ["keycloak"]),
      place("keycloak", ["postgresql"]),
      place("postgresql"),
      place("kafka"),
    ];
    const results = await onPlaces(places, async ({ id }) => {
      told.push(`${id} begins`);
      await setImmediate();
      told.push(`${id} ends`);
      return id.length;
    });
    expect(results.map((one) => ("value" in one ? [one.place.id, one.value] : one))).toEqual([
      ["keymanager", 10],
      ["keycloak", 8],
      ["postgresql", 10],
      ["kafka", 5],
    ]);
    const at = (what: string) => told.indexOf(what);
    expect(at("postgresql ends")).toBeLessThan(at("keycloak begins"));
    expect(at("keycloak ends")).toBeLessThan(at("keymanager begins"));
    expect(at("kafka begins")).toBeLessThan(at("postgresql ends"));
    expect(told).toHaveLength(8);
  });

  it("is done on a place although one before it failed, which is told of that one alone", async () => {
    const results = await onPlaces(
      [place("keycloak", ["postgresql"]), place("postgresql"), place("kafka")],
      ({ id }) => (id === "postgresql" ? Promise.reject(down(id)) : Promise.resolve(id)),
    );
    expect(results.map((one) => ("value" in one ? one.value : one.error.message))).toEqual([
      "keycloak",
      "postgresql did not answer.",
      "kafka",
    ]);
  });

  it("fails with the first error where it failed on all", async () => {
    const work = onPlaces([place("kafka"), place("redis")], ({ id }) => Promise.reject(down(id)));
    await expect(work).rejects.toThrow("kafka did not answer.");
  });

  for (const [what, error] of [
    ["a mistake in the file", new ConfigError("g2p.yaml has a problem.", [])],
    ["an interruption", new InterruptedError("Stopped.", { code: "INTERRUPTED" })],
    ["a fault of ours", new TypeError("undefined is not a function")],
  ] as const) {
    it(`fails with ${what} on one place, after the others have ended`, async () => {
      let ended = false;
      const work = onPlaces([place("kafka"), place("redis")], async ({ id }) => {
        if (id === "kafka") throw error;
        await setImmediate();
        ended = true;
      });
      await expect(work).rejects.toBe(error);
      expect(ended).toBe(true);
    });
  }

  it("does nothing on no places", async () => {
    expect(await onPlaces([], () => Promise.reject(down("nothing")))).toEqual([]);
  });
});

describe("the items of places", () => {
  const one = place("redis/dev", [], { wanted: [{ claim: CLAIM, name: "dev__registry__sessions" }] });

  it("of one that failed say of each claim that it is unknown, and why", () => {
    expect(unknownItems(one, down("redis/dev"))).toEqual([
      {
        id: "redis/dev/registry/sessions",
        service: "redis",
        kind: "keyspace",
        sandbox: "dev",
        instance: "registry",
        claim: "sessions",
        server: "redis/dev",
        name: "dev__registry__sessions",
        action: "unknown",
        findings: [],
        reason: "redis/dev did not answer.",
        hint: "Start it.",
        outcome: "not started",
      },
    ]);
  });

  it("keep the order of the places", () => {
    const [unknown] = unknownItems(one, down("redis/dev"));
    if (unknown === undefined) throw new Error("no item");
    const { outcome: _, reason: __, hint: ___, ...rest } = unknown;
    const fine = { ...rest, action: "unchanged" as const };
    const items = itemsOf([
      { place: one, error: down("redis/dev") },
      { place: place("redis/test"), value: [fine] },
    ]);
    expect(items.map(({ action }) => action)).toEqual(["unknown", "unchanged"]);
  });
});

describe("a session", () => {
  const opened = () => {
    const told: string[] = [];
    const close = () => {
      told.push("closed");
      return Promise.resolve();
    };
    return { told, at: place("redis", [], { open: () => Promise.resolve({ close } as ServerSession) }) };
  };

  it("is closed after the work", async () => {
    const { told, at } = opened();
    expect(await withSession(at, () => Promise.resolve("done"))).toBe("done");
    expect(told).toEqual(["closed"]);
  });

  it("is closed after work that failed, whose error is kept", async () => {
    const { told, at } = opened();
    await expect(withSession(at, () => Promise.reject(down("redis")))).rejects.toThrow("redis did not answer.");
    expect(told).toEqual(["closed"]);
  });
});

describe("a step", () => {
  it("is told at its start and end, with its result or as failed", async () => {
    const events: EngineEvent[] = [];
    const emit = (event: EngineEvent) => void events.push(event);
    await step(
      emit,
      "one",
      "Working",
      () => Promise.resolve(3),
      (number) => `${number} done`,
    );
    await step(
      emit,
      "two",
      "Working",
      () => Promise.resolve(0),
      () => "",
    );
    const failing = step(
      emit,
      "three",
      "Failing",
      () => Promise.reject(down("it")),
      () => "never",
    );
    await expect(failing).rejects.toThrow("it did not answer.");
    const ms = expect.any(Number) as number;
    expect(events).toEqual([
      { type: "step-start", step: "one", title: "Working" },
      { type: "step-end", step: "one", outcome: "done", detail: "3 done", ms },
      { type: "step-start", step: "two", title: "Working" },
      { type: "step-end", step: "two", outcome: "done", ms },
      { type: "step-start", step: "three", title: "Failing" },
      { type: "step-end", step: "three", outcome: "failed", ms },
    ]);
  });
});
