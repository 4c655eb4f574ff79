import { expect, it } from "vitest";
import type { Cell } from "../../../src/model/plan.ts";
import { renderVerify } from "../../../src/report/verify-matrix.ts";
import { cell, PLAIN } from "./samples.ts";

/** Every login on every database: allowed on its own only. */
function connects(places: readonly string[]): Cell[] {
  return places.flatMap((from) =>
    places.map((to) =>
      from === to
        ? cell(from, to, "connect", "allowed", { expected: "allowed" })
        : cell(from, to, "connect", "refused", { detail: "42501" }),
    ),
  );
}

const PLACES = ["dev/farmers/main", "dev/pbms/main", "staging/registry/main"];

const HOLDING: readonly Cell[] = [
  ...connects(PLACES),
  cell("dev/pbms/registry", "dev/farmers/main", "connect", "allowed", { expected: "allowed" }),
  cell("dev/pbms/registry", "dev/farmers/main", "write other's tables", "refused"),
  cell("dev/pbms/main", "postgres", "connect", "allowed", { accepted: true, detail: "connectsToPostgres" }),
  ...PLACES.map((from) => cell(from, "template1", "connect", "refused", { how: "asked" })),
  ...PLACES.map((from) => cell(from, "server", "create database", "refused")),
];

it("shows who reaches what, counts other attempts and lists accepted exceptions", () => {
  expect(renderVerify({ ok: true, cells: HOLDING }, PLAIN)).toMatchInlineSnapshot(`
    "Who reaches what on postgresql
                           1 2 3 4 5
    dev/farmers/main       ✓ · ·   ◦
    dev/pbms/main          · ✓ · ! ◦
    dev/pbms/registry      r
    staging/registry/main  · · ✓   ◦

      1 dev/farmers/main        3 staging/registry/main   5 template1
      2 dev/pbms/main           4 postgres
      15 attempts: 4 allowed, 7 refused, 3 asked only, 1 accepted

      ✓ allowed, as it should be
      r may read, by a login of its own
      · refused, as it should be
      ◦ as it should be, but only asked, not tried
      ! accepted exception

    Other attempts, from every login's own connection
      ✓ create database  3 refused

    Accepted exceptions
      ! connect on postgres: connectsToPostgres (dev/pbms/main)

    Isolation holds: 18 attempts, all as expected (1 accepted exception, 3 only
    asked).
    "
  `);
});

it("lists everything that is wrong in full", () => {
  const wrong = [
    cell("staging/registry/main", "dev/pbms/main", "read other's tables", "allowed", { ok: false }),
    cell("dev/pbms/main", "server", "create role", "error", { ok: false, detail: "57014" }),
  ];
  const text = renderVerify({ ok: false, cells: [...HOLDING, ...wrong] }, PLAIN);
  expect(text.slice(text.indexOf("Wrong\n"))).toMatchInlineSnapshot(`
    "Wrong
      ✗ staging/registry/main: read other's tables on dev/pbms/main: expected
        refused, was allowed
      ✗ dev/pbms/main: create role on server: expected refused, was an error
        (57014)

    Accepted exceptions
      ! connect on postgres: connectsToPostgres (dev/pbms/main)

    Isolation is broken: 2 of 20 attempts ended otherwise than expected (1 accepted
    exception, 3 only asked).
    "
  `);
  expect(text).toContain("staging/registry/main  · ✗ ✓   ◦");
});

it("splits the matrix where the terminal is too narrow", () => {
  const cells = connects(Array.from({ length: 28 }, (_, index) => `dev/m${index}`));
  const text = renderVerify({ ok: true, cells }, { columns: 60, color: false });
  expect(text.split("\n").filter((line) => line.length > 60)).toEqual([]);
  expect(text.match(/^dev\/m27 /gm)).toHaveLength(2);
});

