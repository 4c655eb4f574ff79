import { expect, test } from "vitest";
import type { Claim, DatabaseSpec, Environment, PostgresqlService } from "../../../src/model/environment.ts";
import { claimName } from "../../../src/naming/claim-name.ts";
import { nameRows } from "../../../src/naming/rows.ts";

const position = { file: "g2p.yaml", line: 1, column: 1 };
const farmers = { sandbox: "dev", instance: "farmers" };
const pbms = { sandbox: "dev", instance: "pbms" };

function database(of: typeof farmers, claim: string, fixedName: DatabaseSpec["fixedName"] = {}): Claim {
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

function environment(prefix: string): Pick<Environment, "name" | "commons" | "instances"> {
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
    commons: { postgresql },
    instances: [
      { ...farmers, ...rest, module: "registry", claims: [database(farmers, "main")] },
      {
        ...pbms,
        ...rest,
        module: "pbms",
        claims: [database(pbms, "main", { database: "pbms", login: "pbms_user" }), access],
      },
    ],
  };
}

test("the names of an environment list each claim, each access and each other service once", () => {
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
      "main, kafka user: dev__pbms",
      "main, kafka topic prefix: dev__pbms__",
      "main, kafka group prefix: dev__pbms__",
      "main, kafka transactional id prefix: dev__pbms__",
      "main, s3 bucket: dev--pbms",
      "main, s3 user: dev--pbms",
      "main, opensearch user: dev__pbms",
      "main, opensearch role: dev__pbms",
      "main, opensearch tenant: dev__pbms",
      "main, opensearch index prefix: dev__pbms__",
      "main, keymanager application id: dev__pbms",
      "main, keycloak client id: dev--pbms",
      "main, redis user: dev__pbms",
      "main, redis key prefix: dev__pbms__",
      "main, redis channel prefix: dev__pbms__",
      "main, kubernetes namespace: dev",
      "main, kubernetes release: pbms",
      "main, kubernetes binding secret: pbms---binding",
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

test("where PostgreSQL's names have a prefix, the other services' have the environment's name", () => {
  const rows = nameRows(environment("stg"));
  const named = (service: string, kind: string) =>
    rows.find((row) => row.instance === "farmers" && row.service === service && row.kind === kind)?.name;
  expect(named("postgresql", "database")).toBe("stg___dev__farmers");
  expect(named("kafka", "topic prefix")).toBe("staging___dev__farmers__");
  expect(named("s3", "bucket")).toBe("staging---dev--farmers");
  expect(named("kubernetes", "namespace")).toBe("staging---dev");
});

test("an environment without PostgreSQL lists the other services without prefix", () => {
  const { name, instances } = environment("stg");
  const rows = nameRows({ name, commons: {}, instances: instances.map((instance) => ({ ...instance, claims: [] })) });
  expect(rows.some((row) => row.service === "postgresql")).toBe(false);
  expect(rows.find((row) => row.kind === "bucket")?.name).toBe("dev--farmers");
});

test("no row is listed twice and every row fits its limit", () => {
  const rows = nameRows(environment("stg"));
  const keys = rows.map((row) => JSON.stringify([row.sandbox, row.instance, row.claim, row.service, row.kind]));
  expect(new Set(keys).size).toBe(rows.length);
  for (const row of rows) expect(row.name.length).toBeLessThanOrEqual(row.limit);
});
