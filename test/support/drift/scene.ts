import { randomUUID } from "node:crypto";
import type pg from "pg";
import type { Claim, ServerAddress } from "../../../src/model/environment.ts";
import type { PlanItem, PlanResult } from "../../../src/model/plan.ts";
import { connect } from "../../../src/providers/postgresql/connection.ts";
import { type DesiredAccess, type DesiredDatabase, refKey } from "../../../src/providers/postgresql/desired.ts";
import { ident } from "../../../src/providers/postgresql/sql.ts";
import type { Combination } from "../combinations.ts";
import { databaseClaim, desiredOf, environmentOf, type Model, openModel, readAccess } from "../model.ts";
import { startTestServer, type TestServer } from "../postgres.ts";
import { type Fingerprint, fingerprint } from "./fingerprint.ts";

/** Id of the environment in every scene, so that names and marks are known before a server runs. */
export const ENVIRONMENT_ID = randomUUID();

/** The environment's claims; `accept` is set on the claim of dev/farmers. */
function claims(accept: readonly string[]): Claim[] {
  return [
    databaseClaim(
      "dev/farmers/main",
      { extensions: ["pg_trgm"], settings: { statement_timeout: "30s", idle_in_transaction_session_timeout: "5min" } },
      accept,
    ),
    databaseClaim("dev/pbms/main", { ownerVisible: true, connectsToPostgres: true }),
    readAccess("dev/pbms/registry", "dev/farmers/main"),
    databaseClaim("staging/farmers/main"),
  ];
}

const DESIRED = desiredOf(environmentOf(claims([])), ENVIRONMENT_ID);

function database(path: string): DesiredDatabase & { readonly reader: string } {
  const found = DESIRED.databases.find((one) => refKey(one) === path);
  if (found === undefined) throw new Error(`no claim ${path}`);
  return { ...found, reader: found.reader ?? "" };
}

/** The Registry of sandbox dev: with extension, timeouts, and a reader. */
export const FARMERS = database("dev/farmers/main");
/** The PBMS of sandbox dev: its owner role is visible and it may enter `postgres`. */
export const PBMS = database("dev/pbms/main");
/** The Registry of sandbox staging, as plain as can be. */
export const STAGING = database("staging/farmers/main");
/** What dev/pbms reads dev/farmers with. */
export const ACCESS = DESIRED.accesses[0] as DesiredAccess;
/** Id of the item about the server itself. */
export const SERVER = "postgresql/server";
/** A role that is nobody's; the superuser made it. */
export const STRANGER = "mallory";

/** Who does something on the server. */
export type Actor = "superuser" | "admin" | "login" | "access";

/** A server that holds the environment, with real objects in the modules' databases. */
export interface Scene {
  readonly combination: Combination;
  readonly server: TestServer;
  readonly admin: ServerAddress;
  readonly model: Model;
  /** What the server looked like once everything was as wanted. */
  wanted: Fingerprint;
  /** The first apply, before anything was put into the databases. */
  readonly first: PlanResult;
  /** The same environment with accepted findings on dev/farmers. */
  accepting(patterns: readonly string[]): Promise<Model>;
  /** The same environment where it does not own the server: the maintenance databases are not its own to close. */
  notClosing(): Promise<Model>;
  /** The same environment where dev/pbms does not read dev/farmers. */
  withoutAccess(): Promise<Model>;
  /**
   * Runs statements one by one in a database: as the superuser over a standing connection, else over a new one. `login` is
   * the module's login of that database, `access` the reader of dev/farmers.
   */
  run(statements: readonly string[], database?: string, actor?: Actor): Promise<void>;
  fingerprint(): Promise<Fingerprint>;
  /** Number that the server gives the next transaction that writes. */
  nextTransaction(): Promise<string>;
  stop(): Promise<void>;
}

/** What a module makes in its database. */
const MODULE_OBJECTS = [
  "SET search_path = public",
  "CREATE TYPE mood AS ENUM ('calm', 'cross')",
  "CREATE DOMAIN label AS text CHECK (value <> '')",
  "CREATE TYPE pair AS (a int, b int)",
  "CREATE TABLE people (id serial PRIMARY KEY, name label NOT NULL, mood mood DEFAULT 'calm')",
  "INSERT INTO people (name) VALUES ('Ana'), ('Bo')",
  "CREATE VIEW names AS SELECT name FROM people",
  "CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM people",
  "CREATE SEQUENCE tickets",
  "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'",
  "CREATE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM public.people WHERE false'",
  "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)",
  "CREATE SCHEMA app",
  'CREATE TABLE app."Two Words" (id int GENERATED ALWAYS AS IDENTITY, v text)',
  "INSERT INTO app.\"Two Words\" (v) VALUES ('x')",
  "CREATE STATISTICS people_stats ON id, name FROM people",
  "CREATE COLLATION plain (LOCALE = 'C')",
  "CREATE TEXT SEARCH DICTIONARY simple2 (TEMPLATE = simple)",
  "CREATE TEXT SEARCH CONFIGURATION english2 (COPY = english)",
  "CREATE OPERATOR <-> (FUNCTION = int4mi, LEFTARG = int, RIGHTARG = int)",
  "CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
  "SELECT lo_create(4242)",
];

