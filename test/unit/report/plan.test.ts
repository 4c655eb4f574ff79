import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import type { PlanItem } from "../../../src/model/plan.ts";
import { renderApplied, renderPlan, renderRemoval } from "../../../src/report/plan.ts";
import { ALL_SERVICES, item, PLAIN, PLAN, serviceItem } from "./samples.ts";

it("shows every change by sandbox and instance and folds what is unchanged", () => {
  expect(renderPlan(PLAN, PLAIN)).toMatchInlineSnapshot(`
    "dev
      farmers
        + main          database  dev__farmers
        + pbms          access    dev__farmers___pbms
      pbms
        ~ main          database  dev__pbms
            connection limit: 10 -> 30
            membership:dev__pbms___owner:mallory: [needs superuser]
              member, granted by dba
              -> no member but dev__pbms___login_a
              PostgreSQL 16 lets only the grantor or a superuser revoke it.
      bridge
        ! example-bank  database
          dev__bridge__example_bank_with_a_long_name_that_goes_on___abcdefghijkl
            The database is there and owned by "dba"; it carries no mark of ours.
            Nothing was changed.
            hint: Re-run with --adopt dev__bridge__example_bank to take it over.
      old
        · main          database  dev__old
            The environment file no longer names it; it stays until g2p remove.
    staging
      registry
        - spar          access    staging__registry

    Not repaired by apply: 1 difference [needs superuser].
    Plan: 2 to create, 1 to update, 1 to remove, 1 unchanged, 1 retained, 1 refused
    "
  `);
});

it("lists unchanged resources when asked for more", () => {
  expect(renderPlan(PLAN, PLAIN, { verbose: true })).toContain("    = main          database  staging__registry\n");
});

it("says that there is nothing to do", () => {
  const plan = { ...PLAN, items: [item("dev/a", "main", "unchanged"), item("dev/b", "main", "unchanged")] };
  expect(renderPlan(plan, PLAIN)).toBe("Nothing to do: 2 resources are as wanted.\n");
});

it("keeps every line within 80 and within 50 columns, except names that are longer", () => {
  for (const columns of [80, 50]) {
    const lines = renderPlan(PLAN, { columns, color: false }).split("\n");
    expect(
      lines.filter((line) => line.length > columns && !/^ +dev__bridge__/.test(line) && !/^Plan: /.test(line)),
    ).toEqual([]);
  }
});

it("differs between colour and none in escape sequences only", () => {
  const coloured = renderPlan(PLAN, { columns: 80, color: true });
  expect(coloured).toContain("\u001b[32m+");
  expect(stripVTControlCharacters(coloured)).toBe(renderPlan(PLAN, PLAIN));
});

it("names servers where there is more than one", () => {
  const items = [
    item("dev/a", "main", "create", { server: "postgresql/dev" }),
    item("test/a", "main", "create", { server: "postgresql/test" }),
  ];
  expect(renderPlan({ ...PLAN, items }, PLAIN)).toContain("+ main  database  dev__a   postgresql/dev\n");
});

it("shows what an apply did, what failed and why, and what was not started", () => {
  const outcomes: Partial<Record<PlanItem["action"], Partial<PlanItem>>> = {
    create: { outcome: "done" },
    update: { outcome: "failed", reason: "permission denied to alter role (42501)" },
    remove: { outcome: "not started" },
  };
  const items = PLAN.items.map((one) => ({ ...one, ...outcomes[one.action] }));
  const summary = { created: 2, updated: 0, unchanged: 1, removed: 0, failed: 1 };
  expect(renderApplied({ summary, items }, PLAIN)).toMatchInlineSnapshot(`
    "dev
      farmers
        ✓ main          database  dev__farmers         created
        ✓ pbms          access    dev__farmers___pbms  created
      pbms
        ✗ main          database  dev__pbms            failed
            permission denied to alter role (42501)
      bridge
        ! example-bank  database
          dev__bridge__example_bank_with_a_long_name_that_goes_on___abcdefghijkl
            The database is there and owned by "dba"; it carries no mark of ours.
            Nothing was changed.
            hint: Re-run with --adopt dev__bridge__example_bank to take it over.
      old
        · main          database  dev__old
            The environment file no longer names it; it stays until g2p remove.
    staging
      registry
        · spar          access    staging__registry    not started

    Not repaired by apply: 1 difference [needs superuser].
    Applied in part: 2 created, 0 updated, 0 removed, 1 unchanged, 1 retained, 1
    refused, 1 failed, 1 not started
    "
  `);
});

