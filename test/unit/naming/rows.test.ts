import { expect, test } from "vitest";
import { PLAIN_TOKENS } from "../../../src/model/claim.ts";
import type {
  Claim,
  DatabaseClaim,
  DatabaseSpec,
  Environment,
  OtherServiceConfig,
  PostgresqlService,
} from "../../../src/model/environment.ts";
import { claimName } from "../../../src/naming/claim-name.ts";
import { nameRows } from "../../../src/naming/rows.ts";

const position = { file: "g2p.yaml", line: 1, column: 1 };
const farmers = { sandbox: "dev", instance: "farmers" };
const pbms = { sandbox: "dev", instance: "pbms" };

function database(of: typeof farmers, claim: string, fixedName: DatabaseSpec["fixedName"] = {}): DatabaseClaim {
  const spec: DatabaseSpec = {
    extensions: [],
    connectionLimit: 20,
    settings: {},
    ownerVisible: false,
    connectsToPostgres: false,
    fixedName,
  };
  return { ...of, claim, kind: "database", service: "postgresql", spec, accept: [], position };
}

const access: Claim = {
  ...pbms,
  claim: "registry",
  kind: "access",
  service: "postgresql",
  target: { ...farmers, claim: "main" },
  mode: "read",
  connectionLimit: 5,
  accept: [],
  position,
};

const OTHERS: readonly Claim[] = [
  {
    ...farmers,
    claim: "events",
    kind: "topics",
    service: "kafka",
    spec: {
      topics: { changes: { partitions: 3, replication: undefined, retentionMs: undefined, compact: false } },
      quota: { produce: undefined, consume: undefined },
    },
    accept: [],
    position,
  },
  {
    ...farmers,
    claim: "documents",
    kind: "buckets",
    service: "s3",
    spec: { buckets: { main: { versioning: false, quotaBytes: undefined, expireDays: undefined } } },
    accept: [],
    position,
  },
  {
    ...farmers,
    claim: "documents-read",
    kind: "access",
    service: "s3",
    target: { ...farmers, claim: "documents" },
    words: ["main"],
    mode: "read",
    accept: [],
    position,
  },
  {
    ...farmers,
    claim: "search",
    kind: "indices",
    service: "opensearch",
    spec: { indices: {}, tenant: true },
    accept: [],
    position,
  },
  {
    ...farmers,
    claim: "keys",
    kind: "key-application",
    service: "keymanager",
    spec: { validityDays: 1095, preExpireDays: 60, baseKeys: [], client: undefined },
    accept: [],
    position,
  },
  {
    ...farmers,
    claim: "staff-portal",
    kind: "client",
    service: "keycloak",
    spec: {
      public: false,
      redirectUris: [],
      webOrigins: [],
      serviceAccount: true,
      roles: [],
      scopes: [],
      tokens: PLAIN_TOKENS,
    },
    accept: [],
    position,
  },
  { ...farmers, claim: "sessions", kind: "keyspace", service: "redis", spec: {}, accept: [], position },
];

const SHARED: OtherServiceConfig = { mode: "embedded", sharing: "environment", prefix: "" };

/** With services beside PostgreSQL on servers of the environment's own, unless another prefix is said. */
function environment(prefix: string, others = SHARED): Pick<Environment, "name" | "commons" | "instances"> {
  const rest = { uses: {}, variables: [], position };
  const postgresql: PostgresqlService = {
    mode: "embedded",
    version: 15,
    sharing: "environment",
    prefix,
    closeMaintenance: true,
  };
  return {
    name: "staging",
    commons: {
      postgresql,
      kafka: others,
      s3: others,
      opensearch: others,
      keymanager: others,
      keycloak: others,
      redis: others,
    },
    instances: [
      { ...farmers, ...rest, module: "registry", claims: [database(farmers, "main"), ...OTHERS] },
      {
        ...pbms,
        ...rest,
        module: "pbms",
        claims: [database(pbms, "main", { database: "pbms", login: "pbms_user" }), access],
      },
    ],
  };
}

