import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { type Desired, refKey } from "../desired.ts";
import { schemaExists } from "./home.ts";
import { type Address, entersPostgres, identities, type Login } from "./login.ts";
import { abridge, combine, type Expectation, type Outcome, REFUSED, toCell } from "./outcome.ts";
import { inSession, scratchName, takeRole, tryConnect, tryStatement } from "./session.ts";

/** One database that a login tries to enter. */
export interface Door {
  /** Word for it in a cell: a claim's key or the database's own name. */
  readonly to: string;
  readonly database: string;
  readonly expectation: Expectation;
  /** The login is meant to enter, and tries inside what it must not do there. */
  readonly inside: boolean;
}

const NOT_OURS: Expectation = {
  expected: "allowed",
  accepted: "this server's maintenance databases are not the environment's to close",
  mayBeRefused: true,
};

const ASKED_FOR: Expectation = {
  expected: "allowed",
  accepted: "the module needs CONNECT on `postgres`; all who have it share its NOTIFY channels and advisory locks",
  mayBeRefused: false,
};

/** The databases that a login really tries to enter, besides its home. */
export function doors(desired: Desired, login: Login, others: readonly Login[], ledger: string | undefined): Door[] {
  const claims = others
    .filter((other) => other.claim.kind === "database" && other.key !== refKey(login.home))
    .map((other) => ({ to: other.key, database: other.home.database, expectation: REFUSED, inside: false }));
  const enters = entersPostgres(login);
  const maintenance = desired.closeMaintenance ? REFUSED : NOT_OURS;
  return [
    ...claims,
    ...(ledger === undefined ? [] : [{ to: ledger, database: ledger, expectation: REFUSED, inside: false }]),
    { to: "postgres", database: "postgres", expectation: enters ? ASKED_FOR : maintenance, inside: enters },
    // On a server that others use, a session in template1 would hold up a CREATE DATABASE: there it is only asked.
    ...(desired.closeMaintenance
      ? [{ to: "template1", database: "template1", expectation: REFUSED, inside: false }]
      : []),
  ];
}

/** Tries one door. */
export async function tryDoor(
  server: Address,
  desired: Desired,
  login: Login,
  door: Door,
  signal?: AbortSignal,
): Promise<Cell[]> {
  const place = { from: login.key, to: door.to };
  if (!door.inside)
    return [
      toCell(
        { ...place, attempt: "connect" },
        door.expectation,
        await tryConnect(server, login, door.database, signal),
      ),
    ];

  const found = await inSession(
    server,
    login,
    door.database,
    (client) => tryMaintenance(client, desired, login),
    signal,
  );
  if ("failed" in found) return [toCell({ ...place, attempt: "connect" }, door.expectation, found.failed)];
  return [toCell({ ...place, attempt: "connect" }, door.expectation, { actual: "allowed", detail: "" }), ...found.done];
}

/** What a login that may enter `postgres` must not do there. */
async function tryMaintenance(client: pg.Client, desired: Desired, login: Login): Promise<Cell[]> {
  const name = scratchName();
  const statements = {
    "create temporary tables": `CREATE TEMP TABLE ${name} (v int)`,
    ...((await schemaExists(client, "public"))
      ? { "create tables in public": `CREATE TABLE public.${name} (v int)` }
      : {}),
    "create schemas": `CREATE SCHEMA ${name}`,
  };
  const outcomes = new Map<string, Outcome[]>();
  for (const role of identities(login)) {
    const failed = await takeRole(client, role);
    for (const [attempt, sql] of Object.entries(statements)) {
      const outcome = failed ?? (await tryStatement(client, { sql }));
      outcomes.set(attempt, [...(outcomes.get(attempt) ?? []), outcome]);
    }
  }
  const expectation = desired.closeMaintenance ? REFUSED : NOT_OURS;
  return [...outcomes].map(([attempt, tried]) =>
    toCell({ from: login.key, to: "postgres", attempt }, expectation, combine("refused", tried)),
  );
}

/**
 * Asks, in one query of the login's own session, about the databases that it does not try: other claims' where only a sample
 * is tried, `template1` where it is not ours, and databases of this server that are outside the environment.
 */
export async function askConnect(
  client: pg.Client,
  login: Login,
  desired: Desired,
  untried: readonly Login[],
  ledger: string,
): Promise<{ readonly cells: Cell[]; readonly ledgerIsHere: boolean }> {
  const { rows } = await client.query<{ name: string; open: boolean }>(
    `SELECT datname::text AS name, datallowconn AND has_database_privilege(session_user, oid, 'CONNECT') AS open FROM pg_database`,
  );
  const open = new Map(rows.map((row) => [row.name, row.open]));
  const ask = (to: string, database: string, expectation: Expectation) =>
    toCell({ from: login.key, to, attempt: "connect" }, expectation, answer(open.get(database), database), "asked");

  const cells = untried
    .filter((other) => other.claim.kind === "database")
    .map((other) => ask(other.key, other.home.database, REFUSED));
  if (!desired.closeMaintenance) cells.push(ask("template1", "template1", NOT_OURS));

  const known = new Set([
    ...desired.databases.map((claim) => claim.database),
    ledger,
    "postgres",
    "template0",
    "template1",
  ]);
  const foreign = [...open].filter(([name, isOpen]) => isOpen && !known.has(name)).map(([name]) => name);
  if (foreign.length > 0) {
    const accepted = `they are not the environment's to close: ${abridge(foreign.sort())}`;
    const place = { from: login.key, to: "server", attempt: "connect to databases outside the environment" };
    cells.push(
      toCell(place, { expected: "allowed", accepted, mayBeRefused: true }, { actual: "allowed", detail: "" }, "asked"),
    );
  }
  return { cells, ledgerIsHere: open.has(ledger) };
}

function answer(open: boolean | undefined, database: string): Outcome {
  if (open === undefined) return { actual: "error", detail: `database "${database}" does not exist` };
  return open
    ? { actual: "allowed", detail: "has the CONNECT right" }
    : { actual: "refused", detail: "no CONNECT right" };
}
