import pLimit from "p-limit";
import type { Credential } from "../../model/credential.ts";
import type { ServerAddress } from "../../model/environment.ts";
import type { Emit } from "../../model/event.ts";
import type { Cell } from "../../model/plan.ts";
import { type Desired, refKey } from "./desired.ts";
import { type Door, doors, tryDoor } from "./verify/connections.ts";
import { type Address, entersPostgres, type Login, loginsOf } from "./verify/login.ts";
import { type Outcome, REFUSED, toCell } from "./verify/outcome.ts";
import { chooseTried } from "./verify/scope.ts";
import { tryWrongPassword } from "./verify/session.ts";
import { type Meeting, verifyNotify, verifySessions } from "./verify/sessions.ts";
import { visitHome, type VisitPlan } from "./verify/visit.ts";

/** What {@link verifyServer} is called with, once for each server. */
export interface VerifyInput {
  /** Only the address is used: every attempt is made with a login's own credentials. */
  readonly server: ServerAddress;
  readonly desired: Desired;
  /** By `sandbox/instance/claim`. */
  readonly credentials: ReadonlyMap<string, Credential>;
  readonly ledgerDatabase: string;
  /** Other databases that each login really tries; by default all up to 50 logins, 10 above. See {@link chooseTried}. */
  readonly sample?: number;
  /** Logins that work at a time, each with one session, so that a connection limit of one is enough. */
  readonly concurrency: number;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Name of the step that events tell of, where several servers are verified at once. Default `verify`. */
  readonly step?: string;
}

/**
 * Tries from each login's own connection what it must be able to do and what it must not. What writes is rolled back; what
 * PostgreSQL allows in no transaction is asked in a form that cannot succeed. Nothing is left behind.
 *
 * Refused means SQLSTATE 42501 and nothing else: a wrong password, a full connection limit or a missing database is an error,
 * and an error is never ok. A refused connection costs the server a new process: eight logins at a time keep two cores busy.
 *
 * @returns a cell for each attempt; the same list, but for what the server answers, in every run
 * @throws the signal's reason
 */
export async function verifyServer(input: VerifyInput): Promise<Cell[]> {
  const { emit, signal, step = "verify" } = input;
  const { host, port, sslmode, caFile } = input.server;
  const server: Address = { host, port, sslmode, ...(caFile === undefined ? {} : { caFile }) };
  const logins = loginsOf(input.desired, input.credentials);
  const first = logins[0];
  if (first === undefined) return [];

  const plans = planVisits(input, logins);
  const duos = disjointDuos(logins);
  const channels = sharedChannels(logins);

  const limit = pLimit(Math.max(1, input.concurrency));
  const total = plans.reduce((sum, plan) => sum + 1 + plan.doors.length, 0) + duos.flat().length + channels.length;
  const started = performance.now();
  let done = 0;
  const progress = (doing: string) => emit({ type: "step-progress", step, done: ++done, total, doing });
  const end = (outcome: "done" | "failed", detail: string) =>
    emit({ type: "step-end", step, outcome, detail, ms: Math.round(performance.now() - started) });

  emit({ type: "step-start", step, title: `Trying ${logins.length} logins on ${host}:${port}`, total });
  try {
    const wrong = await tryWrongPassword(server, first.user, first.home.database);
    const cells = [toCell({ from: first.key, to: "server", attempt: "log in with a wrong password" }, REFUSED, wrong)];

    const visits = await limit.map(plans, async (plan) => {
      signal?.throwIfAborted();
      const visit = await visitHome(server, plan, signal);
      progress(plan.login.key);
      return visit;
    });
    for (const visit of visits) cells.push(...visit.cells);

    const ledgerIsHere = visits.some((visit) => visit.ledgerIsHere);
    const entered = await limit.map(plans, (plan, index) =>
      enterDoors(server, plan, visits[index]?.blocked, ledgerIsHere, progress, signal),
    );
    for (const found of entered) cells.push(...found);

    const failures = new Map(visits.map((visit, index) => [logins[index], visit.blocked]));
    const meeting: Meeting = { server, blocked: (login) => failures.get(login), signal };
    for (const round of duos) {
      const tried = await limit.map(round, async ([one, other]) => {
        signal?.throwIfAborted();
        const found = await verifySessions(meeting, one, other);
        progress(`${one.key} and ${other.key}`);
        return found;
      });
      cells.push(...tried.flat());
    }
    // One after the other: a login can be part of several, and its connection limit may be small.
    for (const { from, to, database } of channels) {
      signal?.throwIfAborted();
      cells.push(await verifyNotify(meeting, from, to, database));
      progress(`${from.key} and ${to.key}`);
    }

    const wrongCells = cells.filter((cell) => !cell.ok).length;
    end(
      "done",
      wrongCells === 0
        ? `${cells.length} attempts, all as expected`
        : `${wrongCells} of ${cells.length} attempts not as expected`,
    );
    return cells;
  } catch (error) {
    end("failed", `stopped after ${done} of ${total}`);
    throw error;
  }
}