test("the names of an environment list each claim and each access once", () => {
  const rows = nameRows(environment("")).filter((row) => row.instance === "pbms");
  expect(rows.map((row) => `${row.claim}, ${row.service} ${row.kind}: ${row.name}`)).toMatchInlineSnapshot(`
    [
      "main, postgresql database: pbms",
      "main, postgresql owner: dev__pbms___owner",
      "main, postgresql reader: dev__pbms___reader",
      "main, postgresql login a: pbms_user",
      "main, postgresql login b: dev__pbms___b",
      "registry, postgresql access a: dev__pbms__registry___access_a",
      "registry, postgresql access b: dev__pbms__registry___access_b",
      "main, kubernetes namespace: dev",
      "main, kubernetes release: pbms",
      "main, kubernetes binding secret: pbms---binding",
    ]
  `);
});

test("a claim on another service lists its login and everything that it may make", () => {
  const rows = nameRows(environment("")).filter((row) => row.service !== "postgresql" && row.service !== "kubernetes");
  expect(rows.map((row) => `${row.claim}, ${row.service} ${row.kind}: ${row.name}`)).toMatchInlineSnapshot(`
    [
      "events, kafka user: dev__farmers__events",
      "events, kafka topic prefix: dev__farmers__",
      "events, kafka group prefix: dev__farmers__",
      "events, kafka transactional id prefix: dev__farmers__",
      "events, kafka topic: dev__farmers__changes",
      "documents, s3 user: dev--farmers--documents",
      "documents, s3 bucket: dev--farmers",
      "documents-read, s3 user: dev--farmers--documents-read",
      "search, opensearch user: dev__farmers__search",
      "search, opensearch role: dev__farmers__search",
      "search, opensearch tenant: dev__farmers__search",
      "search, opensearch index prefix: dev__farmers__",
      "keys, keymanager application id: dev__farmers__keys",
      "staff-portal, keycloak client id: dev--farmers--staff-portal",
      "sessions, redis user: dev__farmers__sessions",
      "sessions, redis key prefix: dev__farmers__",
      "sessions, redis channel prefix: dev__farmers__",
    ]
  `);
});

test("a claim with fixed names keeps them, unhashed, and gets the other names as usual", () => {
  const claim = database(pbms, "main", { database: "PBMS legacy", login: "bankuser" });
  const named = (kind: "database" | "owner" | "login-a" | "login-b") => claimName("staging", claim, kind);
  expect(named("database")).toEqual({ name: "PBMS legacy", limit: 63, hashed: false });
  expect(named("login-a")).toEqual({ name: "bankuser", limit: 63, hashed: false });
  expect(named("login-b").name).toBe("staging___dev__pbms___b");
  expect(named("owner").name).toBe("staging___dev__pbms___owner");
});

test("each service's names have the prefix of its own servers", () => {
  const rows = nameRows(environment("stg", { ...SHARED, prefix: "staging" }));
  const named = (service: string, kind: string) =>
    rows.find((row) => row.instance === "farmers" && row.service === service && row.kind === kind)?.name;
  expect(named("postgresql", "database")).toBe("stg___dev__farmers");
  expect(named("kafka", "topic prefix")).toBe("staging___dev__farmers__");
  expect(named("s3", "bucket")).toBe("staging---dev--farmers");
  expect(named("keycloak", "client id")).toBe("staging---dev--farmers--staff-portal");
  expect(named("kubernetes", "namespace")).toBe("stg---dev");
});

test("an instance that claims nothing is named on Kubernetes only", () => {
  const { commons, instances } = environment("stg");
  const rows = nameRows({ commons, instances: instances.map((instance) => ({ ...instance, claims: [] })) });
  expect([...new Set(rows.map((row) => row.service))]).toEqual(["kubernetes"]);
});

test("no row is listed twice and every row fits its limit", () => {
  const rows = nameRows(environment("stg"));
  const keys = rows.map((row) => JSON.stringify([row.sandbox, row.instance, row.claim, row.service, row.kind]));
  expect(new Set(keys).size).toBe(rows.length);
  for (const row of rows) expect(row.name.length).toBeLessThanOrEqual(row.limit);
});
