import { expect, test } from "vitest";
import { compareFootprint } from "../../../src/engine/footprint.ts";
import type { Instance } from "../../../src/model/environment.ts";
import type { ServerFootprint } from "../../../src/model/footprint.ts";
import { renderFootprint } from "../../../src/report/footprint.ts";

function instance(sandbox: string, name: string, services: readonly string[], module = name): Instance {
  const claims = services.map((service) => ({ service, kind: "claim", sandbox, instance: name, claim: service }));
  return { sandbox, instance: name, module, claims } as unknown as Instance;
}

function server(id: string, memory: number, disk: number): ServerFootprint {
  const [service = ""] = id.split("/");
  return { id, service: service as ServerFootprint["service"], processes: 2, memory: memory * 1e6, disk: disk * 1e6 };
}

const environment = {
  name: "training",
  instances: [
    instance("commons", "keycloak", ["postgresql"]),
    instance("dev", "registry", ["postgresql", "redis"]),
    instance("dev", "pbms", ["postgresql"], "pbms"),
    instance("dev", "spar", ["postgresql"]),
  ],
};
const shared = [server("postgresql", 90, 60), server("redis", 6, 0)];

test("without anything measured, a server for each instance is taken for as large as the shared one", () => {
  const { instances, rows, shared: now, own } = compareFootprint(environment, shared, []);
  expect(instances).toBe(3);
  expect(rows.map(({ service, own: one }) => [service, one.servers, one.memory, one.measured])).toEqual([
    ["postgresql", 3, 270e6, 0],
    ["redis", 1, 6e6, 0],
  ]);
  expect([now.servers, now.memory, own.servers, own.memory, own.processes]).toEqual([2, 96e6, 4, 276e6, 8]);
});

test("what ran with servers of instances' own is taken from there, and scaled to those that did not run", () => {
  const measured = [server("postgresql/dev/registry", 50, 40), server("postgresql/dev/pbms", 30, 40)];
  const { rows } = compareFootprint(environment, shared, measured);
  expect(rows[0]?.own).toEqual({ servers: 3, processes: 6, memory: 120e6, disk: 120e6, measured: 2 });
});

test("the page names what is measured and what is scaled, and the saving", () => {
  const measured = [server("postgresql/dev/registry", 50, 40), server("postgresql/dev/pbms", 30, 40)];
  const page = renderFootprint(compareFootprint(environment, shared, measured), { columns: 100, color: false });
  expect(page).toBe(`environment training, 3 instances

            shared (V4.5)           each its own (V4)
service     servers  memory   disk  servers  memory    disk
postgresql        1   90 MB  60 MB        3  120 MB  120 MB  scaled from 2 measured
redis             1    6 MB   0 MB        1    6 MB    0 MB  scaled from the shared one
together          2   96 MB  60 MB        4  126 MB  120 MB

shared        ███████████████████████         96 MB
each its own  ██████████████████████████████  126 MB

Sharing saves 30 MB of memory (24 %), 60 MB of disk and 2 servers.
`);
});
