import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, copyFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeAuthority, makeServerCertificate } from "./certificate.ts";
import type { RunAs } from "./run-as.ts";
import { unzip } from "./unzip.ts";

/** What Maven's jars lack of what a distribution of OpenSearch holds for its modules. */
const MODULES = {
  "transport-netty4": { classname: "org.opensearch.transport.Netty4Plugin", description: "Transport over Netty" },
  reindex: {
    classname: "org.opensearch.index.reindex.ReindexPlugin",
    description: "Reindex, update by query and delete by query",
  },
} as const;

/** Rights of a module's code under the server's security manager: sockets, and Netty's reflection. */
const MODULE_POLICY = `grant {
  permission java.lang.RuntimePermission "accessClassInPackage.sun.nio.ch";
  permission java.lang.RuntimePermission "accessDeclaredMembers";
  permission java.lang.RuntimePermission "getClassLoader";
  permission java.lang.RuntimePermission "loadLibrary.*";
  permission java.lang.RuntimePermission "setContextClassLoader";
  permission java.lang.reflect.ReflectPermission "suppressAccessChecks";
  permission java.net.SocketPermission "*", "accept,connect,resolve";
  permission java.net.NetPermission "getNetworkInformation";
  permission java.util.PropertyPermission "*", "read,write";
  permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
};
`;

/** Users, roles and mappings begin empty; what the plugin itself needs of roles is built into it. */
const EMPTY_SECURITY_FILES = {
  "roles.yml": "roles",
  "tenants.yml": "tenants",
  "action_groups.yml": "actiongroups",
  "nodes_dn.yml": "nodesdn",
} as const;

/** Makes of Maven's jars a folder as OpenSearch's own distribution has it. */
export async function layOut(home: string, version: string): Promise<void> {
  // The server makes them where they are not there, and it may not write here.
  for (const name of ["bin", "extensions"]) await mkdir(join(home, name));
  const provided = new Set(await readdir(join(home, "lib")));
  for (const [name, { classname, description }] of Object.entries(MODULES)) {
    const folder = join(home, "modules", name);
    // A class in two places ends the start ("jar hell").
    for (const jar of await readdir(folder)) if (provided.has(jar)) await rm(join(folder, jar));
    const properties = {
      name,
      description,
      version,
      classname,
      "opensearch.version": version,
      "java.version": "11",
      "has.native.controller": "false",
    };
    const text = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(join(folder, "plugin-descriptor.properties"), text.join(""));
    await writeFile(join(folder, "plugin-security.policy"), MODULE_POLICY);
  }
  const security = join(home, "plugins/opensearch-security");
  await unzip(join(home, `archives/opensearch-security-${version}.0.zip`), security);
  await rm(join(home, "archives"), { recursive: true });
}

/** Where the files of one server are, below its data directory. */
export function opensearchFiles(dataDir: string) {
  const config = join(dataDir, "config");
  return {
    config,
    security: join(config, "opensearch-security"),
    tls: join(config, "tls"),
    /** The authority that signed the server's certificate; for clients. */
    authority: join(config, "tls/authority.pem"),
    data: join(dataDir, "data"),
    logs: join(dataDir, "logs"),
    temporary: join(dataDir, "tmp"),
    /** Its being there says that the security index was once complete. */
    initialized: join(dataDir, "initialized"),
  } as const;
}

/** Makes authority and server certificate, unless they are there. The authority's key is thrown away: it signs nothing else. */
export async function makeCertificates(dataDir: string): Promise<void> {
  const { config, tls } = opensearchFiles(dataDir);
  if (existsSync(tls)) return;
  const staging = join(config, `.tls-${randomBytes(6).toString("hex")}`);
  await mkdir(staging, { recursive: true, mode: 0o700 });
  const authority = makeAuthority("g2p embedded OpenSearch");
  const server = makeServerCertificate(authority, "opensearch");
  await writeFile(join(staging, "authority.pem"), authority.certificate, { mode: 0o644 });
  await writeFile(join(staging, "node.pem"), server.certificate, { mode: 0o600 });
  await writeFile(join(staging, "node.key"), server.key, { mode: 0o600 });
  await rename(staging, tls);
}

