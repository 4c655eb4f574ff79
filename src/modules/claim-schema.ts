import * as z from "zod";
import { connectionLimit, extensions, label, mapping } from "./schema-parts.ts";
import { sessionSettings } from "./session-settings.ts";
import { duration, size } from "./units.ts";

/** An option of the module: the claim is there only for instances whose `with` names it. */
const option = () =>
  label().optional().describe("Only for instances whose `with` in the environment file names this option.");

const whole = (least: number, most: number) => {
  const words = `a whole number from ${least} to ${most}`;
  return z.int().min(least, words).max(most, words);
};

const retention = () => z.union([z.literal("forever"), duration()]);

const PARTITIONS = () => whole(1, 10_000).describe("Number of partitions; it can only grow.");
const REPLICATION = () => whole(1, 32_767).optional().describe("Copies of each partition. Default: the broker's.");
const RETENTION = () =>
  retention().optional().describe("How long messages are kept, or `forever`. Default: the broker's.");
const VERSIONING = () => z.boolean().describe("Keep earlier versions of objects.");
const QUOTA = () => size().optional().describe("Most data it may hold, e.g. `10GiB`. Default: no limit.");
const EXPIRE = () => whole(1, 36_500).optional().describe("Days after which objects are deleted. Default: never.");
const SHARDS = () => whole(1, 1024).describe("Primary shards of a new index.");
const REPLICAS = () => whole(0, 100).describe("Copies of each shard.");
const DELETE_AFTER = () =>
  whole(1, 36_500).optional().describe("Days after which an index is deleted. Default: never.");

/** Redirect URIs of a client. */
export const redirectUris = () =>
  z
    .array(
      z.string().regex(/^(https?:\/\/|[a-z][a-z0-9.+-]*:\/)[^\s]+$|^\/[^\s]*$/, "a URI, with `*` at most at its end"),
    )
    .describe("Where Keycloak may send users back to; `*` at the end stands for anything.");

