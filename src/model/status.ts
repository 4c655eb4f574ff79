import type { Finding, ItemKind } from "./plan.ts";
import type { Service } from "./service.ts";

/** State of a server or resource; the only words used for it. */
export type State =
  /** It is there, ours, and as wanted. */
  | "ready"
  /** It is there or coming, but something it depends on is not yet. */
  | "waiting"
  /** It is there, ours, and differs from what is wanted; apply repairs it. */
  | "outdated"
  /** Nothing of it is there. */
  | "missing"
  /** It is there but does not work: the server refuses, a login fails. */
  | "unhealthy"
  /** Something of that name is there and is not ours. */
  | "foreign"
  /** It could not be looked at. */
  | "unknown";

/** All values of {@link State}, best first. */
export const STATES = [
  "ready",
  "waiting",
  "outdated",
  "missing",
  "unhealthy",
  "foreign",
  "unknown",
] as const satisfies readonly State[];

/** State of a whole from those of its parts: the worst of them, in the order of {@link STATES}; `ready` when there are none. */
export function combineStates(states: Iterable<State>): State {
  let worst = 0;
  for (const state of states) worst = Math.max(worst, STATES.indexOf(state));
  return STATES[worst] ?? "unknown";
}

/** One server as `g2p status` and `g2p up` show it. */
export interface ServerStatus {
  /** `postgresql`, `postgresql/dev` or `postgresql/dev/registry`. */
  readonly id: string;
  readonly service: Service;
  /** `host:port`. */
  readonly address: string;
  /** The server's own version, e.g. `18.4`; absent when it could not be asked. */
  readonly version?: string;
  readonly state: State;
  /** Why it is not ready. */
  readonly reason?: string;
  readonly connections?: { readonly used: number; readonly max: number };
}

/** One resource as it stands. */
export interface StatusItem {
  /** `service/sandbox/instance/claim`. */
  readonly id: string;
  readonly service: Service;
  readonly kind: Exclude<ItemKind, "server">;
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
  /** {@link ServerStatus.id} of its server. */
  readonly server: string;
  /** Main name on the server, e.g. the database's. */
  readonly name: string;
  readonly state: State;
  /** Why it is not ready. */
  readonly reason?: string;
  /** What differs, for `outdated`. */
  readonly findings: readonly Finding[];
}

/** What `g2p status` shows. */
export interface StatusResult {
  readonly environment: string;
  readonly servers: readonly ServerStatus[];
  readonly items: readonly StatusItem[];
}