it("counts by sandbox where there are more than 30 logins", () => {
  const cells = connects(Array.from({ length: 40 }, (_, index) => `s${index % 2}/m${index}`));
  const broken = cells.map((one, index) => (index === 1 ? { ...one, actual: "allowed" as const, ok: false } : one));
  expect(renderVerify({ ok: false, cells: broken }, PLAIN)).toMatchInlineSnapshot(`
    "Who reaches what on postgresql
               1      2
    s0/…     400 ✗1/400
    s1/…     400    400

      1 s0/…   2 s1/…

      number of attempts; ✗ of these wrong; ! accepted exceptions among them
      1,600 attempts: 40 allowed, 1,559 refused, 1 wrong

    Wrong
      ✗ s0/m0: connect on s1/m1: expected refused, was allowed (42501)

    Isolation is broken: 1 of 1,600 attempts ended otherwise than expected.
    "
  `);
});

/** Every login on every claim of a service that knows no connecting to claims: its own may be used, but not deleted. */
function uses(service: Cell["service"], places: readonly string[]): Cell[] {
  return places.flatMap((from) =>
    places.flatMap((to) => {
      const own = from === to;
      const ended = own ? "allowed" : "refused";
      const target = `${to}/events`;
      return [
        cell(from, target, "read", ended, { service, expected: ended }),
        cell(from, target, "write", ended, { service, expected: ended }),
        cell(from, target, "delete", "refused", { service }),
      ];
    }),
  );
}

const ALL: readonly Cell[] = [
  ...HOLDING,
  ...uses("kafka", ["dev/farmers", "dev/pbms"]),
  cell("dev/pbms/registry-events", "dev/farmers/events", "read", "allowed", { service: "kafka", expected: "allowed" }),
  cell("dev/pbms/registry-events", "dev/farmers/events", "write", "refused", { service: "kafka" }),
  cell("dev/pbms", "server", "make a topic elsewhere", "refused", { service: "kafka" }),
];

it("draws a matrix for each service", () => {
  const text = renderVerify({ ok: true, cells: ALL }, PLAIN);
  expect(text.slice(text.indexOf("Who reaches what on kafka"))).toMatchInlineSnapshot(`
    "Who reaches what on kafka
                              1 2
    dev/farmers               ✓ ·
    dev/pbms                  · ✓
    dev/pbms/registry-events  ◐

      1 dev/farmers/events   2 dev/pbms/events
      14 attempts: 5 allowed, 9 refused

      ✓ allowed, as it should be
      ◐ some allowed, the rest refused, as it should be
      r may read, by a login of its own
      · refused, as it should be
      ◦ as it should be, but only asked, not tried
      ! accepted exception

    Other attempts, from every login's own connection
      ✓ create database         postgresql  3 refused
      ✓ make a topic elsewhere  kafka       1 refused

    Accepted exceptions
      ! postgresql: connect on postgres: connectsToPostgres (dev/pbms/main)

    Isolation holds: 33 attempts, all as expected (1 accepted exception, 3 only
    asked).
    "
  `);
  expect(text.indexOf("Who reaches what on postgresql")).toBe(0);
});

it("is one line a service in its brief form, with what is wrong", () => {
  const unreachable = cell("g2p", "redis/dev", "reach the server", "error", {
    service: "redis",
    expected: "allowed",
    ok: false,
    detail: "redis at 127.0.0.1:6379 did not answer",
  });
  expect(renderVerify({ ok: false, cells: [...ALL, unreachable] }, PLAIN, { brief: true })).toMatchInlineSnapshot(`
    "Isolation
      ✓ postgresql  18 attempts: 4 allowed, 10 refused, 3 asked only, 1 accepted
      ✓ kafka       15 attempts: 5 allowed, 10 refused
      ✗ redis       1 attempt: 1 wrong

    Wrong
      ✗ redis: g2p: reach the server on redis/dev: expected allowed, was an error
        (redis at 127.0.0.1:6379 did not answer)

    Isolation is not proven: 1 of 34 attempts ended in an error (1 accepted
    exception, 3 only asked).
    "
  `);
});

it("keeps every line within 80 and 50 columns", () => {
  for (const columns of [80, 50])
    for (const brief of [true, false])
      expect(
        renderVerify({ ok: true, cells: ALL }, { columns, color: false }, { brief })
          .split("\n")
          .filter((line) => line.length > columns),
      ).toEqual([]);
});
