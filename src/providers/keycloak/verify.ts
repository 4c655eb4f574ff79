import pLimit from "p-limit";
import type { Cell } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import { type Admin, openKeycloak } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { refText } from "./mark.ts";
import { observe } from "./observe.ts";
import {
  exchangeToken,
  type Field,
  holdOther,
  ownUse,
  readClient,
  signInAsOther,
  signInWrongly,
  writeClient,
} from "./verify/attempts.ts";
import { Login, type Outcome } from "./verify/login.ts";

type OnOther = (field: Field, login: Login, other: Login) => Promise<Outcome>;

/** What every client tries on every other, and must be refused. */
const ON_OTHER: readonly (readonly [attempt: string, run: OnOther])[] = [
  ["sign in as the other's client", signInAsOther],
];

/** What a client that gets tokens for itself tries in addition. */
const WITH_TOKEN: typeof ON_OTHER = [
  ["read the other's client", readClient],
  ["change the other's client", writeClient],
  ["hold the other's roles or audience", holdOther],
  ["exchange its token for the other's", exchangeToken],
];

/**
 * Tries from each client, with its own credentials alone, what it must be able to do and what it must not. No session and no other
 * object is left behind. An attempt that could not be made is an error, and an error is never ok.
 *
 * @param sample most pairs of clients that are tried; default all
 * @throws the signal's reason
 */
export async function verifyServer(
  admin: Admin,
  desired: Desired,
  context: ProviderContext,
  sample: number | undefined,
): Promise<Cell[]> {
  const { emit, signal, server } = context;
  const { endpoint } = admin;
  const stored = await context.credentials.read(desired.clients);
  const { realm } = await observe(admin, desired, stored, "quick", context.concurrency);
  const uuids = new Map([...(realm?.clients ?? [])].map(([clientId, one]) => [clientId, one.representation.id]));
  const http = await openKeycloak(endpoint, server, Math.max(1, context.concurrency));
  const field: Field = { http, realm: endpoint.realm, uuids };
  const logins = desired.clients.map((one) => new Login(http, endpoint.realm, one, stored.get(refText(one))));
  const pairs = chosen(logins, sample);
  const step = `verify ${server}`;
  const total = logins.length + pairs.length;
  const begun = performance.now();
  let done = 0;
  const progress = (doing: string) => emit({ type: "step-progress", step, done: ++done, total, doing });
  const end = (outcome: "done" | "failed", detail: string) =>
    emit({ type: "step-end", step, outcome, detail, ms: Math.round(performance.now() - begun) });
  emit({ type: "step-start", step, title: `Trying ${logins.length} clients on ${server}`, total });
  try {
    const limit = pLimit(Math.max(1, context.concurrency));
    const own = await limit.map(logins, async (login) => {
      signal.throwIfAborted();
      const { attempt, run } = ownUse(login);
      const cell = toCell(login.key, login.key, attempt, "allowed", await run(field, login));
      progress(login.key);
      return cell;
    });
    const guesser = logins.find((login) => !login.wanted.spec.public);
    const wrong =
      guesser === undefined
        ? []
        : [
            toCell(
              guesser.key,
              "server",
              "sign in with a wrong secret",
              "refused",
              await signInWrongly(field, guesser),
            ),
          ];
    const others = await limit.map(pairs, async ([login, other]) => {
      const cells: Cell[] = [];
      for (const [attempt, run] of login.hasToken ? [...ON_OTHER, ...WITH_TOKEN] : ON_OTHER) {
        signal.throwIfAborted();
        cells.push(toCell(login.key, other.key, attempt, "refused", await run(field, login, other)));
      }
      progress(`${login.key} on ${other.key}`);
      return cells;
    });
    const cells = [...own, ...wrong, ...others.flat()];
    const bad = cells.filter((cell) => !cell.ok).length;
    end(
      "done",
      bad === 0 ? `${cells.length} attempts, all as expected` : `${bad} of ${cells.length} attempts not as expected`,
    );
    return cells;
  } catch (error) {
    end("failed", `stopped after ${done} of ${total}`);
    throw error;
  } finally {
    http.close();
  }
}

/** Ordered pairs, or a sample of them that is spread over all logins. */
function chosen(logins: readonly Login[], sample: number | undefined): (readonly [Login, Login])[] {
  const pairs: (readonly [Login, Login])[] = [];
  // By distance, so that the first ones already name everybody.
  for (let distance = 1; distance < logins.length; distance++)
    logins.forEach((login, index) => {
      const other = logins[(index + distance) % logins.length];
      if (other !== undefined) pairs.push([login, other]);
    });
  return sample === undefined ? pairs : pairs.slice(0, sample);
}

function toCell(
  from: string,
  to: string,
  attempt: string,
  expected: Cell["expected"],
  { actual, detail }: Outcome,
): Cell {
  const cell = {
    service: "keycloak",
    from,
    to,
    attempt,
    expected,
    actual,
    ok: actual === expected,
    how: "tried",
  } as const;
  return detail === "" ? cell : { ...cell, detail };
}
