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
  /** It lets a login use what is another's: verify must show it before it is repaired. */
  readonly opens?: boolean;
  readonly make: (endpoint: Endpoints[S], placement: Placement<S>) => Promise<void>;
}

/**
 * What the contract suite must know of a service to hold its provider to the laws. A file `test/contract/<name>.ts` exports it
 * as `subject`, since the process that is killed in the middle of its work loads it again from there.
 */
export interface Subject<S extends OtherService> {
  readonly service: S;
  /** `import.meta.url` of the file that exports it as `subject`. */
  readonly module: string;
  readonly provider: Provider<S>;
  /** Starts a real server below `dir`. */
  start(dir: string): Promise<TestEngine<S>>;
  /**
   * What is to be held: at least two sandboxes, three instances with a claim each, and (where the service knows them) one access
   * to read and one to write parts of another instance's claim. Always the same for the same arguments.
   */
  placement(environmentId: string, prefix: string): Placement<S>;
  /** Every kind of drift. After its repair {@link Subject.snapshot} must be what it was before. */
  readonly damages: readonly Damage<S>[];
  /**
   * Makes, as an administrator, something that is not ours under the very name of the item `item`.
   *
   * @returns how to take it away again; nothing happens when it is gone already
   */
  foreign(
    endpoint: Endpoints[S],
    placement: Placement<S>,
  ): Promise<{ readonly item: string; readonly remove: () => Promise<void> }>;
  /**
   * Writes data as the instance of the placement's first claim into its own claim, so that a later look can tell whether it
   * survived. Absent, like {@link Subject.hasData}, where a claim holds no data (an OIDC client).
   */
  writeData?(endpoint: Endpoints[S], placement: Placement<S>, username: string, password: string): Promise<void>;
  /** Is the data of {@link Subject.writeData} there? Looked at by the administrator. */
  hasData?(endpoint: Endpoints[S], placement: Placement<S>): Promise<boolean>;
  /**
   * All that an administrator can see of objects on the server, in a stable order; plain data. Without what differs from one
   * making to the next although nothing is wrong: times, generated ids, salted hashes.
   */
  snapshot(endpoint: Endpoints[S]): Promise<unknown>;
  /** How many writes the server has done so far, where it counts them: a second apply must not raise it. */
  writes?(endpoint: Endpoints[S]): Promise<number>;
  /**
   * The endpoint with another secret of the administrator; by default `password` is replaced. `undefined` where the server asks
   * nobody for one.
   */
  wrongAdmin?(endpoint: Endpoints[S]): Endpoints[S] | undefined;
  /** The endpoint at another port of 127.0.0.1; by default the one host is replaced. */
  elsewhere?(endpoint: Endpoints[S], port: number): Endpoints[S];
  /** How often work is killed, where a round takes so long that fewer are made than usual. */
  readonly kills?: { readonly applies: number; readonly removals: number };
  /** Index of a claim that has a password of its own; default 0. */
  readonly claimWithPassword?: number;
}
