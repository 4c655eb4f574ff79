import * as z from "zod";
import type { OtherService } from "../model/claim.ts";
import { SERVICES } from "../model/service.ts";
import { label, mapping } from "../modules/schema-parts.ts";
import { authority, passwordFrom, port, postgresqlServer, prefix, sharing } from "./postgresql-schema.ts";

/** The services beside PostgreSQL. */
export const OTHER_SERVICES = SERVICES.filter(
  (service): service is OtherService => service !== "postgresql" && service !== "kubernetes",
);

const NO_PASSWORD =
  "no password stands in this file; write `passwordFrom: {env: NAME}`, `{file: PATH}` or `{secret: {name, key}}`";

const admin = (user: string) =>
  mapping(
    {
      user: z.string().min(1, "the name of a user").describe(user),
      passwordFrom: passwordFrom.describe("Where the password comes from; it never stands in this file."),
    },
    { password: NO_PASSWORD },
  );

const tokenAdmin = mapping(
  {
    user: z
      .string()
      .min(1, "the name of a user")
      .optional()
      .describe("MinIO's root user, or one with all of its rights; none for Garage."),
    passwordFrom: passwordFrom.describe("Where the password, or Garage's admin token, comes from."),
  },
  { password: NO_PASSWORD },
);

const url = (schemes: string, example: string) =>
  z
    .string()
    .regex(new RegExp(`^(${schemes})://[^\\s/@]+(/[^\\s?#]*)?$`), `a URL without login, such as \`${example}\``)
    .describe(`Address of the server, such as \`${example}\`.`);

const broker = z.string().regex(/^(?!.*:\/\/)(\[[0-9a-fA-F:]+\]|[^\s:@/]+):\d{1,5}$/, "`host:port`");

/** What an external server of each service needs; `endpoint` and `brokers` say where it is. */
const SERVERS = {
  kafka: {
    brokers: z.array(broker).min(1, "at least one `host:port`").describe("Bootstrap servers."),
    tls: z.boolean().optional().describe("Whether the listener speaks TLS. Default: not on loopback hosts, else true."),
    ca: authority(),
    admin: admin("Who creates topics, users and ACLs; signs in by SCRAM-SHA-512."),
  },
  s3: {
    endpoint: url("https?", "https://minio.example.org"),
    server: z.enum(["minio", "garage"]).default("minio").describe("Which server it is."),
    region: z.string().min(1, "a region").optional().describe("Default: `us-east-1` for MinIO, `garage` for Garage."),
    adminUrl: url("https?", "http://garage:3903").optional().describe("Garage's administration API."),
    ca: authority(),
    admin: tokenAdmin.describe("Who creates buckets, users and policies."),
  },
  opensearch: {
    endpoint: url("https?", "https://opensearch.example.org:9200"),
    ca: authority(),
    admin: admin("A user with the role `all_access`."),
  },
  keymanager: {
    endpoint: url("https?", "http://keymanager/v1/keymanager"),
    ca: authority(),
    admin: admin("OIDC client that administers it: client id as `user`.").optional(),
    tokenUrl: url("https?", "https://keycloak.example.org/realms/openg2p/protocol/openid-connect/token")
      .optional()
      .describe("Where that client gets its tokens; needed with `admin`."),
    database: postgresqlServer.describe(
      "Keymanager's own database, where key policies stand; `admin.database` names it.",
    ),
  },
  keycloak: {
    endpoint: url("https?", "https://keycloak.example.org"),
    realm: label().optional().describe("The environment's realm. Default: the environment's name."),
    ca: authority(),
    admin: admin("An administrator of the realm `master`."),
  },
  redis: {
    endpoint: url("rediss?", "redis://redis.example.org:6379"),
    ca: authority(),
    admin: admin("An ACL user with all rights, such as `default`."),
  },
} as const satisfies Record<OtherService, z.core.$ZodLooseShape>;

const EMBEDDED_KEYS = {
  s3: { server: z.enum(["minio", "garage"]).default("minio").describe("Which server to run.") },
} as const;

function schemaOf<S extends OtherService>(service: S) {
  const server = SERVERS[service];
  const embedded = mapping(
    {
      mode: z.literal("embedded").default("embedded").describe("g2p runs it itself, below `.g2p/`."),
      sharing,
      port: port().optional().describe("Fixed port; otherwise a free one is chosen. Only with `sharing: environment`."),
      prefix,
      ...(service === "s3" ? EMBEDDED_KEYS.s3 : {}),
    },
    Object.fromEntries(
      [...Object.keys(server), "servers"]
        .filter((key) => service !== "s3" || key !== "server")
        .map((key) => [key, "it belongs to `mode: external`"]),
    ),
  );
  const external = mapping({
    mode: z.literal("external").describe("Servers that already run."),
    sharing,
    ...Object.fromEntries(
      Object.entries(server).map(([key, schema]) => [
        key,
        (schema as z.ZodType)
          .optional()
          .describe(`With \`sharing: environment\`: ${firstLower((schema as z.ZodType).description ?? "")}`),
      ]),
    ),
    servers: z
      .record(z.string(), mapping(server))
      .optional()
      .describe("With `sharing: sandbox` or `instance`: the servers, by sandbox (`dev`) or instance (`dev/registry`)."),
    prefix,
  });
  return z.discriminatedUnion("mode", [embedded, external]);
}

function firstLower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

const TITLES: Readonly<Record<OtherService, string>> = {
  kafka: "Kafka: topics.",
  s3: "S3 (MinIO or Garage): buckets.",
  opensearch: "OpenSearch: indices.",
  keymanager: "MOSIP Keymanager: key applications.",
  keycloak: "Keycloak: OIDC clients.",
  redis: "Redis: keys and channels.",
};

const optional = <S extends OtherService>(service: S) => schemaOf(service).optional().describe(TITLES[service]);

/** Schemas of `commons.<service>` for the services beside PostgreSQL. */
export const serviceSchemas = {
  kafka: optional("kafka"),
  s3: optional("s3"),
  opensearch: optional("opensearch"),
  keymanager: optional("keymanager"),
  keycloak: optional("keycloak"),
  redis: optional("redis"),
};

/** One external server as it is written; which keys it has depends on the service. */
export interface ServerInput {
  readonly brokers?: readonly string[];
  readonly endpoint?: string;
  readonly tls?: boolean;
  readonly ca?: z.output<ReturnType<typeof authority>>;
  readonly admin?: { readonly user?: string; readonly passwordFrom: z.output<typeof passwordFrom> };
  readonly server?: "minio" | "garage";
  readonly region?: string;
  readonly adminUrl?: string;
  readonly tokenUrl?: string;
  readonly realm?: string;
  readonly database?: z.output<typeof postgresqlServer>;
}

/** Keys that an external server of a service must have. */
export function requiredKeys(service: OtherService): readonly string[] {
  return Object.entries(SERVERS[service])
    .filter(([, schema]) => !(schema as z.ZodType).safeParse(undefined).success)
    .map(([key]) => key);
}

/** Every key that an external server of a service may have. */
export function serverKeys(service: OtherService): readonly string[] {
  return Object.keys(SERVERS[service]);
}