interface Plan extends VisitPlan {
  readonly doors: readonly Door[];
}

/** What each login is to try and what only to ask. */
function planVisits({ desired, ledgerDatabase, sample }: VerifyInput, logins: readonly Login[]): Plan[] {
  const isTried = chooseTried(desired, logins, sample);
  return logins.map((login) => {
    const near = isTried(login);
    const others = logins.filter((other) => other !== login);
    const tried = others.filter(near);
    return {
      desired,
      login,
      tried,
      untried: others.filter((other) => !near(other)),
      readers: login.claim.kind === "access" ? [] : others.filter((other) => refKey(other.home) === login.key),
      ledger: ledgerDatabase,
      doors: doors(desired, login, tried, ledgerDatabase),
    };
  });
}

/** One login tries its doors one after the other. */
async function enterDoors(
  server: Address,
  plan: Plan,
  blocked: Outcome | undefined,
  ledgerIsHere: boolean,
  progress: (doing: string) => void,
  signal: AbortSignal | undefined,
): Promise<Cell[]> {
  const { desired, login } = plan;
  const cells: Cell[] = [];
  for (const door of plan.doors) {
    signal?.throwIfAborted();
    // A server that does not keep the ledger has no such door.
    if (door.database !== plan.ledger || ledgerIsHere) {
      const tried =
        blocked === undefined ? await tryDoor(server, desired, login, door, signal) : [notTried(login, door, blocked)];
      cells.push(...tried);
    }
    progress(`${login.key} on ${door.to}`);
  }
  return cells;
}

function notTried(login: Login, door: Door, { detail }: Outcome): Cell {
  const attempt = { from: login.key, to: door.to, attempt: "connect" };
  return toCell(attempt, door.expectation, { actual: "error", detail: `not tried: ${detail}` });
}

/** Pairs of logins, in rounds in which no login comes twice: an odd one out meets the first in a round of its own. */
function disjointDuos(logins: readonly Login[]): [Login, Login][][] {
  const pairs: [Login, Login][] = [];
  for (let index = 0; index + 1 < logins.length; index += 2)
    pairs.push([logins[index] as Login, logins[index + 1] as Login]);
  const last = logins.at(-1);
  const [first] = logins;
  const odd = logins.length % 2 === 1 && logins.length > 1 && first !== undefined && last !== undefined;
  return odd ? [pairs, [[last, first]]] : [pairs];
}

/** Who can send notifications to whom: readers to the owner in its database, and all that enter `postgres` in a ring. */
function sharedChannels(logins: readonly Login[]): { from: Login; to: Login; database: string }[] {
  const owners = new Map(logins.filter((login) => login.claim.kind === "database").map((login) => [login.key, login]));
  const readers = logins.flatMap((from) => {
    const to = from.claim.kind === "access" ? owners.get(refKey(from.home)) : undefined;
    return to === undefined ? [] : [{ from, to, database: from.home.database }];
  });
  const ring = logins.filter(entersPostgres);
  const neighbours = ring.flatMap((from, index) => {
    const to = ring[(index + 1) % ring.length];
    return to === undefined || to === from ? [] : [{ from, to, database: "postgres" }];
  });
  return [...readers, ...neighbours];
}
