import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KEYMANAGER_ADMIN, KEYMANAGER_USER, PLAIN_TOKENS } from "../../../src/model/claim.ts";
import type { Instance } from "../../../src/model/environment.ts";
import { claim, folder, instance, load } from "./loading.ts";

const ALL = "{postgresql: {}, kafka: {}, s3: {}, opensearch: {}, keymanager: {}, keycloak: {}, redis: {}}";
const allServices = (modules: string, commons = ALL) =>
  `apiVersion: g2p.dev/v1\nenvironment: staging\ncommons: ${commons}\nsandboxes: [{name: dev, modules: [${modules}]}]\n`;
const idsOf = ({ claims }: Instance) => claims.map(({ service, kind, claim: name }) => `${service} ${kind} ${name}`);

describe("services beside PostgreSQL", () => {
  it("are claimed as the descriptor says, options only where they are taken", async () => {
    const environment = await load(allServices("registry, {module: registry, name: farmers, with: [events, search]}"));
    const plain = [
      "postgresql database main",
      "postgresql database idgenerator",
      "s3 buckets documents",
      "keycloak client staff-portal",
      "keymanager key-application keys",
      "redis keyspace sessions",
    ];
    expect(idsOf(instance(environment, "dev", "registry"))).toEqual([...plain, "s3 access documents-read"]);
    expect(idsOf(instance(environment, "dev", "farmers"))).toEqual([
      ...plain,
      "kafka topics events",
      "opensearch indices search",
      "s3 access documents-read",
    ]);
    expect(environment.commons.keycloak).toEqual({ mode: "embedded", sharing: "environment", prefix: "" });
  });

  it("that are elsewhere take their claims, accesses and variables with them", async () => {
    const commons = "{postgresql: {}, redis: {}, elsewhere: [s3, keycloak, keymanager]}";
    const registry = instance(await load(allServices("registry", commons)), "dev", "registry");
    expect(idsOf(registry)).toEqual([
      "postgresql database main",
      "postgresql database idgenerator",
      "redis keyspace sessions",
    ]);
    const templates = registry.variables.map(({ template }) => template).join(" ");
    expect(templates).toContain("${sessions.uri}");
    expect(templates).not.toMatch(/documents|keys|portal/);
  });

  it("get the entry's changes, in the units that servers take", async () => {
    const environment = await load(
      allServices(`{module: registry, with: [events, search], claims: {
  events: {topics: {changes: {partitions: 6, replication: 3, retention: forever}}},
  documents: {buckets: {default: {quota: 2GiB, expireDays: 30, versioning: true}}},
  search: {indices: {records: {replicas: 1, deleteAfterDays: 90}}},
  staff-portal: {redirectUris: ["https://registry.example.org/*"], webOrigins: []}}}`),
    );
    const registry = instance(environment, "dev", "registry");
    expect(claim(registry, "events")).toMatchObject({
      spec: { topics: { changes: { partitions: 6, replication: 3, retentionMs: -1, compact: false } } },
    });
    expect(claim(registry, "documents")).toMatchObject({
      spec: {
        buckets: {
          default: { versioning: true, quotaBytes: 2 * 2 ** 30, expireDays: 30 },
          templates: { versioning: false, quotaBytes: undefined },
        },
      },
    });
    expect(claim(registry, "search")).toMatchObject({
      spec: { indices: { records: { shards: 1, replicas: 1, deleteAfterDays: 90 } } },
    });
    expect(claim(registry, "staff-portal")).toMatchObject({
      spec: { redirectUris: ["https://registry.example.org/*"], webOrigins: [], serviceAccount: true },
    });
    expect(claim(registry, "keys")).toMatchObject({
      spec: { client: { claim: "staff-portal", clientId: "dev--registry--staff-portal" }, baseKeys: ["ENCRYPT"] },
    });
  });

  it("let a client's tokens use keys only where a key application names it", async () => {
    const environment = await load(allServices("{module: registry, with: [agent-portal]}"));
    const registry = instance(environment, "dev", "registry");
    expect(claim(registry, "staff-portal")).toMatchObject({ spec: { tokens: KEYMANAGER_USER } });
    expect(claim(registry, "agent-portal")).toMatchObject({ spec: { public: true, tokens: PLAIN_TOKENS } });
    const admin = claim(instance(environment, "commons", "keymanager"), "admin");
    expect(admin).toMatchObject({ spec: { serviceAccount: true, tokens: KEYMANAGER_ADMIN } });
  });

  it("are used in another instance's claim by an access of its own, which names the parts", async () => {
    const environment = await load(allServices("{module: registry, with: [events]}, {module: pbms, with: [events]}"));
    expect(claim(instance(environment, "dev", "pbms"), "registry-events")).toMatchObject({
      kind: "access",
      service: "kafka",
      target: { sandbox: "dev", instance: "registry", claim: "events" },
      words: ["changes"],
      mode: "read",
    });
  });

  it("that run elsewhere already are addressed by brokers and URLs, with TLS as these say", async () => {
    const admin = "admin: {user: admin, passwordFrom: {env: ADMIN}}";
    const { commons } = await load(
      allServices(
        "",
        `
  kafka: {mode: external, brokers: ["kafka-1:9093", "[::1]:9094"], ca: ca.pem, ${admin}}
  s3: {mode: external, endpoint: "https://minio.example.org/", ${admin}}
  opensearch: {mode: external, endpoint: "http://localhost:9200/search/", prefix: "", ${admin}}
  keymanager: {mode: external, endpoint: "http://keymanager/v1/keymanager", database: {host: localhost, admin: {user: km, passwordFrom: {env: DB}, database: mosip_keymgr}}}
  keycloak: {mode: external, endpoint: "https://keycloak.example.org", ${admin}}
  redis: {mode: external, endpoint: "rediss://redis.example.org", ${admin}}`,
      ),
    );
    const server = (service: keyof typeof commons) => {
      const config = commons[service];
      return config?.mode === "external" ? config.servers[""] : undefined;
    };
    expect(server("kafka")).toMatchObject({
      hosts: [
        { host: "kafka-1", port: 9093 },
        { host: "::1", port: 9094 },
      ],
      tls: true,
      caFile: join(folder(), "ca.pem"),
      admin: { user: "admin", passwordFrom: { env: "ADMIN" } },
    });
    expect(server("s3")).toMatchObject({
      hosts: [{ host: "minio.example.org", port: 443 }],
      tls: true,
      path: "",
      options: { server: "minio", region: "us-east-1" },
    });
    expect(server("opensearch")).toMatchObject({ hosts: [{ port: 9200 }], tls: false, path: "/search" });
    expect(server("keymanager")).toMatchObject({
      path: "/v1/keymanager",
      database: { host: "localhost", sslmode: "disable", admin: { database: "mosip_keymgr" } },
    });
    expect(server("keycloak")).toMatchObject({ options: { realm: "staging" } });
    expect(server("redis")).toMatchObject({ hosts: [{ port: 6379 }], tls: true });
    expect([commons.kafka?.prefix, commons.opensearch?.prefix]).toEqual(["staging", ""]);
  });

  it("shared by each instance need no server for one that takes no option of theirs", async () => {
    const server = "{brokers: ['localhost:9092'], admin: {user: admin, passwordFrom: {env: KAFKA}}}";
    const kafka = `{mode: external, sharing: instance, servers: {dev/farmers: ${server}}}`;
    const commons = `{postgresql: {}, kafka: ${kafka}, elsewhere: [s3, keycloak, keymanager, redis]}`;
    const environment = await load(allServices("registry, {module: registry, name: farmers, with: [events]}", commons));
    expect(environment.commons.kafka).toMatchObject({ servers: { "dev/farmers": { tls: false } } });
  });
});
