import type { Connection } from "./connection.ts";
import type { Mark } from "./mark.ts";

/** What a claim's modules made on the server, by exact names. */
export interface DataOf {
  readonly indices: readonly { readonly name: string; readonly documents: number }[];
  readonly streams: readonly string[];
  /** Aliases below the prefix on indices that are not: put there by an administrator. */
  readonly aliases: readonly { readonly index: string; readonly alias: string }[];
}

/** Longest list of names in one request's path; the server takes 4096 bytes. */
const PATH_LIMIT = 3_000;

/**
 * Looks which indices, data streams and aliases begin with the claim's prefix, and which index holds the saved objects of its tenant (the
 * security plugin names it after the tenant's hash).
 */
export async function dataOf(admin: Connection, { prefix, tenant }: Mark): Promise<DataOf> {
  const columns = "format=json&h=index,docs.count&expand_wildcards=all";
  const list = async (pattern: string) =>
    (await admin.ask(`listing indices ${pattern}`, `/_cat/indices/${pattern}?${columns}`, { method: "GET" }, [404]))
      .json as { readonly index: string; readonly "docs.count": string | null }[] | { readonly error: unknown };
  const rows = async (pattern: string) => {
    const found = await list(pattern);
    return Array.isArray(found) ? found : [];
  };
  const own = (await rows(`${prefix}*`)).filter((one) => one.index.startsWith(prefix));
  const saved = tenant === "" ? [] : (await rows(".kibana_*")).filter((one) => isTenantIndex(one.index, tenant));
  const streams = await admin.ask("listing data streams", `/_data_stream/${prefix}*`, { method: "GET" }, [404]);
  const aliases = await admin.ask("listing aliases", `/_alias/${prefix}*`, { method: "GET" }, [404]);
  return {
    indices: [...own, ...saved]
      .map((one) => ({ name: one.index, documents: Number(one["docs.count"] ?? 0) }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    streams:
      (
        (streams.status === 404 ? {} : streams.json) as { data_streams?: { readonly name: string }[] }
      ).data_streams?.map((one) => one.name) ?? [],
    aliases: Object.entries(
      (aliases.status === 404 ? {} : (aliases.json as object)) as Record<string, { aliases?: Record<string, unknown> }>,
    )
      .filter(([index]) => !index.startsWith(prefix))
      .flatMap(([index, one]) => Object.keys(one.aliases ?? {}).map((alias) => ({ index, alias }))),
  };
}

/** What there is, in words; empty when there is nothing. */
export function describeData({ indices, streams }: DataOf): string {
  const documents = indices.reduce((sum, one) => sum + one.documents, 0);
  const words = [
    indices.length === 0
      ? ""
      : `${count(indices.length, "index", "indices")} with ${count(documents, "document", "documents")}`,
    streams.length === 0 ? "" : count(streams.length, "data stream", "data streams"),
  ];
  return words.filter((word) => word !== "").join(", ");
}

/** Deletes exactly what is named, nothing by a pattern; what is gone already is fine. */
export async function deleteData(admin: Connection, data: DataOf): Promise<void> {
  for (const { index, alias } of data.aliases)
    await admin.ask(
      `removing alias ${alias}`,
      `/${encodeURIComponent(index)}/_alias/${encodeURIComponent(alias)}`,
      { method: "DELETE" },
      [404],
    );
  for (const stream of data.streams)
    await admin.ask(
      `deleting data stream ${stream}`,
      `/_data_stream/${encodeURIComponent(stream)}`,
      { method: "DELETE" },
      [404],
    );
  for (const names of inChunks(data.indices.map((one) => one.name)))
    await admin.ask(
      `deleting ${count(names.length, "index", "indices")}`,
      `/${names.map(encodeURIComponent).join(",")}?ignore_unavailable=true&expand_wildcards=none`,
      { method: "DELETE" },
      [404],
    );
}

function inChunks(names: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let length = PATH_LIMIT;
  for (const name of names) {
    const more = encodeURIComponent(name).length + 1;
    if (length + more > PATH_LIMIT) {
      chunks.push([]);
      length = 0;
    }
    chunks.at(-1)?.push(name);
    length += more;
  }
  return chunks;
}

/** `.kibana_<Java's hash of the name>_<its letters and digits>`, with a number behind it after Dashboards migrated it. */
function isTenantIndex(index: string, tenant: string): boolean {
  let hash = 0;
  for (const unit of tenant) hash = (Math.imul(hash, 31) + unit.charCodeAt(0)) | 0;
  const base = `.kibana_${hash}_${tenant.toLowerCase().replaceAll(/[^a-z0-9]+/g, "")}`;
  return index === base || (index.startsWith(`${base}_`) && /^\d+$/.test(index.slice(base.length + 1)));
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
