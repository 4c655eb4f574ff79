import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { refKey } from "../desired.ts";
import { ident } from "../sql.ts";
import { identities, type Login } from "./login.ts";
import { abridge, combine, type Outcome, outcomeOfError, REFUSED, toCell } from "./outcome.ts";
import { takeRole } from "./session.ts";

/**
 * Runs each statement of the setting `g2p.attempts` in a subtransaction that is rolled back, and leaves their SQLSTATEs in
 * `g2p.states`. One round trip for hundreds of refusals, and none of them in the server's log.
 */
const RUN = `DO $g2p$
DECLARE
  statement text;
  states jsonb := '[]';
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting('g2p.attempts')::jsonb) LOOP
    BEGIN
      EXECUTE statement;
      RAISE EXCEPTION USING ERRCODE = 'G2P00';
    EXCEPTION WHEN OTHERS THEN
      states := states || to_jsonb(SQLSTATE);
    END;
  END LOOP;
  PERFORM set_config('g2p.states', states::text, false);
END $g2p$`;

const DONE = "G2P00";

/**
 * Tries to become the roles of other claims, to be granted them and to take over their logins.
 *
 * @param client session of the login at home; its role is the login itself afterwards
 */
export async function verifyRoles(client: pg.Client, login: Login, others: readonly Login[]): Promise<Cell[]> {
  const statements = others.map((other) => takeovers(login, other));
  const outcomes: Outcome[][] = others.map(() => []);
  for (const role of identities(login)) {
    const results = (await takeRole(client, role)) ?? (await runAll(client, statements.flat()));
    let next = 0;
    for (const [index, own] of statements.entries())
      for (const sql of own) outcomes[index]?.push(Array.isArray(results) ? judge(sql, results[next++]) : results);
  }
  await takeRole(client, undefined);
  return others.map((other, index) =>
    toCell(
      { from: login.key, to: other.key, attempt: "take its roles" },
      REFUSED,
      combine("refused", outcomes[index] ?? []),
    ),
  );
}

/**
 * Asks for memberships in roles of claims that are not tried one by one.
 *
 * @returns one cell for all where there is none, otherwise one for each claim that is open to the login
 */
export async function askRoles(client: pg.Client, login: Login, others: readonly Login[]): Promise<Cell[]> {
  if (others.length === 0) return [];
  const owners = new Map(others.map((other) => [other.key, rolesOf(login, other)]));
  const { rows } = await client.query<{ role: string }>(
    "SELECT rolname::text AS role FROM pg_roles WHERE rolname::text = ANY($1::text[]) AND pg_has_role(session_user, oid, 'MEMBER')",
    [[...new Set([...owners.values()].flat())]],
  );
  const held = new Set(rows.map((row) => row.role));
  const open = [...owners].flatMap(([key, roles]) => {
    const its = roles.filter((role) => held.has(role));
    const outcome: Outcome = { actual: "allowed", detail: `is a member of ${abridge(its)}` };
    return its.length === 0
      ? []
      : [toCell({ from: login.key, to: key, attempt: "take its roles" }, REFUSED, outcome, "asked")];
  });
  if (open.length > 0) return open;
  const attempt = `take the roles of ${others.length} claims not tried one by one`;
  return [
    toCell(
      { from: login.key, to: "server", attempt },
      REFUSED,
      { actual: "refused", detail: "no membership" },
      "asked",
    ),
  ];
}

/** Roles of another claim that a login must not be a member of. An access is a member of its target's reader role by right. */
function rolesOf(login: Login, other: Login): string[] {
  const { claim } = other;
  if (claim.kind === "access") return [...new Set([other.user, claim.login])];
  const readsIt = login.claim.kind === "access" && refKey(login.claim.target) === other.key;
  const reader = claim.reader === undefined || readsIt ? [] : [claim.reader];
  return [...new Set([claim.owner, other.user, claim.login]), ...reader];
}

function takeovers(login: Login, other: Login): string[] {
  const self = ident(login.user);
  const user = ident(other.user);
  return [
    // A login that is named but not made yet, or retired by a rotation, is nobody to become.
    ...rolesOf(login, other)
      .filter((role) => role !== other.claim.login || role === other.user)
      .map((role) => `SET ROLE ${ident(role)}`),
    ...(other.claim.kind === "database" ? [`GRANT ${ident(other.claim.owner)} TO ${self}`] : []),
    `GRANT ${user} TO ${self}`,
    `ALTER ROLE ${user} PASSWORD NULL`,
  ];
}

/** SQLSTATEs of the statements in their order, or the outcome of all when they could not be run. */
async function runAll(client: pg.Client, statements: readonly string[]): Promise<string[] | Outcome> {
  try {
    await client.query("SELECT set_config('g2p.attempts', $1, false)", [JSON.stringify(statements)]);
    await client.query(RUN);
    const { rows } = await client.query<{ states: string[] }>("SELECT current_setting('g2p.states')::jsonb AS states");
    return rows[0]?.states ?? [];
  } catch (error) {
    return { actual: "error", detail: outcomeOfError(error).detail };
  }
}

function judge(sql: string, state: string | undefined): Outcome {
  if (state === DONE) return { actual: "allowed", detail: sql };
  if (state === "42501") return { actual: "refused", detail: state };
  return { actual: "error", detail: `${sql}: ${state ?? "no result"}` };
}
