import type { CredentialStore } from "../model/credential.ts";
import type { InstanceRef, ServerAddress } from "../model/environment.ts";
import type { Emit } from "../model/event.ts";
import type { Cell, PlanItem } from "../model/plan.ts";
import type { ServerStatus } from "../model/status.ts";

/** How far observing goes: `quick` asks the cluster-wide catalogues only, `deep` also logs in everywhere and looks inside. */
export type Depth = "quick" | "deep";

/** What the user allows beyond the safe default, by item id or name. */
export interface Policy {
  /** Foreign or unrecorded objects that may be taken over. */
  readonly adopt: readonly string[];
  /** Lost databases that may be made anew, empty. */
  readonly recreate: readonly string[];
}

/** What a provider gets beside the server's address and what is wanted there. */
export interface ProviderContext {
  readonly credentials: CredentialStore;
  /** Most connections used at once for work on items. */
  readonly concurrency: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The server's id, e.g. `postgresql/dev`. */
  readonly server: string;
}

/** A plan's item together with the provider's own data for carrying it out. */
export interface Change {
  readonly item: PlanItem;
}

/** What is to be removed of an environment on one server. */
export interface Removal {
  /** A sandbox, or one instance of it. */
  readonly scope: { readonly sandbox: string; readonly instance?: string };
  /** Whether databases may be dropped. */
  readonly deleteData: boolean;
}

/** Something found on a server that carries this environment's mark or stands in its ledger. */
export interface Found extends InstanceRef {
  readonly claim: string;
  readonly kind: "database" | "access";
  readonly name: string;
  readonly inLedger: boolean;
  readonly onServer: boolean;
}

/**
 * One service's knowledge of one server. Desired, observed and change are plain data; only {@link ServerSession.reconcile} and
 * {@link ServerSession.remove} change a server.
 */
export interface ServerSession<Observed = unknown, C extends Change = Change> {
  /** Looks at the server; writes nothing. */
  observe(depth: Depth): Promise<Observed>;
  /** Compares what is wanted with what was observed. Pure. */
  diff(observed: Observed, policy: Policy): C[];
  /**
   * Readies the server for changes (the ledger) and takes the environment's lock, waiting for another run to end. Observe after
   * it, since the other run may have done the work.
   */
  prepare(): Promise<void>;
  /** Carries out changes; each item comes back with its outcome, never only an exception. */
  reconcile(changes: readonly C[], policy: Policy): Promise<PlanItem[]>;
  /** What a removal would take away, in the order of removal; writes nothing. */
  planRemoval(removal: Removal): Promise<PlanItem[]>;
  /** Removes; never touches what is not marked ours. */
  remove(removal: Removal): Promise<PlanItem[]>;
  /** Tries, from every login's own connection, what must work and what must be refused. */
  verify(options: { readonly sample?: number }): Promise<Cell[]>;
  /** Everything of this environment on the server, wanted or not. */
  list(): Promise<Found[]>;
  /** The server's own state. */
  status(): Promise<ServerStatus>;
  close(): Promise<void>;
}

/** Opens sessions for one service; the only thing of a provider that the engine is handed. */
export type OpenSession = (address: ServerAddress, context: ProviderContext) => Promise<ServerSession>;
