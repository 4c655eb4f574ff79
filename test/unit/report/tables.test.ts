import { expect, it } from "vitest";
import { combineStates } from "../../../src/model/status.ts";
import { renderNames } from "../../../src/report/names-table.ts";
import { renderStatus } from "../../../src/report/status-tree.ts";
import { renderSummary } from "../../../src/report/summary.ts";
import { ALL_STATUS, PLAIN, STATUS } from "./samples.ts";

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
        ✓ main  database  dev__farmers  postgresql      ready
      pbms
        ~ main  database  dev__pbms     postgresql      outdated
            connection limit: 10 -> 30
      spar
        ✗ main  database  dev__spar     postgresql/dev  missing
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

it("shows the resources of all services under their instance, and all servers", () => {
  expect(renderStatus(ALL_STATUS, PLAIN)).toMatchInlineSnapshot(`
    "environment staging

    ✓ postgresql  127.0.0.1:5000  1.0.0  ready
    ✓ kafka       127.0.0.1:5001  2.0.1  ready
    ✓ s3          127.0.0.1:5002  3.0.2  ready
    ✓ opensearch  127.0.0.1:5003  4.0.3  ready
    ✓ keymanager  127.0.0.1:5004  5.0.4  ready
    ✓ keycloak    127.0.0.1:5005  6.0.5  ready
    ✓ redis       127.0.0.1:5006  7.0.6  ready

    dev
      farmers
        ✓ main            database  dev__farmers                  postgresql  ready
        ✓ events          topics    dev__farmers__events          kafka       ready
        ✓ documents       buckets   dev--farmers--documents       s3          ready
        ✓ documents-read  access    dev--farmers--documents-read  s3          ready
        ✓ search          indices   dev__farmers__search          opensearch  ready
        ✓ keys            keys      dev__farmers__keys            keymanager  ready
        ✓ staff-portal    client    dev--farmers--staff-portal    keycloak    ready
        ✓ agent-portal    client    dev--farmers--agent-portal    keycloak    ready
        ✓ sessions        keyspace  dev__farmers__sessions        redis       ready
      students
        ✓ sessions        keyspace  dev__students__sessions       redis       ready

    All 10 resources are ready.
    "
  `);
});

it("ends up with what each instance has of all services", () => {
  expect(renderSummary(ALL_STATUS, PLAIN, { foreground: false })).toMatchInlineSnapshot(`
    "staging is up: 10 resources for 2 instances on 7 servers.

      ✓ postgresql  127.0.0.1:5000  1.0.0  ready
      ✓ kafka       127.0.0.1:5001  2.0.1  ready
      ✓ s3          127.0.0.1:5002  3.0.2  ready
      ✓ opensearch  127.0.0.1:5003  4.0.3  ready
      ✓ keymanager  127.0.0.1:5004  5.0.4  ready
      ✓ keycloak    127.0.0.1:5005  6.0.5  ready
      ✓ redis       127.0.0.1:5006  7.0.6  ready

      dev
        farmers   dev__farmers  topics, buckets, indices, keys, 2 clients,
                  keyspace
        students  keyspace

    Next
      g2p bindings dev/farmers     address and credentials of an instance
      g2p exec dev/farmers -- CMD  run a program with them
      g2p status                   how it stands
    "
  `);
});

it("puts a server's address below where the line is too short", () => {
  const servers = STATUS.servers.map((server) => ({
    ...server,
    address: "a-rather-long-name.of.a.server.example.org:5432",
  }));
  const text = renderStatus({ ...STATUS, servers, items: [] }, { columns: 60, color: false });
  expect(text).toContain(
    "✓ postgresql      18.4  ready\n    a-rather-long-name.of.a.server.example.org:5432\n    31 of 100 connections\n",
  );
});

it("names an instance that people work with in the next commands, not one of the commons' own", () => {
  const [first] = STATUS.items;
  const own = first === undefined ? [] : [{ ...first, sandbox: "commons", instance: "keycloak" }];
  const text = renderSummary({ ...STATUS, items: [...own, ...STATUS.items] }, PLAIN, { foreground: false });
  expect(text).toContain("g2p bindings dev/farmers ");
});

it("makes headings of claim and service where names and their kinds fill the line", () => {
  const row = {
    sandbox: "dev",
    instance: "farmers",
    claim: "events",
    service: "kafka",
    limit: 249,
    hashed: false,
  } as const;
  const rows = [
    { ...row, kind: "user", name: "dev__farmers__events" },
    { ...row, kind: "transactional id prefix", name: "dev__farmers__" },
    { ...row, claim: "search", service: "opensearch" as const, kind: "index prefix", name: "dev__farmers__" },
  ];
  expect(renderNames(rows, { columns: 60, color: false })).toMatchInlineSnapshot(`
    "dev/farmers
      events  kafka
        user                     dev__farmers__events  20/249
        transactional id prefix  dev__farmers__        14/249
      search  opensearch
        index prefix             dev__farmers__        14/249

    3 names.
    "
  `);
});
