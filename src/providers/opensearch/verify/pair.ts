import type { Cell } from "../../../model/plan.ts";
import type { HttpRequest } from "../../http.ts";
import { type Login, probesOf, tryAll, tryOne } from "./login.ts";
import { combine, outcomeOf, type Outcome, outcomeOfSearch, toCell } from "./outcome.ts";
import { bulk } from "./own.ts";

const GET: HttpRequest = { method: "GET" };
const DELETE: HttpRequest = { method: "DELETE" };
const put = (json: unknown): HttpRequest => ({ method: "PUT", json });

/**
 * One login tries what another instance's claim holds; all of it must be refused. Everything happens on indices of verify's own, so that nothing
 * is harmed where it is not.
 */
export async function verifyPair(login: Login, owner: Login, logins: readonly Login[]): Promise<Cell[]> {
  const { own, intruded, absent } = probesOf(owner.wanted, logins);
  const id = encodeURIComponent(login.wanted.user);
  const reads = [
    ...(await tryAll(login, [
      ["search", `/${own}/_search`, GET],
      ["get", `/${own}/_doc/1`, GET],
      ["mapping", `/${own}/_mapping`, GET],
      ["several searches", "/_msearch", severalSearches(own)],
    ])),
    ...(login.wanted.target === owner.wanted.id ? [] : [await searchBelow(login, owner)]),
  ];
  const writes = await tryAll(login, [
    ["write", `/${own}/_doc/${id}`, put({ intruder: 1 })],
    ["bulk", "/_bulk", bulk(own, login.wanted.user)],
    ["delete document", `/${own}/_doc/g2p-absent`, DELETE],
  ]);
  const changes = await tryAll(login, [
    ["create index", `/${intruded}`, put({ settings: { index: { number_of_replicas: 0 } } })],
    ["delete index", `/${absent}`, DELETE],
    ["settings", `/${own}/_settings`, put({ index: { refresh_interval: "5s" } })],
    ["alias on it", `/${own}/_alias/${login.wanted.prefix}g2p-alias`, put({})],
    ...(login.wanted.kind === "indices" ? [plant(login, owner, logins)] : []),
  ]);
  const cell = (attempt: string, outcomes: readonly Outcome[]) =>
    toCell({ from: login.key, to: owner.key, attempt, expected: "refused" }, combine("refused", outcomes));
  return [
    cell("read other's indices", reads),
    cell("write other's indices", writes),
    cell("administer other's indices", changes),
    ...(owner.wanted.tenant === undefined
      ? []
      : [cell("use other's tenant", [await enter(login, owner.wanted.tenant)])]),
  ];
}

/** Own index under the other's name: what the other writes there would be one's own. */
function plant(login: Login, owner: Login, logins: readonly Login[]): readonly [string, string, HttpRequest] {
  const { own } = probesOf(login.wanted, logins);
  return ["own index under other's name", `/${own}/_alias/${owner.wanted.prefix}g2p-planted`, put({})];
}

function searchBelow(login: Login, owner: Login): Promise<Outcome> {
  const { prefix } = owner.wanted;
  const path = `/${prefix}*/_search?size=100&_source=false`;
  return tryOne(login.connection, "search by pattern", path, GET, (answer) =>
    outcomeOfSearch("search by pattern", answer, (index) => index.startsWith(prefix)),
  );
}

/** Asks for Dashboards' saved objects of a tenant; a user without it is refused before the index is looked for. */
async function enter(login: Login, tenant: string): Promise<Outcome> {
  const listed = await tryOne(login.connection, "tenant", "/_plugins/_security/authinfo", GET, (answer) => {
    const tenants = (answer.json as { tenants?: Record<string, boolean> } | undefined)?.tenants;
    if (answer.status !== 200 || tenants === undefined) return outcomeOf("tenant", answer);
    const isOpen = Object.hasOwn(tenants, tenant);
    return { actual: isOpen ? "allowed" : "refused", detail: isOpen ? "it is among its tenants" : "" };
  });
  const [tried] = await tryAll(login, [
    ["tenant", "/.kibana/_search", { ...GET, headers: { securitytenant: tenant } }],
  ]);
  return combine("refused", [listed, tried!]);
}

function severalSearches(index: string): HttpRequest {
  const text = `${JSON.stringify({ index })}\n${JSON.stringify({ query: { match_all: {} } })}\n`;
  return { method: "POST", text, headers: { "content-type": "application/x-ndjson" } };
}
