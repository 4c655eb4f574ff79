import type pg from "pg";
import type { Credential } from "../../model/credential.ts";
import { ServiceError } from "../../model/error.ts";
import type { Row, ServerFacts } from "./admin.ts";
import { transaction } from "./admin.ts";
import { errorCode } from "./connection.ts";
import { passwordStatement } from "./diff.ts";
import type { Drift, Fix } from "./drift.ts";
import type { ObservedCluster } from "./observe-cluster.ts";
import { scramVerifier } from "./scram.ts";
import { ident } from "./sql.ts";

/** A fix together with the owner role that its `as: "owner"` means. */
export interface Step extends Fix {
  readonly owner: string;
}

/** The steps of one phase, in order. */
export function stepsOf(drifts: readonly Drift[], owner: string, phase: Fix["phase"]): Step[] {
  return drifts.flatMap((drift) => drift.fix.filter((fix) => fix.phase === phase).map((fix) => ({ ...fix, owner })));
}

/**
 * Compiles steps to statements: password verifiers are computed, owners' steps run after `SET LOCAL ROLE`, and an admin that is no
 * superuser is lent the memberships it needs, which it gives back in the same transaction. From version 16 on it keeps SET
 * without INHERIT on owner roles (it has ADMIN on them anyway and inherits nothing).
 *
 * @param password the stored credential of a login
 */
export async function compile(
  steps: readonly Step[],
  facts: ServerFacts,
  observed: ObservedCluster,
  password: (login: string) => Credential,
): Promise<string[]> {
  const statements: string[] = [];
  const verifiers = await Promise.all(
    steps.map(async (step) =>
      step.passwordFor === undefined ? "" : scramVerifier(password(step.passwordFor).password),
    ),
  );
  const owners = new Set(steps.filter((step) => step.as === "owner").map((step) => step.owner));
  const lent = new Set(
    steps.flatMap((step) => step.lend ?? []).filter((role) => role !== facts.user && role !== facts.bootstrap),
  );
  const me = ident(facts.user);
  const maySet = (role: string) =>
    (observed.membershipsOfRole.get(role) ?? []).some((one) => one.member === facts.user && one.set);
  if (!facts.superuser) {
    if (facts.major >= 16) statements.push("SET LOCAL createrole_self_grant = 'set'");
    for (const role of owners) {
      if (lent.has(role)) continue;
      if (facts.major < 16) statements.push(`GRANT ${ident(role)} TO ${me}`);
      else if (!maySet(role) && observed.roles.has(role))
        statements.push(`GRANT ${ident(role)} TO ${me} WITH SET TRUE, INHERIT FALSE`);
    }
    for (const role of lent)
      statements.push(`GRANT ${ident(role)} TO ${me}${facts.major >= 16 ? " WITH INHERIT TRUE, SET TRUE" : ""}`);
  }
  let role = "";
  const become = (next: string) => {
    if (next === role) return;
    statements.push(next === "" ? "RESET ROLE" : `SET LOCAL ROLE ${ident(next)}`);
    role = next;
  };
  steps.forEach((step, index) => {
    become(step.as === "owner" ? step.owner : "");
    if (step.sql !== "") statements.push(step.sql);
    if (step.passwordFor !== undefined) statements.push(passwordStatement(step.passwordFor, verifiers[index] ?? ""));
  });
  become("");
  if (!facts.superuser) {
    if (facts.major < 16)
      for (const one of new Set([...owners, ...lent])) statements.push(`REVOKE ${ident(one)} FROM ${me}`);
    else
      for (const one of lent)
        statements.push(
          owners.has(one) || maySet(one)
            ? `GRANT ${ident(one)} TO ${me} WITH INHERIT FALSE, SET TRUE`
            : `REVOKE ${ident(one)} FROM ${me} GRANTED BY ${me}`,
        );
  }
  return statements;
}

/** Server errors that another run's work causes and that a repetition resolves (PostgreSQL docs, appendix A). */
const PASSING = new Set(["XX000", "40001", "40P01", "55P03", "55006"]);

/** Runs a transaction, again when another run was in its way; bounded in count. */
export async function persistently(
  client: pg.Client,
  statements: readonly string[],
  check?: (rows: readonly Row[], all: readonly Row[][]) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await transaction(client, statements, check);
      return;
    } catch (error) {
      if (
        attempt >= 12 ||
        !PASSING.has(errorCode(error) ?? "") ||
        (errorCode(error) === "XX000" && !/concurrently/.test(String(error)))
      )
        throw error;
      await pause(5 * 2 ** Math.min(attempt, 6) * (0.5 + Math.random()));
    }
  }
}

/** Waits a backoff's length. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** Throws when something that apply repairs is still different after the statements ran, before they are committed. */
export function mustBeGone(remaining: readonly Drift[]): void {
  const still = remaining.filter((drift) => drift.repair === "apply");
  if (still.length === 0) return;
  const list = still.map((drift) => `${drift.aspect} is ${drift.actual}, expected ${drift.expected}`).join("; ");
  throw new ServiceError(`Read back before committing, the change had not taken effect: ${list}. Rolled back.`, {
    code: "PG_NOT_EFFECTIVE",
    hint: "The admin may lack a right; run it with a superuser.",
  });
}
