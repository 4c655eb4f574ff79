import type { Fields } from "../model/binding.ts";
import type { CheckResult } from "../model/check.ts";
import type { ClaimSpecs, OtherService, ServiceAccess, ServiceClaim, SharedService } from "../model/claim.ts";
import type { Credential, CredentialStore } from "../model/credential.ts";
import type { Endpoints } from "../model/endpoint.ts";
import type { InstanceRef } from "../model/environment.ts";
import type { Emit } from "../model/event.ts";
import type { Cell, ItemKind, PlanItem } from "../model/plan.ts";
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
  readonly kind: Exclude<ItemKind, "server">;
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

/** What one server of a service beside PostgreSQL is to hold. */
export interface Placement<S extends OtherService = OtherService> {
  readonly environment: { readonly id: string; readonly name: string };
  /** Names' prefix on this server; empty where the environment has the server for itself. */
  readonly prefix: string;
  readonly claims: readonly ServiceClaim<S>[];
  /** Accesses to claims of this server; an access is placed where its target is. */
  readonly accesses: readonly PlacedAccess<S>[];
}

/** An access with what its target's claim asks for. */
export type PlacedAccess<S extends OtherService = OtherService> = S extends SharedService
  ? ServiceAccess<S> & { readonly targetSpec: ClaimSpecs[S] }
  : never;

/** A claim or access as a provider's methods are handed it. */
export type Placed<S extends OtherService> = ServiceClaim<S> | PlacedAccess<S>;

/** One service beside PostgreSQL, as the composition root uses it. */
export interface Provider<S extends OtherService> {
  /** Opens a session with one server. Connects lazily or at once; an unreachable server is a ServiceError that names it. */
  open(endpoint: Endpoints[S], placement: Placement<S>, context: ProviderContext): Promise<ServerSession>;
  /** What an instance is handed for a claim or access; keys as `modules/binding-fields.ts` lists them. */
  binding(
    endpoint: Endpoints[S],
    placement: Placement<S>,
    claim: Placed<S>,
    credential: Credential,
  ): Fields | Promise<Fields>;
  /**
   * Looks, as the instance itself, whether what it was handed can be used now; changes nothing that anybody would notice.
   * Never throws for what a server answers.
   */
  check(
    endpoint: Endpoints[S],
    placement: Placement<S>,
    claim: Placed<S>,
    credential: Credential,
    timeoutMs: number,
  ): Promise<CheckResult>;
}
