import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type pg from "pg";
import type { ServerAddress } from "../../src/model/environment.ts";
import type { PlanResult } from "../../src/model/plan.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { ident } from "../../src/providers/postgresql/sql.ts";
import { type Ended, type Running, startG2p } from "./cli.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "./postgres.ts";
import { type Proxy, startProxy } from "./proxy.ts";

/** Environment variable from which the environment files here take the admin's password. */
export const PASSWORD_VARIABLE = "G2P_TEST_ADMIN_PASSWORD";

/** Which world a test wants. */
export interface WorldOptions extends TestServerOptions {
  /** `lesser` has LOGIN CREATEDB CREATEROLE and is no superuser. */
  readonly as: "superuser" | "lesser";
  /** Modules of the sandboxes instead of {@link SANDBOXES}. */
  readonly sandboxes?: string;
}

/** What an environment file says otherwise than the world's own. */
export interface FileChanges {
  readonly file?: string;
  readonly environment?: string;
  readonly port?: number;
  readonly user?: string;
  /** By default true where the admin may do it. */
  readonly closeMaintenance?: boolean;
}

/** A server, a proxy before it, and an environment file that leads through the proxy. */
export interface World {
  readonly server: TestServer;
  readonly proxy: Proxy;
  /** The admin of the environment file, by the server's own port. */
  readonly admin: ServerAddress;
  readonly dir: string;
  readonly file: string;
  readonly state: string;
  /** Everything that runs of {@link World.g2p} and {@link World.start} wrote. */
  readonly written: string[];
  /** Starts a command of g2p on the environment. */
  start(...args: string[]): Promise<Running>;
  /** Runs a command of g2p on the environment to its end. */
  g2p(...args: string[]): Promise<Ended>;
  /** Runs a command with `--json` and parses what it says. */
  plan(...args: string[]): Promise<Ended & { readonly result: PlanResult }>;
  /** Statements of a superuser, past the proxy. */
  sql<Row extends pg.QueryResultRow>(text: string, database?: string): Promise<Row[]>;
  /** Writes the environment file anew, or another one beside it. */
  write(sandboxes: string, changes?: FileChanges): Promise<void>;
  /** Makes the server what it was when the world was opened, and forgets the state directory. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Two sandboxes: a reader from another instance, an extension, a visible owner that enters `postgres`, settings. */
export const SANDBOXES = `
  - name: dev
    modules:
      - ./farm.yaml
      - {module: ./case.yaml, uses: {registry: farm}}
  - name: qa
    modules:
      - ./plain.yaml
`;

const MODULES = {
  farm: "title: Farm\nclaims: {main: {extensions: [pg_trgm], connectionLimit: 5}}\nconsents: {main: [case]}",
  case: "title: Case\nuses: {registry: {module: farm}}\nclaims: {main: {ownerVisible: true, connectsToPostgres: true, connectionLimit: 5}}\naccesses: {registry: {uses: registry, connectionLimit: 3}}",
  plain: "title: Plain\nclaims: {main: {settings: {statement_timeout: 30s}, connectionLimit: 5}}",
};

/** Opens a world of a test's own. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const server = await startTestServer(options);
  const proxy = await startProxy(() => server.admin);
  const lesser = options.as === "lesser" ? await server.createLesserAdmin() : undefined;
  const admin = () => (lesser === undefined ? server.admin : { ...lesser, port: server.admin.port });
  const dir = await mkdtemp(join(dirname(server.stateDir), "world-"));
  const file = join(dir, "g2p.yaml");
  const state = join(dir, "state");
  const written: string[] = [];
  for (const [name, text] of Object.entries(MODULES))
    await writeFile(join(dir, `${name}.yaml`), `apiVersion: g2p.dev/v1\nkind: Module\nmodule: ${name}\n${text}\n`);

  const sql = async <Row extends pg.QueryResultRow>(text: string, database = "postgres"): Promise<Row[]> => {
    const client = await connect({
      server: server.admin,
      database,
      user: server.admin.user,
      password: server.admin.password,
    });
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const initial = await roleNames(sql);

  const world: World = {
    server,
    proxy,
    get admin() {
      return admin();
    },
    dir,
    file,
    state,
    written,
    sql,
    start: async (command, ...args) => {
      const running = await startG2p([command ?? "", "-f", file, "--state", state, ...args], {
        [PASSWORD_VARIABLE]: admin().password.reveal(),
      });
      void running.ended.then(({ stdout, stderr }) => written.push(stdout, stderr));
      return running;
    },
    g2p: async (...args) => (await world.start(...args)).ended,
    plan: async (...args) => {
      const ended = await world.g2p(...args, "--json");
      return { ...ended, result: JSON.parse(ended.stdout) as PlanResult };
    },
    write: (sandboxes, changes = {}) =>
      writeFile(
        changes.file ?? file,
        `apiVersion: g2p.dev/v1
environment: ${changes.environment ?? "faults"}
commons:
  elsewhere: [s3, keycloak, keymanager, redis]
  postgresql:
    mode: external
    host: 127.0.0.1
    port: ${changes.port ?? proxy.port}
    admin: {user: ${JSON.stringify(changes.user ?? admin().user)}, passwordFrom: {env: ${PASSWORD_VARIABLE}}}
    closeMaintenance: ${changes.closeMaintenance ?? options.as === "superuser"}
sandboxes: ${sandboxes}`,
      ),
    reset: async () => {
      await dropEverything(sql, initial);
      await rm(state, { recursive: true, force: true });
      proxy.arm();
    },
    close: async () => {
      await proxy.close();
      await server.stop();
    },
  };
  await mkdir(dir, { recursive: true });
  await world.write(options.sandboxes ?? SANDBOXES);
  return world;
}

async function roleNames(sql: World["sql"]): Promise<string[]> {
  return (await sql<{ name: string }>("SELECT rolname::text AS name FROM pg_roles")).map((row) => row.name);
}

/** Databases that are nobody's claim. */
const STANDING = ["postgres", "template0", "template1"];

async function dropEverything(sql: World["sql"], initialRoles: readonly string[]): Promise<void> {
  const databases = await sql<{ name: string }>("SELECT datname::text AS name FROM pg_database");
  for (const { name } of databases)
    if (!STANDING.includes(name)) await sql(`DROP DATABASE ${ident(name)} WITH (FORCE)`);
  const roles = (await roleNames(sql)).filter((name) => !initialRoles.includes(name));
  if (roles.length > 0) {
    const list = roles.map(ident).join(", ");
    await sql(`DROP OWNED BY ${list} CASCADE; DROP ROLE ${list}`);
  }
  await sql("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC; GRANT CONNECT ON DATABASE template1 TO PUBLIC");
}

/** Databases, roles, memberships and rights of the whole server as text, the ledger's database apart: equal when nothing was changed. */
export async function fingerprint(world: World): Promise<string> {
  const rows = await world.sql<{ text: string }>(
    `SELECT 'database ' || datname || ' ' || datdba::regrole || ' ' || datconnlimit || ' ' || datallowconn || ' ' || coalesce(datacl::text, '') AS text
       FROM pg_database WHERE datname <> 'g2p_commons'
     UNION ALL SELECT 'role ' || to_jsonb(a)::text || coalesce(shobj_description(a.oid, 'pg_authid'), '') FROM pg_authid a
     UNION ALL SELECT 'member ' || to_jsonb(m)::text FROM pg_auth_members m
     UNION ALL SELECT 'setting ' || to_jsonb(s)::text FROM pg_db_role_setting s ORDER BY 1`,
  );
  return rows.map((row) => row.text).join("\n");
}

/**
 * In what ledger, server and credentials disagree; empty when every database and role beyond the server's own is in the ledger as
 * `ready`, every name of the ledger is on the server, no right is left lent to the admin, and each claim has its
 * credential.
 */
export async function disagreements(world: World, expected: { readonly claims: number }): Promise<string[]> {
  const found: string[] = [];
  const names = await world.sql<{ kind: string; name: string; state: string }>(
    "SELECT n.kind, n.name, r.state FROM ledger.name n JOIN ledger.resource r ON r.id = n.resource",
    "g2p_commons",
  );
  const known = new Map(names.map((row) => [`${row.kind} ${row.name}`, row.state]));
  const onServer = await world.sql<{ what: string; who: string }>(
    `SELECT 'database ' || datname AS what FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', 'g2p_commons')
     UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE oid >= 16384 AND rolname <> ${quote(world.admin.user)} AND rolname NOT LIKE 'initial%'`,
  );
  for (const { what } of onServer)
    if (known.get(what) !== "ready") found.push(`${what} is ${known.get(what) ?? "unknown"} in the ledger`);
  for (const what of known.keys())
    if (!onServer.some((row) => row.what === what)) found.push(`${what} is in the ledger, not on the server`);
  found.push(...(await lentRights(world)));

  const resources = await world.sql<{ file: string; state: string }>(
    "SELECT sandbox || '/' || instance || '/' || claim || '.json' AS file, state FROM ledger.resource",
    "g2p_commons",
  );
  if (resources.length !== expected.claims)
    found.push(`${resources.length} claims in the ledger, expected ${expected.claims}`);
  const files = await credentialFiles(world);
  for (const { file } of resources) if (!files.includes(file)) found.push(`credential ${file} is missing`);
  for (const file of files)
    if (!resources.some((row) => row.file === file)) found.push(`credential ${file} is left over`);
  return found;
}

/** Memberships of the admin other than those that a role's maker keeps from version 16 on. */
async function lentRights(world: World): Promise<string[]> {
  if (world.admin.user === world.server.admin.user) return [];
  const rows = await world.sql<{ text: string; kept: boolean }>(
    `SELECT roleid::regrole::text AS text, coalesce((to_jsonb(m) ->> 'inherit_option') = 'false', false) AS kept
       FROM pg_auth_members m WHERE member = ${quote(world.admin.user)}::regrole`,
  );
  return rows.filter((row) => !row.kept).map((row) => `the admin is still a member of ${row.text}`);
}

/** Files of the credential store, by sandbox/instance/claim.json. */
export async function credentialFiles(world: World): Promise<string[]> {
  const root = join(world.state, "credentials");
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** Passwords of the credential store. */
export async function passwords(world: World): Promise<string[]> {
  const texts = await Promise.all(
    (await credentialFiles(world)).map((file) => readFile(join(world.state, "credentials", file), "utf8")),
  );
  return texts.map((text) => (JSON.parse(text) as { password: string }).password);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
