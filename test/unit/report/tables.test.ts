import { expect, it } from "vitest";
import { combineStates } from "../../../src/model/status.ts";
import { renderNames } from "../../../src/report/names-table.ts";
import { renderStatus } from "../../../src/report/status-tree.ts";
import { renderSummary } from "../../../src/report/summary.ts";
import { PLAIN, STATUS } from "./samples.ts";

it("lists names by instance with their lengths and marks those with a hash", () => {
  const row = {
    sandbox: "dev",
    instance: "farmers",
    claim: "main",
    service: "postgresql",
    limit: 63,
    hashed: false,
  } as const;
  const rows = [
    { ...row, kind: "database", name: "dev__farmers" },
    { ...row, kind: "owner", name: "dev__farmers___owner" },
    { ...row, instance: "bridge", kind: "database", name: "dev__bridge_example___abcdefghijkl", hashed: true },
  ];
  expect(renderNames(rows, PLAIN)).toMatchInlineSnapshot(`
    "dev/farmers
      main  postgresql  database  dev__farmers                        12/63
      main  postgresql  owner     dev__farmers___owner                20/63
    dev/bridge
      main  postgresql  database  dev__bridge_example___abcdefghijkl  34/63  #

    3 names, 1 shortened by a hash (#).
    "
  `);
});

it("shows servers and resources with their states", () => {
  expect(renderStatus(STATUS, PLAIN)).toMatchInlineSnapshot(`
    "environment staging

    ✓ postgresql      127.0.0.1:5432  18.4  ready      31 of 100 connections
    ✗ postgresql/dev  127.0.0.1:5433        unhealthy
        It does not answer: connect ECONNREFUSED 127.0.0.1:5433.

    dev
      farmers
        ✓ main  database  dev__farmers  on postgresql      ready
      pbms
        ~ main  database  dev__pbms     on postgresql      outdated
            connection limit: 10 -> 30
      spar
        ✗ main  database  dev__spar     on postgresql/dev  missing
            There is no such database.

    1 ready, 1 outdated, 1 missing, 1 server not ready.
    "
  `);
});

it("says in one line that all is ready", () => {
  const [server] = STATUS.servers;
  const [item] = STATUS.items;
  const status = { ...STATUS, servers: server ? [server] : [], items: item ? [item, item] : [] };
  expect(renderStatus(status, PLAIN)).toMatch(/All 2 resources are ready\.\n$/);
});

it("takes the worst state for the whole", () => {
  expect(combineStates([])).toBe("ready");
  expect(combineStates(["ready", "outdated", "waiting"])).toBe("outdated");
  expect(combineStates(["foreign", "missing"])).toBe("foreign");
});

it("ends up with addresses, databases and the next commands", () => {
  const [server] = STATUS.servers;
  const status = { ...STATUS, servers: server ? [server] : [] };
  expect(renderSummary(status, PLAIN, { foreground: true })).toMatchInlineSnapshot(`
    "staging is up: 3 databases for 3 instances.

      ✓ postgresql  127.0.0.1:5432  18.4  ready  31 of 100 connections

      dev
        farmers  dev__farmers
        pbms     dev__pbms
        spar     dev__spar

    Next
      g2p bindings dev/farmers     address and credentials of an instance
      g2p exec dev/farmers -- CMD  run a program with them
      g2p status                   how it stands

    Ctrl-C stops the servers; the data stays.
    "
  `);
});

it("repeats the options that the next commands need", () => {
  const text = renderSummary(STATUS, PLAIN, { options: "-f examples/two-sandboxes/g2p.yaml", foreground: false });
  expect(text).toContain(
    "  g2p exec -f examples/two-sandboxes/g2p.yaml dev/farmers -- CMD\n    run a program with them\n",
  );
});
