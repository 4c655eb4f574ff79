import { setTimeout as delay } from "node:timers/promises";
import type { HttpAnswer, HttpRequest } from "../../http.ts";
import type { Connection } from "../connection.ts";
import type { Desired } from "../desired.ts";
import { claimOf } from "../mark.ts";
import { CommonsError } from "../../../model/error.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";

/** A login with its own connections; undefined where no password of it is stored. */
export interface Login {
  readonly wanted: Desired;
  /** `sandbox/instance/claim`. */
  readonly key: string;
  readonly connection: Connection | undefined;
}

const BUSY_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;

/** Sends requests as a login one after the other; each is an outcome. */
export async function tryAll(
  { connection }: Login,
  requests: readonly (readonly [what: string, path: string, request: HttpRequest])[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [what, path, request] of requests)
    outcomes.push(await tryOne(connection, what, path, request, (answer) => outcomeOf(what, answer)));
  return outcomes;
}

/** Sends one request as a login; a server that is busy (429, 503) is asked again a few times. */
export async function tryOne(
  connection: Connection | undefined,
  what: string,
  path: string,
  request: HttpRequest,
  judge: (answer: HttpAnswer) => Outcome,
): Promise<Outcome> {
  if (connection === undefined) return { actual: "error", detail: "not tried: no password is stored" };
  try {
    for (let attempt = 1; ; attempt++) {
      const answer = await connection.request(path, request);
      if (answer.status === 401)
        return { actual: "error", detail: "not tried: the server refuses the stored password" };
      if (![429, 503].includes(answer.status) || attempt === BUSY_ATTEMPTS) return judge(answer);
      await delay(FIRST_PAUSE_MS * 2 ** attempt);
    }
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    return { actual: "error", detail: `${what}: ${error.message}` };
  }
}

/** Names that verify uses below a claim's prefix; all of them are deleted in the end. */
export function probesOf(owner: Desired, logins: readonly Login[]) {
  const shared = logins.flatMap(({ wanted }) => (wanted.target === owner.id ? wordsOf(wanted, owner.prefix) : []));
  return {
    /** An index that nobody else may touch. */
    own: `${owner.prefix}g2p-probe`,
    /** Of each word that somebody has access to. */
    words: [...new Set(shared)].map((word) => sharedProbe(owner.prefix, word)),
    /** What an intruder would make. */
    intruded: `${owner.prefix}g2p-intruded`,
    /** An index that is not there. */
    absent: `${owner.prefix}g2p-absent`,
  } as const;
}

/** The index by which the access to a word is tried. */
export function sharedProbe(prefix: string, word: string): string {
  return `${prefix}${word}-g2p-probe`;
}

/** The words that an access is for. */
export function wordsOf({ patterns }: Desired, prefix: string): string[] {
  return patterns.map((pattern) => /^[^(*]*/.exec(pattern.replace(/^\//, ""))![0].slice(prefix.length));
}

/** A login of a claim or access. */
export function loginOf(wanted: Desired, connection: Connection | undefined): Login {
  return { wanted, key: claimOf(wanted), connection };
}
