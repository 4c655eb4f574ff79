import type { OtherService } from "../../src/model/claim.ts";
import type { Endpoints } from "../../src/model/endpoint.ts";
import type { Placement, Provider } from "../../src/providers/contract.ts";

/** A real server of a service, started for one test file. */
export interface TestEngine<S extends OtherService> {
  readonly endpoint: Endpoints[S];
  stop(): Promise<void>;
}

/** A change made by hand, past the provider, that the next deep plan must find. */
export interface Damage<S extends OtherService> {
  /** E.g. `a topic's retention was changed`. */
  readonly name: string;
  /** Item of the placement that must show it, e.g. `kafka/dev/farmers/events`. */
  readonly item: string;
  /** `update`: apply repairs it. `refuse`: it must be refused (a loss), until `recreate` is given. */
  readonly shows: "update" | "refuse";
  /** Aspect of the finding, for `update`; a regular expression. */
  readonly aspect?: RegExp;
  readonly make: (endpoint: Endpoints[S], placement: Placement<S>) => Promise<void>;
}

/** What the contract suite must know of a service to hold its provider to the laws. */
export interface Subject<S extends OtherService> {
  readonly service: S;
  readonly provider: Provider<S>;
  /** Starts a real server below `dir`. */
  start(dir: string): Promise<TestEngine<S>>;
  /**
   * What is to be held: at least two sandboxes, three instances with a claim each, and (where the service knows them) one access
   * to read and one to write parts of another instance's claim.
   */
  placement(environmentId: string, prefix: string): Placement<S>;
  /** Every kind of drift. */
  readonly damages: readonly Damage<S>[];
  /**
   * Makes, as an administrator, something that is not ours under the very name of the item `item`.
   *
   * @returns how to take it away again
   */
  foreign(endpoint: Endpoints[S], placement: Placement<S>): Promise<{ readonly item: string; readonly remove: () => Promise<void> }>;
  /** Writes data as the instance itself into its own claim, so that a later look can tell whether it survived. */
  writeData(endpoint: Endpoints[S], placement: Placement<S>, username: string, password: string): Promise<void>;
  /** Is the data of {@link Subject.writeData} there? Looked at by the administrator. */
  hasData(endpoint: Endpoints[S], placement: Placement<S>): Promise<boolean>;
  /** All that an administrator can see of objects on the server, in a stable order, without times; plain data. */
  snapshot(endpoint: Endpoints[S]): Promise<unknown>;
}