/** Web origins of a client. */
export const webOrigins = () =>
  z
    .array(z.string().regex(/^(\+|https?:\/\/[^\s/*]+)$/, "an origin such as `https://registry.example.org`, or `+`"))
    .describe("Origins whose pages may call Keycloak; `+` stands for those of the redirect URIs.");

/** Changes that an environment file may make to one topic, bucket or group of indices. */
export const topicChange = mapping({
  partitions: PARTITIONS().optional(),
  replication: REPLICATION(),
  retention: RETENTION(),
});
export const bucketChange = mapping({ versioning: VERSIONING().optional(), quota: QUOTA(), expireDays: EXPIRE() });
export const indexChange = mapping({
  shards: SHARDS().optional(),
  replicas: REPLICAS().optional(),
  deleteAfterDays: DELETE_AFTER(),
});

const database = mapping({
  service: z.literal("postgresql").default("postgresql").describe("The service that is claimed: a database."),
  with: option(),
  extensions: extensions().default([]).describe("PostgreSQL extensions the database must have."),
  connectionLimit: connectionLimit()
    .default(20)
    .describe("Most connections its login may hold at once; a wall that the module cannot move."),
  settings: sessionSettings().default({}).describe("Defaults of the login's sessions; the module can override them."),
  ownerVisible: z
    .boolean()
    .default(false)
    .describe(
      "Owner role may be seen as LOGIN (without password, connection limit 0), as Odoo needs to list its database.",
    ),
  connectsToPostgres: z
    .boolean()
    .default(false)
    .describe(
      "Login may connect to the database `postgres`, as Odoo does; `verify` prints it as an accepted exception.",
    ),
});

const topics = mapping({
  service: z.literal("kafka").describe("Topics, with a user that owns everything below the instance's prefix."),
  with: option(),
  topics: z
    .record(
      label(),
      mapping({
        partitions: PARTITIONS().default(1),
        replication: REPLICATION(),
        retention: RETENTION(),
        compact: z
          .boolean()
          .default(false)
          .describe("Keep the last message of each key instead of the newest messages."),
      }),
    )
    .default({})
    .describe("Topics that exist from the start, by the module's own word."),
  quota: mapping({
    produce: size().optional().describe("Most data a second that the user may write to a broker."),
    consume: size().optional().describe("Most data a second that the user may read from a broker."),
  })
    .default({})
    .describe("Quotas of the user."),
});

const buckets = mapping({
  service: z.literal("s3").describe("Buckets, with a key that reads and writes them alone."),
  with: option(),
  buckets: z
    .record(label(), mapping({ versioning: VERSIONING().default(false), quota: QUOTA(), expireDays: EXPIRE() }))
    .describe("Buckets by the module's own word."),
});

const indices = mapping({
  service: z.literal("opensearch").describe("Indices below the instance's prefix, with a user limited to them."),
  with: option(),
  indices: z
    .record(
      label(),
      mapping({ shards: SHARDS().default(1), replicas: REPLICAS().default(0), deleteAfterDays: DELETE_AFTER() }),
    )
    .default({})
    .describe("Groups of indices by the module's own word: a template for `<prefix><word>*`."),
  tenant: z.boolean().default(false).describe("A dashboards tenant of the instance's own."),
});

const keyApplication = mapping({
  service: z
    .literal("keymanager")
    .describe("A key application: master key, certificates, and nobody else's use of them."),
  with: option(),
  validityDays: whole(1, 36_500).default(1095).describe("Days a key is valid."),
  preExpireDays: whole(0, 36_500).default(60).describe("Days before a key's end from which a new one is made."),
  baseKeys: z
    .array(z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, "a reference id: letters, digits, `_`, `.`, `-`"))
    .default([])
    .describe("Reference ids whose encryption keys exist from the start, e.g. `ENCRYPT`."),
  client: label()
    .optional()
    .describe("Claim of an OIDC client of this module whose service account alone may use the keys."),
});

const client = mapping({
  service: z.literal("keycloak").describe("An OIDC client in the environment's realm."),
  with: option(),
  public: z.boolean().default(false).describe("A public client has no secret."),
  redirectUris: redirectUris().default([]),
  webOrigins: webOrigins().default([]),
  serviceAccount: z.boolean().default(false).describe("It may get tokens for itself (client credentials)."),
  roles: z.array(z.string().min(1, "the name of a role").max(255)).default([]).describe("Client roles it defines."),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,255}$/, "the name of a scope"))
    .default([])
    .describe("Client scopes that its tokens have, beside the realm's default ones."),
});

const keyspace = mapping({
  service: z.literal("redis").describe("Keys and channels below the instance's prefixes, with a user limited to them."),
  with: option(),
});

/** What a module asks of a service: a claim, told apart by `service`. */
export const claimSchema = z.discriminatedUnion("service", [
  database,
  topics,
  buckets,
  indices,
  keyApplication,
  client,
  keyspace,
]);

/** A claim of a descriptor with its defaults. */
export type ClaimDescriptor = z.output<typeof claimSchema>;

const use = () => label().describe("Role word of `uses` whose instance is read.");
const mode = () => z.enum(["read", "write"]).default("read").describe("What it may do there.");

const databaseAccess = mapping({
  service: z.literal("postgresql").default("postgresql").describe("Reads a database of the other instance."),
  with: option(),
  uses: use(),
  claim: label().default("main").describe("Claim of that instance whose database is read."),
  connectionLimit: connectionLimit().default(10).describe("Most connections the access' login may hold at once."),
});

const partsAccess = (service: "kafka" | "s3" | "opensearch", what: string) =>
  mapping({
    service: z.literal(service).describe(`Uses ${what} of the other instance.`),
    with: option(),
    uses: label()
      .optional()
      .describe("Role word of `uses` whose instance is used. Default: the instance itself, by a second login."),
    claim: label().describe(`Claim of that instance to which the ${what} belong.`),
    only: z.array(label()).min(1, "at least one word").describe(`Words of the ${what} that may be used.`),
    mode: mode(),
  });

/** Use of another instance's claim, told apart by `service`. */
export const accessSchema = z.discriminatedUnion("service", [
  databaseAccess,
  partsAccess("kafka", "topics"),
  partsAccess("s3", "buckets"),
  partsAccess("opensearch", "indices"),
]);

/** An access of a descriptor with its defaults. */
export type AccessDescriptor = z.output<typeof accessSchema>;
