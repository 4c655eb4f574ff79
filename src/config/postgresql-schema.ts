import * as z from "zod";
import { SHARINGS } from "../model/service.ts";
import { filePath, label, mapping, variableName } from "../modules/schema-parts.ts";

const NO_PASSWORD =
  "no password stands in this file; write `passwordFrom: {env: NAME}` or `passwordFrom: {file: PATH}`";

export const sharing = z
  .enum(SHARINGS)
  .default("environment")
  .describe("How far one server is shared: by the whole environment, by a sandbox, or by one instance.");

export const prefix = z
  .union([label(), z.literal("")])
  .optional()
  .describe("Begins all our names on the servers. Default: empty for embedded, the environment's name for external.");

const closeMaintenance = z
  .boolean()
  .optional()
  .describe(
    "Take PUBLIC's CONNECT on `postgres` and `template1` away. Default: true for embedded, false for external.",
  );

const portWords = "a port from 1 to 65535";
export const port = () => z.int().min(1, portWords).max(65535, portWords);

const secretKey = () =>
  mapping({
    name: label().describe("Name of the Secret."),
    key: z.string().min(1, "a key").describe("Key inside the Secret."),
    namespace: label().optional().describe("Default: that of the current context."),
  });

/** Certificates of an authority: a file, or a key of a Kubernetes Secret. */
export const authority = () =>
  z
    .union([filePath(), mapping({ secret: secretKey().describe("Key of a Kubernetes Secret.") })])
    .optional()
    .describe(
      "Certificates of the authority that signed the server's: a file, relative to this one, or a key of a Kubernetes Secret.",
    );

export const passwordFrom = mapping({
  env: variableName().optional().describe("Environment variable that holds the password."),
  file: filePath().optional().describe("File whose first line is the password; relative to this file."),
  secret: secretKey().optional().describe("Key of a Kubernetes Secret."),
})
  .refine(
    (source) => [source.env, source.file, source.secret].filter((one) => one !== undefined).length === 1,
    "one of `env`, `file` and `secret`",
  )
  .meta({ minProperties: 1, maxProperties: 1 });

const admin = mapping(
  {
    user: z.string().min(1, "the name of a role").describe("Superuser, or a role with CREATEDB and CREATEROLE."),
    passwordFrom: passwordFrom.describe("Where the password comes from; it never stands in this file."),
    database: z.string().min(1, "the name of a database").default("postgres").describe("Database to connect to first."),
  },
  { password: NO_PASSWORD },
);

export const host = () =>
  z
    .string()
    .regex(/^(?!.*:\/\/)(?![^:]+:\d+$)[^\s@]+$/, "a host name or address alone, without scheme, login or port")
    .describe("Host name, address, or directory of a socket. Not a transaction pooler.");

const serverFields = {
  port: port().default(5432).describe("Port of the server."),
  sslmode: z
    .enum(["disable", "require", "verify-ca", "verify-full"])
    .optional()
    .describe("As in libpq. Default: `disable` on a loopback host, else `verify-full`."),
  ca: authority(),
};

export const postgresqlServer = mapping({
  host: host(),
  ...serverFields,
  admin: admin.describe("Who creates databases and roles."),
});

const embedded = mapping(
  {
    mode: z.literal("embedded").default("embedded").describe("g2p runs PostgreSQL itself, below `.g2p/`."),
    sharing,
    version: z.literal([15, 16, 17, 18]).default(18).describe("Major version."),
    port: port().optional().describe("Fixed port; otherwise a free one is chosen. Only with `sharing: environment`."),
    prefix,
    closeMaintenance,
  },
  Object.fromEntries(
    ["host", "admin", "sslmode", "ca", "servers"].map((key) => [key, "it belongs to `mode: external`"]),
  ),
);

const external = mapping(
  {
    mode: z.literal("external").describe("Servers that already run."),
    sharing,
    host: host().optional().describe("With `sharing: environment`: host name, address, or directory of a socket."),
    ...serverFields,
    port: port().optional().describe("With `sharing: environment`: port of the server. Default: 5432."),
    admin: admin.optional().describe("With `sharing: environment`: who creates databases and roles."),
    servers: z
      .record(z.string(), postgresqlServer)
      .optional()
      .describe("With `sharing: sandbox` or `instance`: the servers, by sandbox (`dev`) or instance (`dev/registry`)."),
    prefix,
    closeMaintenance,
  },
  { version: "it belongs to `mode: embedded`; an external server has the version it has" },
);

/** Schema of `commons.postgresql`. */
export const postgresqlSchema = z.discriminatedUnion("mode", [embedded, external]);

/** `commons.postgresql` as it stands in the file, with the defaults that do not depend on anything. */
export type PostgresqlConfig = z.output<typeof postgresqlSchema>;

/** `mode: external`. */
export type ExternalConfig = z.output<typeof external>;

/** One server of `servers`. */
export type ServerConfig = z.output<typeof postgresqlServer>;