const ALL = { ...PLAN, items: ALL_SERVICES };

it("tells which service each resource is of, and gathers those of a server that could not be looked at", () => {
  expect(renderPlan(ALL, PLAIN)).toMatchInlineSnapshot(`
    "dev
      farmers
        + main            database  dev__farmers                  postgresql
        ~ events          topics    dev__farmers__events          kafka
            topic:dev__farmers__changes:partitions: 3 -> 6
        + documents       buckets   dev--farmers--documents       s3
        + documents-read  access    dev--farmers--documents-read  s3
        + keys            keys      dev__farmers__keys            keymanager
        + staff-portal    client    dev--farmers--staff-portal    keycloak
        + agent-portal    client    dev--farmers--agent-portal    keycloak

    ? redis: 2 resources not looked at: redis at 127.0.0.1:6379 did not answer:
      connect ECONNREFUSED 127.0.0.1:6379. Nothing was changed.
      hint: Start it, or correct its address.

    Plan: 6 to create, 1 to update, 0 to remove, 1 unchanged, 2 not looked at
    "
  `);
});

it("leaves out the server where the terminal is too narrow and the kind tells the service", () => {
  const text = renderPlan(ALL, { columns: 70, color: false });
  expect(text).toContain("~ events          topics     dev__farmers__events\n");
  expect(text).toContain("+ documents-read  access s3  dev--farmers--documents-read\n");
});

it("keeps every line of all services within 120, 80, 60 and 40 columns, but for names that are longer", () => {
  for (const columns of [120, 80, 60, 40]) {
    const look = { columns, color: false };
    for (const text of [renderPlan(ALL, look), renderApplied(ALL, look, { verbose: true }), renderRemoval(ALL, look)])
      expect(text.split("\n").filter((line) => line.length > columns)).toEqual([]);
  }
});

it("shows what an apply could not look at once a server, and does not count it as not started", () => {
  const text = renderApplied(
    { summary: { created: 0, updated: 0, unchanged: 0, removed: 0, failed: 2 }, items: ALL_SERVICES.slice(-2) },
    PLAIN,
  );
  expect(text).toMatchInlineSnapshot(`
    "? redis: 2 resources not looked at: redis at 127.0.0.1:6379 did not answer:
      connect ECONNREFUSED 127.0.0.1:6379. Nothing was changed.
      hint: Start it, or correct its address.

    Applied in part: 0 created, 0 updated, 0 removed, 0 unchanged, 2 not looked at
    "
  `);
});

it("counts what a removal takes by kind", () => {
  const items = [
    ...PLAN.items.filter((one) => one.kind !== "access"),
    ...ALL_SERVICES,
    serviceItem("s3", "dev/pbms", "documents", "create", { reason: "dev--pbms--documents with 3 objects" }),
  ].map((one) => (one.action === "unknown" ? one : { ...one, action: "remove" as const }));
  const text = renderRemoval({ ...PLAN, items }, { columns: 120, color: false });
  expect(text.split("\n").slice(-3).join("\n")).toMatchInlineSnapshot(`
    "To remove: 6 databases, 1 claim on topics, 2 claims on buckets, 1 claim on indices, 1 key application, 2 clients, 1
    access, 2 not looked at.
    "
  `);
});

it("says nothing of nothing to do where a server could not be looked at", () => {
  expect(renderPlan({ ...PLAN, items: ALL_SERVICES.slice(-1) }, PLAIN)).toContain("Plan: 0 to create");
});
