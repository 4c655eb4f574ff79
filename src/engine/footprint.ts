import { COMMONS } from "../config/commons-instances.ts";
import type { Environment } from "../model/environment.ts";
import type { Footprint, FootprintRow, FootprintSum, ServerFootprint } from "../model/footprint.ts";
import { SERVICES } from "../model/service.ts";

/**
 * Compares what an environment's servers use with what its instances would use with a server each.
 *
 * @param shared the environment's own servers, measured
 * @param own servers of instances' own (`sharing: instance`) that were measured, if any ran; where none did, what a shared server of the
 *   service uses stands for what one of an instance's own would
 */
export function compareFootprint(
  environment: Pick<Environment, "name" | "instances">,
  shared: readonly ServerFootprint[],
  own: readonly ServerFootprint[],
): Footprint {
  const instances = environment.instances.filter(
    ({ sandbox, module, instance }) => !(sandbox === COMMONS && module === instance),
  );
  const rows = SERVICES.flatMap((service): FootprintRow[] => {
    const here = shared.filter((server) => server.service === service);
    // An access is placed on its owner's server.
    const claims = ({ claims }: Environment["instances"][number]) =>
      claims.some((claim) => claim.service === service && claim.kind !== "access");
    const needed = instances.filter(claims).length;
    if (here.length === 0) return [];
    const apart = own.filter((server) => server.service === service);
    return [{ service, shared: sum(here), own: scaled(apart.length > 0 ? apart : here, needed, apart.length) }];
  });
  return {
    environment: environment.name,
    instances: instances.length,
    servers: shared,
    rows,
    shared: total(rows.map((row) => row.shared)),
    own: total(rows.map((row) => row.own)),
  };
}

/** What `needed` servers use that are like those measured. */
function scaled(like: readonly ServerFootprint[], needed: number, measured: number): FootprintRow["own"] {
  const { servers, processes, memory, disk } = sum(like);
  const factor = needed / servers;
  return {
    servers: needed,
    processes: Math.round(processes * factor),
    memory: Math.round(memory * factor),
    disk: Math.round(disk * factor),
    measured: Math.min(measured, needed),
  };
}

function sum(servers: readonly ServerFootprint[]): FootprintSum {
  return total(servers.map((server) => ({ ...server, servers: 1 })));
}

function total(sums: readonly FootprintSum[]): FootprintSum {
  const add = (key: keyof FootprintSum) => sums.reduce((all, one) => all + one[key], 0);
  return { servers: add("servers"), processes: add("processes"), memory: add("memory"), disk: add("disk") };
}
