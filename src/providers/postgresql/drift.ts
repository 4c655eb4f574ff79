import type { Finding } from "../../model/plan.ts";
import type { Membership, ObservedCluster } from "./observe-cluster.ts";
import { ident } from "./sql.ts";

/**
 * When and as whom a repair runs. `roles` and `database` happen on the connection to the ledger database, in one transaction
 * each; `inside` in the database itself. `owner` means after `SET LOCAL ROLE <owner role>`.
 */
export interface Fix {
  readonly phase: "roles" | "database" | "inside";
  readonly as: "admin" | "owner";
  readonly sql: string;
  /** Login whose stored password the server is to get, after {@link Fix.sql}. */
  readonly passwordFor?: string;
  /** Roles whose privileges the admin must hold for it; lent inside the transaction and given back. */
  readonly lend?: readonly string[];
}

/** A finding with its repair as data. */
export interface Drift extends Finding {
  readonly fix: readonly Fix[];
}

/** A finding that apply repairs. */
export function repairable(
  aspect: string,
  expected: string,
  actual: string,
  fix: Fix | readonly Fix[],
  note?: string,
): Drift {
  return {
    aspect,
    expected,
    actual,
    repair: "apply",
    fix: Array.isArray(fix) ? fix : [fix as Fix],
    ...(note === undefined ? {} : { note }),
  };
}

/** A finding that this admin may not repair; `note` says why. */
export function needsSuperuser(aspect: string, expected: string, actual: string, note: string): Drift {
  return { aspect, expected, actual, repair: "needs superuser", fix: [], note };
}

/** `repairable` where the admin may do it, else `needsSuperuser`. */
export function repairIf(
  may: boolean,
  aspect: string,
  expected: string,
  actual: string,
  fix: Fix | readonly Fix[],
  note: string,
): Drift {
  return may ? repairable(aspect, expected, actual, fix) : needsSuperuser(aspect, expected, actual, note);
}

/**
 * May this admin alter the role and grant it? From version 16 on that takes ADMIN OPTION on it (PostgreSQL docs, role attributes).
 * A role that was not observed is one still to be made.
 */
export function mayAdminister(observed: ObservedCluster, role: string): boolean {
  const { facts } = observed;
  if (facts.superuser) return true;
  const found = observed.roles.get(role);
  if (found?.superuser === true) return false;
  if (facts.major < 16) return facts.createRole && !(found?.replication === true);
  if (found === undefined) return facts.createRole;
  return (observed.membershipsOfRole.get(role) ?? []).some((one) => one.member === facts.user && one.admin);
}

/**
 * The statement that removes one membership row, and with it what its member granted on, or only an option of it; from version
 * 16 on a role can be granted by several grantors.
 */
export function revokeMembership(one: Membership, major: number, option: "" | "INHERIT OPTION FOR " = ""): string {
  const by = major >= 16 ? ` GRANTED BY ${ident(one.grantor)}` : "";
  return `REVOKE ${option}${ident(one.role)} FROM ${ident(one.member)}${by} CASCADE`;
}

/** May this admin remove that row? Superusers may remove any; others, from 16 on, only what they granted themselves. */
export function mayRevoke(observed: ObservedCluster, one: Membership): boolean {
  const { facts } = observed;
  if (facts.superuser) return true;
  if (facts.major < 16) return facts.createRole && observed.roles.get(one.role)?.superuser !== true;
  return one.grantor === facts.user;
}

/** May this admin make the owner role the database's owner, where it is not already? It takes both roles' rights. */
export function mayOwnDatabase(observed: ObservedCluster, database: string, owner: string): boolean {
  const found = observed.databases.get(database)?.owner ?? owner;
  const others = [owner, found].filter((role) => role !== observed.facts.user);
  return found === owner || others.every((role) => mayAdminister(observed, role));
}

/** How PUBLIC is written in findings; a role of that very name would be quoted. */
export function granteeName(grantee: string | null): string {
  return grantee ?? "PUBLIC";
}

/** How a grantee is written in statements. */
export function granteeSql(grantee: string | null): string {
  return grantee === null ? "PUBLIC" : ident(grantee);
}
