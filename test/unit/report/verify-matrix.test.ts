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
    "Who reaches what
                           1 2 3 4 5
    dev/farmers/main       ✓ · ·   ◦
    dev/pbms/main          · ✓ · ! ◦
    dev/pbms/registry      r
    staging/registry/main  · · ✓   ◦

      1 dev/farmers/main        3 staging/registry/main   5 template1
      2 dev/pbms/main           4 postgres

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
    "Who reaches what
               1      2
    s0/…     400 ✗1/400
    s1/…     400    400

      1 s0/…   2 s1/…

      number of attempts; ✗ of these wrong; ! accepted exceptions among them

    Wrong
      ✗ s0/m0: connect on s1/m1: expected refused, was allowed (42501)

    Isolation is broken: 1 of 1,600 attempts ended otherwise than expected.
    "
  `);
});
