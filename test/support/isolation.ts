import { randomBytes } from "node:crypto";
import type { Credential } from "../../src/model/credential.ts";
import type { Cell } from "../../src/model/plan.ts";
import { Secret } from "../../src/model/secret.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import {
  type Desired,
  type DesiredAccess,
  type DesiredDatabase,
  refKey,
} from "../../src/providers/postgresql/desired.ts";
import { ident, literal } from "../../src/providers/postgresql/sql.ts";
import { verifyServer } from "../../src/providers/postgresql/verify.ts";
import { startTestServer, type TestServer } from "./postgres.ts";

/** Name of the ledger's database on the server. */
export const LEDGER = "g2p_commons";

/** A server that holds {@link DESIRED}, made by plain SQL so that verify is tested without apply. */
export interface IsolatedServer {
  readonly server: TestServer;
  /** Runs statements as the superuser in `postgres`. */
  run(statements: readonly string[]): Promise<void>;
  /** Runs statements as the superuser in a database, with `search_path` on public. */
  inside(database: string, statements: readonly string[]): Promise<void>;
  /** Verifies the server; the admin's password that it is given is wrong, since no attempt may use it. */
  verify(changes?: Partial<Parameters<typeof verifyServer>[0]>): Promise<Cell[]>;
  /** All that verify could have left behind. */
  everything(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts such a server. */
export async function startIsolatedServer(version: 15 | 16 | 18): Promise<IsolatedServer> {
  const server = await startTestServer({ version });
  const admin = await connect({ server: server.admin, ...server.admin });
  await run([
    `CREATE DATABASE ${LEDGER}`,
    `REVOKE ALL ON DATABASE ${LEDGER} FROM PUBLIC`,
    "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
    "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
  ]);
  for (const database of DATABASES) await makeDatabase(database);
  for (const access of ACCESSES) await makeAccess(access);
  const stop = async () => {
    await admin.end();
    await server.stop();
  };
  return { server, run, inside, verify, everything, stop };

  async function verify(changes: Partial<Parameters<typeof verifyServer>[0]> = {}): Promise<Cell[]> {
    const address = { ...server.admin, user: "nobody", password: new Secret("wrong") };
    const emit = () => {};
    const input = {
      server: address,
      desired: DESIRED,
      credentials: CREDENTIALS,
      ledgerDatabase: LEDGER,
      concurrency: 4,
      emit,
    };
    return verifyServer({ ...input, ...changes });
  }

  async function everything(): Promise<unknown> {
    const shared = await admin.query(`
      SELECT 'role' AS what, rolname::text AS name, concat_ws(' ', rolpassword, rolconnlimit, shobj_description(oid, 'pg_authid')) AS more FROM pg_authid
      UNION ALL SELECT 'database', datname::text, datacl::text FROM pg_database
      UNION ALL SELECT 'membership', roleid::regrole::text, member::regrole::text FROM pg_auth_members
      UNION ALL SELECT 'slot', slot_name::text, '' FROM pg_replication_slots
      UNION ALL SELECT 'setting', name, setting FROM pg_settings WHERE name = 'work_mem'
      ORDER BY 1, 2, 3`);
    const held: unknown[] = [shared.rows];
    for (const database of ["postgres", ...DATABASES.map((one) => one.database)]) {
      const client = await connect({ server: server.admin, ...server.admin, database });
      const { rows } =
        await client.query(`SELECT relname::text AS name FROM pg_class WHERE oid >= 16384 UNION ALL SELECT nspname::text FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' UNION ALL SELECT oid::text FROM pg_largeobject_metadata UNION ALL SELECT extname::text FROM pg_extension ORDER BY 1`);
      held.push(rows);
      await client.end();
    }
    return held;
  }

  async function run(statements: readonly string[], client = admin): Promise<void> {
    for (const statement of statements) await client.query(statement);
  }

  async function inside(database: string, statements: readonly string[]): Promise<void> {
    const client = await connect({ server: server.admin, ...server.admin, database });
    await run(["SET search_path = public", ...statements], client);
    await client.end();
  }

  async function makeDatabase(claim: DesiredDatabase): Promise<void> {
    const { database, owner, login, reader } = claim;
    const { password } = CREDENTIALS.get(refKey(claim)) as Credential;
    await run([
      `CREATE ROLE ${ident(owner)} NOLOGIN`,
      `CREATE ROLE ${ident(login)} LOGIN PASSWORD ${literal(password.reveal())} CONNECTION LIMIT 20 IN ROLE ${ident(owner)}`,
      `CREATE DATABASE ${ident(database)} TEMPLATE template0 OWNER ${ident(owner)}`,
      `REVOKE ALL ON DATABASE ${ident(database)} FROM PUBLIC`,
      `ALTER ROLE ${ident(login)} IN DATABASE ${ident(database)} SET role = ${ident(owner)}`,
      ...(claim.spec.connectsToPostgres ? [`GRANT CONNECT ON DATABASE postgres TO ${ident(login)}`] : []),
    ]);
    if (reader === undefined) return;
    await run([
      `CREATE ROLE ${ident(reader)} NOLOGIN`,
      `GRANT CONNECT ON DATABASE ${ident(database)} TO ${ident(reader)}`,
    ]);
    await inside(database, [
      `SET ROLE ${ident(owner)}`,
      ...["USAGE ON SCHEMAS", "SELECT ON TABLES", "SELECT ON SEQUENCES"].map(
        (right) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(owner)} GRANT ${right} TO ${ident(reader)}`,
      ),
      "CREATE TABLE people (name text NOT NULL)",
      'CREATE SCHEMA app CREATE TABLE "Two Words" (v int)',
      "CREATE VIEW app.names AS SELECT name FROM people",
    ]);
  }

  async function makeAccess(access: DesiredAccess): Promise<void> {
    const { password } = CREDENTIALS.get(refKey(access)) as Credential;
    const reader = ident(access.target.reader ?? "");
    await run([
      `CREATE ROLE ${ident(access.login)} LOGIN PASSWORD ${literal(password.reveal())} CONNECTION LIMIT 10 IN ROLE ${reader}`,
    ]);
  }
}

function databaseOf(
  instance: string,
  changes: { reader?: string; connectsToPostgres?: boolean } = {},
): DesiredDatabase {
  return {
    kind: "database",
    sandbox: "dev",
    instance,
    claim: "main",
    id: `postgresql/dev/${instance}/main`,
    uuid: randomBytes(16).toString("hex"),
    database: instance,
    owner: `${instance}_owner`,
    login: instance,
    reader: changes.reader,
    spec: {
      extensions: [],
      connectionLimit: 20,
      settings: {},
      ownerVisible: false,
      connectsToPostgres: changes.connectsToPostgres ?? false,
      fixedName: {},
    },
    accept: [],
  };
}

const REGISTRY = databaseOf("registry", { reader: "registry_reader" });
/** Claims of the model: registry is read, the two PBMS enter `postgres`. */
export const DATABASES = [
  REGISTRY,
  databaseOf("pbms", { connectsToPostgres: true }),
  databaseOf("spar"),
  databaseOf("pbms2", { connectsToPostgres: true }),
];
/** PBMS reads the registry. */
export const ACCESSES: DesiredAccess[] = [
  {
    kind: "access",
    sandbox: "dev",
    instance: "pbms",
    claim: "registry",
    id: "postgresql/dev/pbms/registry",
    uuid: randomBytes(16).toString("hex"),
    login: "pbms_registry",
    target: REGISTRY,
    connectionLimit: 10,
    accept: [],
  },
];
/** What the server holds. */
export const DESIRED: Desired = {
  environment: { id: "e", name: "test" },
  databases: DATABASES,
  accesses: ACCESSES,
  closeMaintenance: true,
};
/** Passwords of all logins. */
export const CREDENTIALS = new Map<string, Credential>(
  [...DATABASES, ...ACCESSES].map((claim) => [
    refKey(claim),
    { username: claim.login, password: new Secret(`secret-of-${claim.login}-7f3a`) },
  ]),
);

/** The cells that are not ok, in short. */
export function wrong(cells: readonly Cell[]): string[] {
  return cells
    .filter((cell) => !cell.ok)
    .map((cell) => `${cell.from} > ${cell.to}: ${cell.attempt} ${cell.actual}`)
    .sort();
}
