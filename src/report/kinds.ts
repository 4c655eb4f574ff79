import type { ItemKind } from "../model/plan.ts";
import { count } from "./text.ts";

/** How each kind of resource is called: in a column, and when counted. A claim on topics, buckets or indices holds several of them. */
const WORDS: Readonly<Record<ItemKind, { readonly column: string; readonly one: string; readonly many: string }>> = {
  database: { column: "database", one: "database", many: "databases" },
  topics: { column: "topics", one: "claim on topics", many: "claims on topics" },
  buckets: { column: "buckets", one: "claim on buckets", many: "claims on buckets" },
  indices: { column: "indices", one: "claim on indices", many: "claims on indices" },
  "key-application": { column: "keys", one: "key application", many: "key applications" },
  client: { column: "client", one: "client", many: "clients" },
  keyspace: { column: "keyspace", one: "keyspace", many: "keyspaces" },
  access: { column: "access", one: "access", many: "accesses" },
  server: { column: "server", one: "server", many: "servers" },
};

/** A kind in a column of its own; the server beside it tells the service. */
export function kindWord(kind: ItemKind): string {
  return WORDS[kind].column;
}

/** Each kind with its number: `["2 databases", "1 client"]`; kinds in a fixed order, those that are not there left out. */
export function countKinds(items: readonly { readonly kind: ItemKind }[]): string[] {
  return (Object.keys(WORDS) as ItemKind[]).flatMap((kind) => {
    const number = items.filter((item) => item.kind === kind).length;
    return number === 0 ? [] : [count(number, WORDS[kind].one, WORDS[kind].many)];
  });
}
