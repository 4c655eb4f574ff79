import type { Cell } from "../../../model/plan.ts";
import type { HttpRequest } from "../../http.ts";
import { type Login, tryAll, tryOne } from "./login.ts";
import { combine, outcomeOf, outcomeOfSearch, toCell } from "./outcome.ts";

const GET: HttpRequest = { method: "GET" };

/** What an intruder would make beside indices; all of it is deleted in the end. */
export const PROBE = "g2p-probe";

/** What belongs to the server and is no instance's: everybody must be refused. */
export async function verifyServerWide(login: Login, server: string): Promise<Cell[]> {
  const { prefix } = login.wanted;
  const isOther = (index: string) => !index.startsWith(prefix) && !index.startsWith(`.ds-${prefix}`);
  const everything = await tryOne(
    login.connection,
    "search all",
    "/_all/_search?size=100&_source=false",
    GET,
    (answer) => outcomeOfSearch("search all", answer, isOther),
  );
  const listed = await tryOne(login.connection, "list indices", "/_cat/indices?format=json&h=index", GET, (answer) => {
    if (answer.status !== 200 || !Array.isArray(answer.json)) return outcomeOf("list indices", answer);
    const other = (answer.json as { readonly index: string }[]).find((one) => isOther(one.index));
    return other === undefined
      ? { actual: "refused", detail: "nothing of others found" }
      : { actual: "allowed", detail: `list indices: found ${other.index}` };
  });
  const cell = (attempt: string, outcomes: Parameters<typeof combine>[1]) =>
    toCell({ from: login.key, to: server, attempt, expected: "refused" }, combine("refused", outcomes));
  return [
    cell("see all indices", [everything, listed]),
    cell(
      "read users and roles",
      await tryAll(login, [
        ["users", "/_plugins/_security/api/internalusers", GET],
        ["roles", "/_plugins/_security/api/roles", GET],
        ["security index", "/.opendistro_security/_search", GET],
      ]),
    ),
    cell(
      "change the cluster",
      await tryAll(login, [
        [
          "index template",
          `/_index_template/${PROBE}`,
          { method: "PUT", json: { index_patterns: [`${prefix}g2p-none`] } },
        ],
        ["pipeline", `/_ingest/pipeline/${PROBE}`, { method: "PUT", json: { processors: [] } }],
        ["tenant", `/_plugins/_security/api/tenants/${PROBE}`, { method: "PUT", json: { description: "probe" } }],
      ]),
    ),
    cell(
      "read the cluster's state",
      await tryAll(login, [
        ["state", "/_cluster/state?filter_path=cluster_name", GET],
        ["settings", "/_cluster/settings", GET],
        ["snapshots", "/_snapshot", GET],
      ]),
    ),
  ];
}