/** Starts a server, applies the environment as the kind of admin asked for, and lets the modules work. */
export async function startScene(combination: Combination): Promise<Scene> {
  const { version } = combination;
  // No autovacuum: what it writes would be taken for ours.
  const server = await startTestServer({ version, parameters: { autovacuum: "off" } });
  const root = server.admin;
  const home = await connect({ server: root, ...root });
  const admin = combination.admin === "superuser" ? root : await server.createLesserAdmin();
  const environment = (accept: readonly string[]) => environmentOf(claims(accept), { id: ENVIRONMENT_ID });
  const model = await openModel(environment([]), admin, server.stateDir);

  await home.query(`CREATE ROLE ${STRANGER} NOLOGIN`);
  if (admin !== root) {
    // What a lesser admin cannot do for itself: the server's owner closed the maintenance databases.
    for (const name of ["postgres", "template1"]) {
      await home.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
      await home.query(`GRANT CONNECT ON DATABASE ${name} TO ${ident(admin.user)}`);
    }
  }
  const first = await model.apply();
  if (admin !== root) await home.query(`GRANT CONNECT ON DATABASE postgres TO ${ident(PBMS.owner)}`);

  const inside = new Map<string, pg.Client>();
  for (const { database } of [FARMERS, PBMS, STAGING])
    inside.set(database, await connect({ server: root, ...root, database }));

  const as = async (actor: Actor, database: string) => {
    if (actor === "admin") return connect({ server: root, database, user: admin.user, password: admin.password });
    const ref = actor === "access" ? ACCESS : model.desired.databases.find((one) => one.database === database);
    const credential = ref && (await model.credentials.read([ref])).get(refKey(ref));
    if (credential === undefined) throw new Error(`no credential of ${actor} for ${database}`);
    return connect({ server: root, database, user: credential.username, password: credential.password });
  };
  const run: Scene["run"] = async (statements, name = "postgres", actor = "superuser") => {
    const standing = actor === "superuser" ? (name === "postgres" ? home : inside.get(name)) : undefined;
    const client = standing ?? (await as(actor, name));
    try {
      for (const statement of statements) await client.query(statement.replaceAll("{admin}", ident(admin.user)));
    } finally {
      if (client !== standing) await client.end();
    }
  };
  for (const { database } of [FARMERS, STAGING]) await run(MODULE_OBJECTS, database, "login");
  await run(
    ["CREATE TABLE public.programs (id int PRIMARY KEY)", "INSERT INTO public.programs VALUES (1), (2)"],
    PBMS.database,
    "login",
  );

  const look = () => fingerprint(home, version, inside);
  return {
    combination,
    server,
    admin,
    model,
    wanted: await look(),
    first,
    withoutAccess: () =>
      openModel(
        environmentOf(
          claims([]).filter((one) => one.kind === "database"),
          { id: ENVIRONMENT_ID },
        ),
        admin,
        server.stateDir,
      ),
    notClosing: () =>
      openModel(environmentOf(claims([]), { id: ENVIRONMENT_ID, closeMaintenance: false }), admin, server.stateDir),
    accepting: (patterns) => openModel(environment(patterns), admin, server.stateDir),
    run,
    fingerprint: look,
    nextTransaction: async () => {
      const { rows } = await home.query<{ next: string }>(
        "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next",
      );
      return rows[0]?.next ?? "";
    },
    stop: async () => {
      await Promise.all([home, ...inside.values()].map((client) => client.end().catch(() => {})));
      await server.stop();
    },
  };
}

/** What a plan names, by item: its action where it is refused, else the aspects. Unchanged items are left out. */
export function named(result: PlanResult): Record<string, string[]> {
  const changed = result.items.filter((item) => item.action !== "unchanged");
  return Object.fromEntries(changed.map((item) => [item.id, aspects(item)]));
}

function aspects(item: PlanItem): string[] {
  if (item.action === "update") return item.findings.map((finding) => finding.aspect).sort();
  return [item.action, ...item.findings.map((finding) => finding.aspect).sort()];
}
