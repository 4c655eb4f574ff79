import type { Service } from "../model/service.ts";

/** The parts of a tuple that can tell two names apart. */
export type Part = "prefix" | "sandbox" | "instance" | "claim";

/** How the names of one kind look. */
export interface NameRule {
  /** Separator character: twice between parts, three times after the prefix, before a suffix and before a hash. */
  readonly joint: "_" | "-";
  /** What `-` inside a part becomes. */
  readonly dash: "_" | "-";
  /** Longest name in bytes. */
  readonly limit: number;
  /** Which parts tell names of this kind apart; all, unless the object is shared by claims or lives in a namespace. */
  readonly parts: readonly Part[];
  /** What tells this kind from the others that share a namespace on the server. */
  readonly suffix?: string;
  /** The name is a prefix for names that the module makes itself: it ends in the separator. */
  readonly open?: true;
  /** The claim is always written, `main` too: it is a word of the module's own, not the short form's. */
  readonly claimAlways?: true;
  /** What the service reserves or what would need quoting; such names are hashed behind another beginning. */
  readonly reserved?: RegExp;
}

const ALL = ["prefix", "sandbox", "instance", "claim"] as const satisfies readonly Part[];

/**
 * Letters, digits and `_` only, beginning with a letter, so that no module's own SQL has to quote them. The server refuses
 * roles that begin with `pg_` (42939). The words it reserves (`postgres`, `template0`, `template1`, `public`, `none`,
 * `user`) and the ledger's `g2p_commons` have no double separator, which all our names have.
 */
const POSTGRESQL = { joint: "_", dash: "_", limit: 63, parts: ALL, reserved: /^(pg_|[0-9])/ } as const;

/** Topic names: `[a-zA-Z0-9._-]`, at most 249 bytes; two that differ only by `.` and `_` clash, and ours have no `.`. */
const KAFKA = { joint: "_", dash: "-", limit: 249, parts: ALL } as const;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; no dots, so that TLS wildcards hold. */
const S3 = {
  joint: "-",
  dash: "-",
  limit: 63,
  parts: ALL,
  reserved: /^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$/,
} as const;

/** Index names: lower case, at most 255 bytes, not beginning with `_`, `-` or `+`. */
const OPENSEARCH = { joint: "_", dash: "-", limit: 255, parts: ALL } as const;

/** MOSIP keeps `app_id` in 36 characters; its own ids (`KERNEL`, `ROOT`) have no double separator. */
const KEYMANAGER = { joint: "_", dash: "_", limit: 36, parts: ALL } as const;

/**
 * `client_id` has 255 characters, but the client's service account is the user `service-account-<client_id>` in a column of
 * the same width. Joined by `-`, since charts name the client's Secret after it.
 */
const KEYCLOAK = { joint: "-", dash: "-", limit: 255 - "service-account-".length, parts: ALL } as const;

/** Redis itself has no limit; spaces and the glob characters `*?[]\` would change what an ACL pattern matches. */
const REDIS = { joint: "_", dash: "-", limit: 255, parts: ALL } as const;

/** DNS labels. What lives in a namespace needs neither prefix nor sandbox in its name. */
const KUBERNETES = { joint: "-", dash: "-" } as const;

/** Every kind of name of every service. Kinds of one service that share a namespace on the server differ by suffix or end. */
export const RULES = {
  postgresql: {
    database: POSTGRESQL,
    owner: { ...POSTGRESQL, suffix: "owner" },
    reader: { ...POSTGRESQL, suffix: "reader" },
    "login-a": { ...POSTGRESQL, suffix: "a" },
    "login-b": { ...POSTGRESQL, suffix: "b" },
    "access-a": { ...POSTGRESQL, suffix: "access_a" },
    "access-b": { ...POSTGRESQL, suffix: "access_b" },
  },
  kafka: {
    user: KAFKA,
    "topic-prefix": { ...KAFKA, open: true },
    "group-prefix": { ...KAFKA, open: true },
    "transactional-id-prefix": { ...KAFKA, open: true },
    topic: { ...KAFKA, claimAlways: true },
  },
  s3: {
    bucket: S3,
    /** A MinIO user or the label of a Garage key; IAM allows 64 characters. */
    user: { ...S3, limit: 64 },
  },
  opensearch: {
    user: OPENSEARCH,
    role: OPENSEARCH,
    tenant: OPENSEARCH,
    "index-prefix": { ...OPENSEARCH, open: true },
  },
  keymanager: { "application-id": KEYMANAGER },
  keycloak: { "client-id": KEYCLOAK },
  redis: {
    user: REDIS,
    "key-prefix": { ...REDIS, open: true },
    "channel-prefix": { ...REDIS, open: true },
  },
  kubernetes: {
    /** The sandbox. */
    namespace: { ...KUBERNETES, limit: 63, parts: ["prefix", "sandbox"], reserved: /^(kube-|default$)/ },
    /** The instance, in the sandbox's namespace. Helm stops at 53; Services named after it begin with a letter. */
    release: { ...KUBERNETES, limit: 53, parts: ["instance"], reserved: /^[0-9]/ },
    /** A Secret in the sandbox's namespace. 253 are allowed; 63 let the name be a label's value, too. */
    "binding-secret": { ...KUBERNETES, limit: 63, parts: ["instance", "claim"], suffix: "binding" },
  },
} as const satisfies Record<Service, Record<string, NameRule>>;

/** The kinds of names of one service, or of all. */
export type NameKind<S extends Service = Service> = { [K in S]: keyof (typeof RULES)[K] & string }[S];

/** The kinds of names of a service, in the order in which they are listed. */
export function kindsOf<S extends Service>(service: S): readonly NameKind<S>[] {
  return Object.keys(RULES[service]) as NameKind<S>[];
}

/** The rule of a kind, or undefined where the service has no such kind. */
export function ruleOf(service: Service, kind: string): NameRule | undefined {
  const rules: Readonly<Record<string, NameRule>> = RULES[service];
  return Object.hasOwn(rules, kind) ? rules[kind] : undefined;
}
