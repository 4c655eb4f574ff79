import { dirname, resolve } from "node:path";
import type { Authority, ExternalServer, PostgresqlService, SecretSource } from "../model/environment.ts";
import type { Path } from "../modules/source-file.ts";
import { didYouMean, listed, quoted } from "../modules/wording.ts";
import type { Draft, Entry } from "./draft.ts";
import { scopeOf } from "./placement.ts";
import type { ExternalConfig, PostgresqlConfig, ServerConfig } from "./postgresql-schema.ts";

const PATH: Path = ["commons", "postgresql"];

/**
 * `commons.postgresql` with all defaults and absolute paths. Reports servers that are missing, not needed or named in the
 * wrong way for the `sharing`.
 *
 * @param config - as parsed; where parts of it were refused, they are reported already.
 * @param environment - name of the environment, the default prefix on external servers.
 */
export function resolvePostgresql(draft: Draft, config: PostgresqlConfig, environment: string): PostgresqlService {
  const { sharing } = config;
  if (config.mode === "embedded") {
    if (config.port !== undefined && sharing !== "environment") {
      draft.report([...PATH, "port"], `\`port\` fits only one server, but \`sharing: ${sharing}\` makes several`);
    }
    return {
      mode: "embedded",
      sharing,
      version: config.version,
      ...(config.port === undefined ? {} : { port: config.port }),
      prefix: config.prefix ?? "",
      closeMaintenance: config.closeMaintenance ?? true,
    };
  }
  return {
    mode: "external",
    sharing,
    prefix: config.prefix ?? environment,
    closeMaintenance: config.closeMaintenance ?? false,
    servers: sharing === "environment" ? oneServer(draft, config) : serversByScope(draft, config),
  };
}

function oneServer(draft: Draft, config: ExternalConfig): Record<string, ExternalServer> {
  const { host, admin } = config;
  if (config.servers !== undefined) {
    const message =
      "`servers` needs `sharing: sandbox` or `sharing: instance`; with `sharing: environment` write `host` and `admin`";
    draft.reportKey([...PATH, "servers"], message);
  }
  const missing = [host === undefined ? "host" : undefined, admin === undefined ? "admin" : undefined];
  for (const key of missing) {
    if (key === undefined || config.servers !== undefined || draft.source.has([...PATH, key])) continue;
    draft.reportKey(PATH, `missing key ${quoted(key)}: \`mode: external\` with \`sharing: environment\` needs it`);
  }
  if (host === undefined || admin === undefined) return {};
  return { "": serverOf(draft, PATH, { ...config, host, admin, port: config.port ?? 5432 }) };
}

function serversByScope(draft: Draft, config: ExternalConfig): Record<string, ExternalServer> {
  const { sharing } = config;
  for (const key of ["host", "port", "admin", "sslmode", "ca"] as const) {
    if (config[key] === undefined) continue;
    draft.reportKey(
      [...PATH, key],
      `${quoted(key)} needs \`sharing: environment\`; with \`sharing: ${sharing}\` write it in \`servers\``,
    );
  }
  const path = [...PATH, "servers"];
  const known = sharing === "sandbox" ? draft.sandboxes : draft.entries.map((entry) => scopeOf(sharing, entry));
  const servers = config.servers ?? {};
  const result: Record<string, ExternalServer> = {};
  for (const [scope, server] of Object.entries(servers)) {
    if (!known.includes(scope)) {
      const help = didYouMean(scope, known) || `; expected one of ${listed(known)}`;
      draft.reportKey([...path, scope], `there is no ${sharing} ${quoted(scope)}${help}`);
    }
    result[scope] = serverOf(draft, [...path, scope], server);
  }
  const needed = new Set(draft.entries.filter(claims).map((entry) => scopeOf(sharing, entry)));
  const missing = [...needed].filter((scope) => !draft.source.has([...path, scope]));
  if (missing.length > 0) {
    const message = `\`sharing: ${sharing}\` needs a server for each ${sharing}; missing in \`servers\`: ${listed(missing)}`;
    draft.reportKey(draft.source.has(path) ? path : PATH, message);
  }
  return result;
}

function claims(entry: Entry): boolean {
  return Object.values(entry.module?.descriptor.claims ?? {}).some((claim) => claim.service === "postgresql");
}

/** One external PostgreSQL server with its defaults. */
export function serverOf(draft: Draft, path: Path, config: ServerConfig): ExternalServer {
  const { host, port, admin, ca } = config;
  const sslmode = config.sslmode ?? (isLoopback(host) ? "disable" : "verify-full");
  if (ca !== undefined && !sslmode.startsWith("verify-")) {
    const message = `\`ca\` is used only by \`sslmode: verify-ca\` and \`verify-full\`, and sslmode is ${quoted(sslmode)} here`;
    draft.reportKey([...path, "ca"], message);
  }
  return {
    host,
    port,
    sslmode,
    ...(ca === undefined ? {} : authorityOf(draft, ca)),
    admin: {
      user: admin.user,
      database: admin.database,
      passwordFrom: secretSource(draft, admin.passwordFrom),
    },
  };
}

/** Is it this machine, whatever it is called? */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^(127\.|\/)/.test(host);
}

/** A path of the environment file, from its folder. */
export function absolute(draft: Draft, path: string): string {
  return resolve(dirname(draft.source.file), path);
}

/** Certificates of an authority, with an absolute path. */
export function authorityOf(draft: Draft, ca: NonNullable<ServerConfig["ca"]>): Authority {
  return typeof ca === "string" ? { caFile: absolute(draft, ca) } : { caFrom: secretSource(draft, ca) };
}

/** Where a secret comes from, with an absolute path. */
export function secretSource(draft: Draft, source: Partial<ServerConfig["admin"]["passwordFrom"]>): SecretSource {
  const { env, file, secret } = source;
  if (env !== undefined) return { env };
  if (file !== undefined) return { file: absolute(draft, file) };
  const { name = "", key = "", namespace } = secret ?? {};
  return { secret: { name, key, ...(namespace === undefined ? {} : { namespace }) } };
}
