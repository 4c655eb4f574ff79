import type { OtherService } from "../model/claim.ts";
import type { ExternalEndpoint, OtherServiceConfig } from "../model/environment.ts";
import type { Sharing } from "../model/service.ts";
import { didYouMean, listed, quoted } from "../modules/wording.ts";
import type { Path } from "../modules/source-file.ts";
import type { Draft } from "./draft.ts";
import { authorityOf, isLoopback, secretSource, serverOf } from "./resolve-postgresql.ts";
import { scopeOf } from "./placement.ts";
import { claimsOf } from "./resolve-claims.ts";
import { requiredKeys, type ServerInput, serverKeys } from "./service-schemas.ts";

/** `commons.<service>` as parsed. */
export type ServiceInput = {
  readonly mode: "embedded" | "external";
  readonly sharing: Sharing;
  readonly prefix?: string | undefined;
  readonly port?: number;
  readonly servers?: Readonly<Record<string, ServerInput>>;
} & ServerInput;

/** Ports where a URL names none. */
const PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443, "redis:": 6379, "rediss:": 6379 };

/**
 * `commons.<service>` of a service beside PostgreSQL with all defaults and absolute paths. Reports servers that are missing, not
 * needed or named in the wrong way for the `sharing`.
 *
 * @param config - as parsed; where parts of it were refused, they are reported already.
 * @param environment - name of the environment: the default prefix on external servers, and the default realm.
 */
export function resolveService(
  draft: Draft,
  service: OtherService,
  config: ServiceInput,
  environment: string,
): OtherServiceConfig {
  const path: Path = ["commons", service];
  const { sharing } = config;
  if (config.mode === "embedded") {
    if (config.port !== undefined && sharing !== "environment")
      draft.report([...path, "port"], `\`port\` fits only one server, but \`sharing: ${sharing}\` makes several`);
    return {
      mode: "embedded",
      sharing,
      prefix: config.prefix ?? "",
      ...(config.port === undefined ? {} : { port: config.port }),
      ...(config.server === undefined ? {} : { server: config.server }),
    };
  }
  const servers =
    sharing === "environment"
      ? oneServer(draft, service, config, environment)
      : serversByScope(draft, service, config, environment);
  return { mode: "external", sharing, prefix: config.prefix ?? environment, servers };
}

function oneServer(
  draft: Draft,
  service: OtherService,
  config: ServiceInput,
  environment: string,
): Record<string, ExternalEndpoint> {
  const path: Path = ["commons", service];
  if (config.servers !== undefined)
    draft.reportKey(
      [...path, "servers"],
      `\`servers\` needs \`sharing: sandbox\` or \`sharing: instance\`; with \`sharing: environment\` write ${listed(requiredKeys(service))}`,
    );
  const missing = requiredKeys(service).filter((key) => !draft.source.has([...path, key]));
  if (config.servers === undefined)
    for (const key of missing)
      draft.reportKey(path, `missing key ${quoted(key)}: \`mode: external\` with \`sharing: environment\` needs it`);
  const address = addressOf(config);
  return address === undefined || missing.length > 0
    ? {}
    : { "": endpointOf(draft, path, service, config, address, environment) };
}

function serversByScope(
  draft: Draft,
  service: OtherService,
  config: ServiceInput,
  environment: string,
): Record<string, ExternalEndpoint> {
  const { sharing } = config;
  const path: Path = ["commons", service];
  for (const key of serverKeys(service)) {
    if (!draft.source.has([...path, key])) continue;
    draft.reportKey(
      [...path, key],
      `${quoted(key)} needs \`sharing: environment\`; with \`sharing: ${sharing}\` write it in \`servers\``,
    );
  }
  const below = [...path, "servers"];
  const known = sharing === "sandbox" ? draft.sandboxes : draft.entries.map((entry) => scopeOf(sharing, entry));
  const result: Record<string, ExternalEndpoint> = {};
  for (const [scope, server] of Object.entries(config.servers ?? {})) {
    if (!known.includes(scope)) {
      const help = didYouMean(scope, known) || `; expected one of ${listed(known)}`;
      draft.reportKey([...below, scope], `there is no ${sharing} ${quoted(scope)}${help}`);
    }
    const address = addressOf(server);
    if (address !== undefined)
      result[scope] = endpointOf(draft, [...below, scope], service, server, address, environment);
  }
  const needed = draft.entries.filter((entry) =>
    Object.values(claimsOf(draft, entry)).some((claim) => claim.service === service),
  );
  const scopes = [...new Set(needed.map((entry) => scopeOf(sharing, entry)))];
  const missing = scopes.filter((scope) => !draft.source.has([...below, scope]));
  if (missing.length > 0) {
    const message = `\`sharing: ${sharing}\` needs a server for each ${sharing}; missing in \`servers\`: ${listed(missing)}`;
    draft.reportKey(draft.source.has(below) ? below : path, message);
  }
  return result;
}

interface Address {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly path: string;
}

/** Where a server is; `undefined` where neither `endpoint` nor `brokers` was given, which the schema has reported. */
function addressOf({ brokers, endpoint, tls }: ServerInput): Address | undefined {
  if (brokers !== undefined) {
    const hosts = brokers.map((broker) => {
      const colon = broker.lastIndexOf(":");
      return { host: broker.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(broker.slice(colon + 1)) };
    });
    return { hosts, tls: tls ?? !hosts.every(({ host }) => isLoopback(host)), path: "" };
  }
  if (endpoint === undefined || !URL.canParse(endpoint)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(endpoint);
  return {
    hosts: [{ host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? (PORTS[protocol] ?? 443) : Number(port) }],
    tls: protocol === "https:" || protocol === "rediss:",
    path: pathname.replace(/\/+$/, ""),
  };
}

function endpointOf(
  draft: Draft,
  path: Path,
  service: OtherService,
  server: ServerInput,
  address: Address,
  environment: string,
): ExternalEndpoint {
  const { ca, admin, database, adminUrl, tokenUrl } = server;
  if (ca !== undefined && !address.tls)
    draft.reportKey([...path, "ca"], "`ca` is used only by servers that speak TLS, and this one does not");
  if (service === "keymanager" && (admin === undefined) !== (tokenUrl === undefined))
    draft.reportKey(path, "`admin` and `tokenUrl` belong together; write both, or none where nobody has to sign in");
  if (service === "s3" && server.server === "garage" && adminUrl === undefined)
    draft.reportKey(path, "missing key `adminUrl`: Garage is administered at an address of its own, often port 3903");
  if (service === "s3" && server.server !== "garage" && admin !== undefined && admin.user === undefined)
    draft.reportKey([...path, "admin"], "missing key `user`: MinIO's root user, or one with all of its rights");
  const options = {
    ...(service === "s3"
      ? {
          server: server.server ?? "minio",
          region: server.region ?? (server.server === "garage" ? "garage" : "us-east-1"),
        }
      : {}),
    ...(service === "keycloak" ? { realm: server.realm ?? environment } : {}),
    ...(adminUrl === undefined ? {} : { adminUrl }),
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
  };
  return {
    ...address,
    options,
    ...(ca === undefined ? {} : authorityOf(draft, ca)),
    ...(admin === undefined
      ? {}
      : { admin: { user: admin.user ?? "", passwordFrom: secretSource(draft, admin.passwordFrom) } }),
    ...(database === undefined ? {} : { database: serverOf(draft, [...path, "database"], database) }),
  };
}
