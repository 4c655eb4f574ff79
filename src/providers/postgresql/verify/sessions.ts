import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { type Address, identities, type Login } from "./login.ts";
import { combine, type Expectation, type Outcome, outcomeOfError, REFUSED, toCell } from "./outcome.ts";
import { inSession, scratchName, takeRole, tryStatement } from "./session.ts";

/** Longest wait for a notification; it arrives within milliseconds where it arrives at all. */
const NOTIFY_TIMEOUT_MS = 5_000;

/** Where and between whom two sessions are opened. */
export interface Meeting {
  readonly server: Address;
  /** Why a login cannot sign in, so that there is nothing to try; see `Visit.blocked`. */
  readonly blocked: (login: Login) => Outcome | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Two logins try on each other's session: to see its statements, to cancel them and to end it. The victim is a session opened
 * for that, never one of the module's.
 */
export async function verifySessions(meeting: Meeting, one: Login, other: Login): Promise<Cell[]> {
  const forth = await attackSession(meeting, one, other);
  return [...forth, ...(await attackSession(meeting, other, one))];
}

async function attackSession(meeting: Meeting, login: Login, victim: Login): Promise<Cell[]> {
  const marker = scratchName();
  const work = (attacker: pg.Client, target: pg.Client) => attack(attacker, target, login, marker);
  const found = await withBoth(meeting, [login, login.home.database], [victim, victim.home.database], work);
  const outcomes = "done" in found ? found.done : { look: [found.failed], end: [found.failed] };
  const place = { from: login.key, to: victim.key };
  return [
    toCell({ ...place, attempt: "see its statements" }, REFUSED, combine("refused", outcomes.look)),
    toCell({ ...place, attempt: "end its sessions" }, REFUSED, combine("refused", outcomes.end)),
  ];
}

async function attack(
  attacker: pg.Client,
  target: pg.Client,
  login: Login,
  marker: string,
): Promise<{ look: Outcome[]; end: Outcome[] }> {
  const look: Outcome[] = [];
  const end: Outcome[] = [];
  const pid = await backend(target, marker);
  if (pid === undefined) {
    const lost: Outcome = { actual: "error", detail: "the other login's session was lost" };
    return { look: [lost], end: [lost] };
  }
  for (const role of identities(login)) {
    const failed = await takeRole(attacker, role);
    look.push(failed ?? (await lookAt(attacker, pid, marker)));
    end.push(failed ?? (await tryStatement(attacker, { sql: `SELECT pg_cancel_backend(${pid})` })));
  }
  // Last, because the victim is gone when it works. Its number stays its own as long as its session answers.
  for (const role of identities(login)) {
    const failed = await takeRole(attacker, role);
    const alive = (await backend(target, marker)) !== undefined;
    if (failed !== undefined) end.push(failed);
    else if (alive) end.push(await tryStatement(attacker, { sql: `SELECT pg_terminate_backend(${pid})` }));
  }
  return { look, end };
}

/** Process id of a session whose last statement holds the marker; `undefined` when the session is lost. */
async function backend(client: pg.Client, marker: string): Promise<number | undefined> {
  try {
    const { rows } = await client.query<{ pid: number }>(`SELECT pg_backend_pid() AS pid /* ${marker} */`);
    return rows[0]?.pid;
  } catch {
    return undefined;
  }
}

async function lookAt(client: pg.Client, pid: number, marker: string): Promise<Outcome> {
  try {
    const { rows } = await client.query<{ query: string | null }>("SELECT query FROM pg_stat_activity WHERE pid = $1", [
      pid,
    ]);
    const query = rows[0]?.query ?? "";
    if (query.includes(marker)) return { actual: "allowed", detail: "pg_stat_activity shows them" };
    if (query === "<insufficient privilege>") return { actual: "refused", detail: query };
    return {
      actual: "error",
      detail: query === "" ? "pg_stat_activity shows no statement" : "pg_stat_activity shows another statement",
    };
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** Why a channel between two logins in one database is there. */
function channel(): Expectation {
  return {
    expected: "allowed",
    accepted: `whoever connects to a database shares its NOTIFY channels and advisory locks with all others there`,
    mayBeRefused: true,
  };
}

/** Does a notification of one login reach another in a database that both may enter? */
export async function verifyNotify(meeting: Meeting, from: Login, to: Login, database: string): Promise<Cell> {
  const work = async (sender: pg.Client, listener: pg.Client): Promise<Outcome> => {
    const name = scratchName();
    await listener.query(`LISTEN ${name}`);
    const arrival = notified(listener, name);
    await sender.query(`NOTIFY ${name}`);
    return (await arrival) ? { actual: "allowed", detail: "" } : { actual: "refused", detail: "nothing arrived" };
  };
  const found = await withBoth(meeting, [from, database], [to, database], work);
  const outcome = "done" in found ? found.done : found.failed;
  const target = database === to.home.database ? to.key : database;
  return toCell({ from: from.key, to: target, attempt: `NOTIFY ${to.key}` }, channel(), outcome);
}

function notified(listener: pg.Client, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (arrived: boolean) => {
      clearTimeout(timer);
      resolve(arrived);
    };
    const timer = setTimeout(() => finish(false), NOTIFY_TIMEOUT_MS);
    listener.on("notification", (message) => message.channel === name && finish(true));
    listener.once("end", () => finish(false));
  });
}

/** Opens two sessions and works with both; what cannot be done has an outcome, too. */
async function withBoth<T>(
  { server, blocked, signal }: Meeting,
  [first, firstDatabase]: readonly [Login, string],
  [second, secondDatabase]: readonly [Login, string],
  work: (one: pg.Client, two: pg.Client) => Promise<T>,
): Promise<{ readonly done: T } | { readonly failed: Outcome }> {
  const unsure = (login: Login, outcome: Outcome): { readonly failed: Outcome } => ({
    // A refusal here is of the connection that the attempt needs, not of the attempt.
    failed: { actual: "error", detail: `${login.key} cannot connect: ${outcome.detail}` },
  });
  for (const login of [first, second]) {
    const failed = blocked(login);
    if (failed !== undefined) return unsure(login, failed);
  }
  const alone = (one: pg.Client) => inSession(server, second, secondDatabase, (two) => work(one, two), signal);
  try {
    const outer = await inSession(server, first, firstDatabase, alone, signal);
    if ("failed" in outer) return unsure(first, outer.failed);
    return "failed" in outer.done ? unsure(second, outer.done.failed) : outer.done;
  } catch (error) {
    signal?.throwIfAborted();
    return { failed: { actual: "error", detail: outcomeOfError(error).detail } };
  }
}
