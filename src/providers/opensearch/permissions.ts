/**
 * What the roles allow, as names of actions (OpenSearch documentation, "Permissions"), not as action groups, which an administrator can
 * change for all. Left out on purpose, although modules might like them:
 *
 * - `indices:admin/aliases`: the security plugin checks the index an alias points to but not the alias's name, so an instance could plant an
 *   alias named like another's index on its own index and receive what the other writes;
 * - `indices:admin/resize` (clone, shrink, split) and `indices:admin/rollover`, whose requests can carry aliases, too;
 * - `cluster:monitor/health` and `cluster:monitor/state`, which list every index by name.
 */

/** Requests on several indices at a time; each part of them is checked against the index permissions. */
const COMPOSITE_READ = [
  "cluster:monitor/main",
  "indices:data/read/mget",
  "indices:data/read/msearch",
  "indices:data/read/scroll",
  // Whoever knows or guesses no scroll id can still end all open scrolls at once: a nuisance, no leak.
  "indices:data/read/scroll/clear",
] as const;

const COMPOSITE_WRITE = [...COMPOSITE_READ, "indices:data/write/bulk", "indices:data/write/reindex"] as const;

const LOOK = [
  "indices:admin/aliases/get",
  "indices:admin/exists",
  "indices:admin/get",
  "indices:admin/mappings/fields/get*",
  "indices:admin/mappings/get",
  "indices:admin/resolve/index",
  "indices:admin/validate/query",
  "indices:data/read/*",
  "indices:monitor/settings/get",
  "indices:monitor/stats",
] as const;

/** Rights of one kind of login. */
export interface Rights {
  readonly cluster: readonly string[];
  /** On its index patterns. */
  readonly index: readonly string[];
}

/** The owner of the indices: everything but aliases. */
export const OWNER: Rights = {
  cluster: COMPOSITE_WRITE,
  index: [
    "indices:admin/aliases/get",
    "indices:admin/analyze",
    "indices:admin/auto_create",
    "indices:admin/cache/clear",
    "indices:admin/close*",
    "indices:admin/create",
    "indices:admin/data_stream/*",
    "indices:admin/delete",
    "indices:admin/exists",
    "indices:admin/flush*",
    "indices:admin/forcemerge*",
    "indices:admin/get",
    "indices:admin/mapping/*",
    "indices:admin/mappings/*",
    "indices:admin/open",
    "indices:admin/refresh*",
    "indices:admin/resolve/index",
    "indices:admin/settings/update",
    "indices:admin/validate/query",
    "indices:data/*",
    "indices:monitor/*",
  ],
};

/** Another instance that reads. */
export const READER: Rights = { cluster: COMPOSITE_READ, index: LOOK };

/** Another instance that reads and writes documents of indices that the owner made; new fields get their mapping. */
export const WRITER: Rights = {
  cluster: COMPOSITE_WRITE,
  index: [
    ...LOOK,
    "indices:admin/mapping/auto_put",
    "indices:admin/mapping/put",
    "indices:admin/refresh*",
    "indices:data/write/*",
  ],
};
