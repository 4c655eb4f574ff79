import type { Cell } from "../../../model/plan.ts";
import type { HttpRequest } from "../../http.ts";
import { type Login, probesOf, sharedProbe, tryAll, tryOne, wordsOf } from "./login.ts";
import { combine, outcomeOf, type Outcome, toCell } from "./outcome.ts";

const SMALL = { settings: { index: { number_of_shards: 1, number_of_replicas: 0 } } };
const PUT = (json: unknown): HttpRequest => ({ method: "PUT", json });

/** Own use: makes the probe indices, writes a document into each and finds it. Everybody else's attempts are made on these. */
export async function verifyOwn(login: Login, logins: readonly Login[]): Promise<Cell[]> {
  const probes = probesOf(login.wanted, logins);
  const outcomes: Outcome[] = [];
  for (const name of [probes.own, ...probes.words]) {
    // An index that an interrupted run left behind is as good.
    const made = await tryOne(login.connection, "create index", `/${name}`, PUT(SMALL), (answer) =>
      outcomeOf("create index", answer),
    );
    const [written] = await tryAll(login, [["write", `/${name}/_doc/1?refresh=true`, PUT({ probe: 1 })]]);
    outcomes.push(made, written!, await found(login, name));
  }
  const attempt = {
    from: login.key,
    to: login.key,
    attempt: "write and read own indices",
    expected: "allowed",
  } as const;
  const cells = [toCell(attempt, combine("allowed", outcomes))];
  const { tenant } = login.wanted;
  if (tenant === undefined) return cells;
  const asked = await tryOne(
    login.connection,
    "own tenant",
    "/_plugins/_security/authinfo",
    { method: "GET" },
    (answer) => {
      const tenants = (answer.json as { tenants?: Record<string, boolean> } | undefined)?.tenants;
      return tenants?.[tenant] === true
        ? { actual: "allowed", detail: "" }
        : { actual: "refused", detail: `tenant ${tenant} is not among its own` };
    },
  );
  return [...cells, toCell({ ...attempt, attempt: "use own tenant" }, asked, "asked")];
}

/** What an access may do with the words that are shared with it, and what it may not. */
export async function verifyAccess(login: Login, owner: Login): Promise<Cell[]> {
  const { wanted } = login;
  const cells: Cell[] = [];
  for (const word of wordsOf(wanted, wanted.prefix)) {
    const name = sharedProbe(wanted.prefix, word);
    const base = { from: login.key, to: `${owner.key}/${word}` };
    cells.push(toCell({ ...base, attempt: "read shared index", expected: "allowed" }, await found(login, name)));
    const writes = await tryAll(login, [
      ["write", `/${name}/_doc/${encodeURIComponent(wanted.user)}`, PUT({ access: 1 })],
      ["bulk", "/_bulk", bulk(name, wanted.user)],
    ]);
    const expected = wanted.mode === "write" ? "allowed" : "refused";
    cells.push(toCell({ ...base, attempt: "write shared index", expected }, combine(expected, writes)));
    const changes = await tryAll(login, [
      ["settings", `/${name}/_settings`, PUT({ index: { refresh_interval: "5s" } })],
      ["delete", `/${name}-absent`, { method: "DELETE" }],
    ]);
    cells.push(
      toCell({ ...base, attempt: "administer shared index", expected: "refused" }, combine("refused", changes)),
    );
  }
  return cells;
}

/** A bulk request that writes one document. */
export function bulk(index: string, id: string): HttpRequest {
  const lines = [{ index: { _index: index, _id: id } }, { probe: 1 }];
  const headers = { "content-type": "application/x-ndjson" };
  return { method: "POST", text: lines.map((line) => `${JSON.stringify(line)}\n`).join(""), headers };
}

async function found(login: Login, name: string): Promise<Outcome> {
  return tryOne(login.connection, "search", `/${name}/_search?q=probe:1`, { method: "GET" }, (answer) => {
    const total = (answer.json as { hits?: { total?: { value?: number } } } | undefined)?.hits?.total?.value ?? 0;
    if (answer.status !== 200) return outcomeOf("search", answer);
    return total > 0
      ? { actual: "allowed", detail: "" }
      : { actual: "error", detail: "what was written was not found" };
  });
}