/** The server's settings: one node, loopback only, TLS for clients, security plugin on. */
export function settings(dataDir: string, ports: Readonly<Record<string, number>>): string {
  const { data, logs } = opensearchFiles(dataDir);
  const lines = {
    "cluster.name": "g2p-commons",
    "node.name": "opensearch",
    "network.host": "127.0.0.1",
    "http.port": ports["main"],
    "transport.port": ports["transport"],
    "discovery.type": "single-node",
    "path.data": data,
    "path.logs": logs,
    // A laptop's disk is often fuller than a server's may be; these are what is left, not what is used.
    "cluster.routing.allocation.disk.watermark.low": "500mb",
    "cluster.routing.allocation.disk.watermark.high": "300mb",
    "cluster.routing.allocation.disk.watermark.flood_stage": "200mb",
    "cluster.max_shards_per_node": 5_000,
    "action.auto_create_index": true,
    "node.processors": 2,
    "plugins.security.ssl.transport.pemcert_filepath": "tls/node.pem",
    "plugins.security.ssl.transport.pemkey_filepath": "tls/node.key",
    "plugins.security.ssl.transport.pemtrustedcas_filepath": "tls/authority.pem",
    "plugins.security.ssl.transport.enforce_hostname_verification": false,
    "plugins.security.ssl.http.enabled": true,
    "plugins.security.ssl.http.pemcert_filepath": "tls/node.pem",
    "plugins.security.ssl.http.pemkey_filepath": "tls/node.key",
    "plugins.security.ssl.http.pemtrustedcas_filepath": "tls/authority.pem",
    "plugins.security.allow_default_init_securityindex": true,
    "plugins.security.restapi.roles_enabled": ["all_access"],
    // Our passwords are random, of 190 bits: a slow hash protects nothing and costs every login.
    "plugins.security.password.hashing.bcrypt.rounds": 4,
    "plugins.security.audit.type": "noop",
    "plugins.security.nodes_dn": ["CN=opensearch"],
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join("");
}

/** Log lines go to standard output, which is the server's log file. */
export const LOGGING = `status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.security.name = org.opensearch.security
logger.security.level = error
logger.waiting.name = org.opensearch.security.auth.BackendRegistry
logger.waiting.level = fatal
`;

/** What the security index is filled with at the first start: the administrator and his right to everything. */
export async function writeSecurityFiles(home: string, dataDir: string, hash: string): Promise<void> {
  const { security } = opensearchFiles(dataDir);
  await mkdir(security, { recursive: true, mode: 0o700 });
  const shipped = join(home, "plugins/opensearch-security/config");
  for (const file of ["config.yml", "allowlist.yml", "whitelist.yml", "audit.yml"])
    await copyFile(join(shipped, file), join(security, file));
  for (const [file, type] of Object.entries(EMPTY_SECURITY_FILES)) await writeFile(join(security, file), meta(type));
  await writeFile(
    join(security, "internal_users.yml"),
    `${meta("internalusers")}admin:\n  hash: "${hash}"\n  reserved: true\n  backend_roles: ["admin"]\n`,
    { mode: 0o600 },
  );
  await writeFile(
    join(security, "roles_mapping.yml"),
    `${meta("rolesmapping")}all_access:\n  reserved: true\n  backend_roles: ["admin"]\n`,
  );
}

function meta(type: string): string {
  return `_meta:\n  type: "${type}"\n  config_version: 2\n`;
}

/** Gives all that was written to the user that the server runs as. */
export async function giveTo(user: RunAs, dataDir: string): Promise<void> {
  const { config, security, tls } = opensearchFiles(dataDir);
  for (const folder of [dataDir, config, security, tls]) {
    await chown(folder, user.uid, user.gid);
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
      if (entry.isFile() || folder === dataDir) await chown(join(folder, entry.name), user.uid, user.gid);
  }
}
