import type { ServiceClaimKind } from "./claim.ts";
import type { Service } from "./service.ts";

/** What a plan's item is about: a claim, by its kind, an access, or the server itself. */
export type ItemKind = "database" | ServiceClaimKind | "access" | "server";

/** What a plan would do, or an apply did, with one resource. */
export type Action =
  /** Nothing of it is there. */
  | "create"
  /** It is there, ours, and differs in the listed findings. */
  | "update"
  /** It is there and as wanted. */
  | "unchanged"
  /** An access no longer wanted: its login goes (never data). */
  | "remove"
  /** A database in the ledger that the file no longer names: kept until `g2p remove`. */
  | "retain"
  /** We will not touch it: foreign, held by another, lost; see reason. */
  | "refuse"
  /** Its server could not be looked at; see reason. */
  | "unknown";

/** One difference between what is wanted and what a server shows. */
export interface Finding {
  /** Stable identifier of what differs, e.g. `password`, `membership:dev__farmers___owner:mallory`; usable in `accept:`. */
  readonly aspect: string;
  readonly expected: string;
  readonly actual: string;
  /** `apply` repairs it; `needs superuser` and `manual` it does not and say why in {@link Finding.note}. */
  readonly repair: "apply" | "needs superuser" | "manual";
  readonly note?: string;
}

/** One line of a plan. */
export interface PlanItem {
  /** `service/sandbox/instance/claim`. */
  readonly id: string;
  readonly service: Service;
  readonly kind: ItemKind;
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
  /** Server as `postgresql`, `postgresql/dev` or `postgresql/dev/registry`. */
  readonly server: string;
  /** Main name on the server, e.g. the database's. */
  readonly name: string;
  readonly action: Action;
  readonly findings: readonly Finding[];
  /** Why, for `refuse` and `retain`; the error, for a failed item of an apply. */
  readonly reason?: string;
  /** What to do about it, for `refuse`. */
  readonly hint?: string;
  /** Result of an apply; absent in plans. */
  readonly outcome?: "done" | "failed" | "not started";
}

/** Counts of a plan or an apply. */
export interface Summary {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly removed: number;
  readonly failed: number;
}

/** A plan, or what an apply did. */
export interface PlanResult {
  readonly summary: Summary;
  readonly items: readonly PlanItem[];
}

/** One attempt of verify. */
export interface Cell {
  readonly service: Service;
  /** Who tries: `dev/pbms` or `dev/pbms/registry` (its access login). */
  readonly from: string;
  /** On whom: an instance's claim `dev/farmers/main`, or `postgres`, `template1`, a ledger, the server. */
  readonly to: string;
  /** What is tried, e.g. `connect`, `read own tables`, `write other's tables`, `create database`. */
  readonly attempt: string;
  readonly expected: "allowed" | "refused";
  readonly actual: "allowed" | "refused" | "error";
  readonly ok: boolean;
  /** How it was tried: really done from the login's own connection, or asked by has_database_privilege. */
  readonly how: "tried" | "asked";
  /** Set where the environment declares it: allowed although isolation would refuse. */
  readonly accepted?: boolean;
  /** Short reason where not ok or refused, e.g. SQLSTATE. */
  readonly detail?: string;
}

/** What verify found. */
export interface VerifyResult {
  readonly ok: boolean;
  readonly cells: readonly Cell[];
}

/** One row of `g2p names`. */
export interface NameRow {
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
  readonly service: Service;
  /** Kind of name within the service, e.g. `database`, `owner`, `topic prefix`. */
  readonly kind: string;
  readonly name: string;
  /** Longest name the service allows for this kind, in bytes. */
  readonly limit: number;
  /** True where a readable name did not fit and a hash was needed. */
  readonly hashed: boolean;
}
