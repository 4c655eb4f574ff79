import type { Service } from "./service.ts";

/** What one running server uses of this machine. */
export interface ServerFootprint {
  /** `kafka`, `kafka/dev` or `kafka/dev/registry`. */
  readonly id: string;
  readonly service: Service;
  readonly processes: number;
  /** Memory that is resident, each shared page counted once (proportional set size), in bytes. */
  readonly memory: number;
  /** What its data directory takes on disk, in bytes. */
  readonly disk: number;
}

/** Servers of one form of an environment, added up. */
export interface FootprintSum {
  readonly servers: number;
  readonly processes: number;
  readonly memory: number;
  readonly disk: number;
}

/** One service as it is shared, and as it would be with a server for each instance. */
export interface FootprintRow {
  readonly service: Service;
  readonly shared: FootprintSum;
  readonly own: FootprintSum & {
    /** How many of those servers were really running and measured; the rest is that many times their mean. */
    readonly measured: number;
  };
}

/** What `g2p footprint` shows. */
export interface Footprint {
  readonly environment: string;
  /** Instances that share the commons, those of the commons itself not counted. */
  readonly instances: number;
  readonly servers: readonly ServerFootprint[];
  readonly rows: readonly FootprintRow[];
  readonly shared: FootprintSum;
  readonly own: FootprintSum;
}

/** Is it one instance's server, as with `sharing: instance`? */
export function isOwnServer({ id, service }: Pick<ServerFootprint, "id" | "service">): boolean {
  return id.slice(service.length + 1).includes("/");
}
