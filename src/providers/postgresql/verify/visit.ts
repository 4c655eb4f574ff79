import type pg from "pg";
import type { Cell } from "../../../model/plan.ts";
import { type Desired, refKey } from "../desired.ts";
import { askConnect } from "./connections.ts";
import { futureFailed, verifyFutureTables, verifyIdentity, verifyOwnDatabase } from "./home.ts";
import type { Address, Login } from "./login.ts";
import { ALLOWED, type Outcome, outcomeOfError, REFUSED, toCell } from "./outcome.ts";
import { verifyReader } from "./reader.ts";
import { askRoles, verifyRoles } from "./roles.ts";
import { verifyServerWide } from "./server-wide.ts";
import { inSession } from "./session.ts";

/** What a login's session at home showed. */
export interface Visit {
  readonly cells: readonly Cell[];
  /** Why this login can try nothing anywhere: its sign-in fails, so a refusal elsewhere would prove nothing. */
  readonly blocked: Outcome | undefined;
  readonly ledgerIsHere: boolean;
}

/** What a login has to do with at home. */
export interface VisitPlan {
  readonly desired: Desired;
  readonly login: Login;
  /** Logins of other claims that it tries one by one. */
  readonly tried: readonly Login[];
  /** Logins of other claims that it only asks about. */
  readonly untried: readonly Login[];
  /** Logins of accesses to its database, when it is a database's login. */
  readonly readers: readonly Login[];
  readonly ledger: string;
}

/** One session at home, in which everything is tried and asked that needs no other session. */
export async function visitHome(server: Address, plan: VisitPlan, signal?: AbortSignal): Promise<Visit> {
  const { login } = plan;
  const cells: Cell[] = [];
  let ledgerIsHere = false;
  try {
    const work = async (client: pg.Client) => void (ledgerIsHere = await tryEverything(client, plan, cells));
    const found = await inSession(server, login, login.home.database, work, signal);
    if ("done" in found) return { cells, blocked: undefined, ledgerIsHere };
    const { failed } = found;
    const readers = plan.readers.map((reader) => reader.key);
    return {
      cells: [
        toCell({ from: login.key, to: refKey(login.home), attempt: "connect" }, ALLOWED, failed),
        notTried(login, failed.detail),
        ...futureFailed(login.home, readers, `${login.key} cannot connect: ${failed.detail}`),
      ],
      blocked: failed.actual === "error" ? failed : undefined,
      ledgerIsHere,
    };
  } catch (error) {
    signal?.throwIfAborted();
    return { cells: [...cells, notTried(login, outcomeOfError(error).detail)], blocked: undefined, ledgerIsHere };
  }
}

/** Adds to `cells` as it goes, so that what was found before a lost connection is kept. */
async function tryEverything(client: pg.Client, plan: VisitPlan, cells: Cell[]): Promise<boolean> {
  const { desired, login, tried, untried, readers, ledger } = plan;
  cells.push(await verifyIdentity(client, login));
  if (login.claim.kind === "database") {
    cells.push(...(await verifyOwnDatabase(client, login)));
    if (readers.length > 0) cells.push(...(await verifyFutureTables(client, login.claim, readers)));
  } else {
    cells.push(...(await verifyReader(client, login)));
  }
  cells.push(...(await verifyServerWide(client, login)));
  cells.push(...(await verifyRoles(client, login, tried)));
  cells.push(...(await askRoles(client, login, untried)));
  const asked = await askConnect(client, login, desired, untried, ledger);
  cells.push(...asked.cells);
  return asked.ledgerIsHere;
}

function notTried(login: Login, why: string): Cell {
  const place = { from: login.key, to: "server", attempt: "all attempts from a session of its own" };
  return toCell(place, REFUSED, { actual: "error", detail: `not tried: ${why}` });
}
