import type { CheckResult } from "../../model/check.ts";
import type { ServerAddress } from "../../model/environment.ts";
import { checkFailure } from "./check-failure.ts";
import { connect, type ConnectionTarget } from "./connection.ts";

/** What {@link checkDatabase} logs in to, and what it expects to find there. */
export interface DatabaseCheck {
  readonly server: Pick<ServerAddress, "host" | "port" | "caFile"> & {
    /** `prefer` is libpq's: TLS where the server has it, else none. */
    readonly sslmode: ServerAddress["sslmode"] | "prefer";
  };
  readonly database: string;
  /** The module's own login. */
  readonly user: string;
  readonly password: ConnectionTarget["password"];
  /** Owner role that the session must be and that must own the database; absent for readers and foreign databases. */
  readonly owner?: string;
  /** Version that the database's initialisation must have reached; see {@link initialisationVersion}. */
  readonly initialisation?: number;
}

type Client = Awaited<ReturnType<typeof connect>>;

/** What pg 8.23.1 says when the server answers `N` to its SSLRequest (pg/lib/connection.js). */
const NO_TLS = "The server does not support SSL connections";

/**
 * Looks once whether a module could work now: logs in as the module itself and, where expected, sees whether the session
 * is the owner role and the database initialised. A login says more than `pg_isready`, which answers before role,
 * password or database exist. Changes nothing.
 *
 * @returns never throws; what failed is told as the reason.
 */
export async function checkDatabase(check: DatabaseCheck, timeoutMs: number): Promise<CheckResult> {
  const deadline = performance.now() + timeoutMs;
  const left = () => Math.max(1, Math.ceil(deadline - performance.now()));
  let client: Client | undefined;
  try {
    client = await logIn(check, left);
    return (
      (await ownerFault(client, check, left)) ?? (await initialisationFault(client, check, left)) ?? { state: "ready" }
    );
  } catch (error) {
    return checkFailure(error, check);
  } finally {
    await client?.end().catch(() => {});
  }
}

/**
 * The version that a database's initialisation has reached: the highest `version` in its table `g2p.initialisation`
 * (`version bigint primary key`, a row for each completed step), 0 where there is no such table or no row.
 */
async function initialisationVersion(client: Client, left: () => number): Promise<number> {
  // By catalogue, since to_regclass fails where the login may not use the schema, and a failed SELECT fills the log.
  const table = await query<{ found: boolean }>(
    client,
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'g2p' AND c.relname = 'initialisation') AS found`,
    left(),
  );
  if (!table?.found) return 0;
  const row = await query<{ version: string }>(
    client,
    "SELECT coalesce(max(version), 0)::text AS version FROM g2p.initialisation",
    left(),
  );
  return Number(row?.version ?? 0);
}

async function initialisationFault(
  client: Client,
  { database, initialisation: expected }: DatabaseCheck,
  left: () => number,
): Promise<CheckResult | undefined> {
  if (expected === undefined) return undefined;
  const found = await initialisationVersion(client, left);
  if (found >= expected) return undefined;
  const reason = `database ${database} is initialised to version ${found}, version ${expected} is needed`;
  return { state: "waiting", reason };
}

async function ownerFault(
  client: Client,
  { database, user, owner: expected }: DatabaseCheck,
  left: () => number,
): Promise<CheckResult | undefined> {
  if (expected === undefined) return undefined;
  const found = await query<{ me: string; owner: string }>(
    client,
    `SELECT current_user::text AS me, pg_get_userbyid(datdba)::text AS owner
       FROM pg_database WHERE datname = current_database()`,
    left(),
  );
  if (found?.owner !== expected) {
    return { state: "unhealthy", reason: `database ${database} is owned by ${found?.owner}, expected ${expected}` };
  }
  if (found.me === expected) return undefined;
  // PostgreSQL ignores a `role` setting without a word where the membership is lost.
  const reason = `sessions of ${user} run as ${found.me} instead of the owner role ${expected}: its membership in that role or its "role" setting is missing`;
  return { state: "unhealthy", reason };
}

async function logIn({ server, ...who }: DatabaseCheck, left: () => number): Promise<Client> {
  const attempt = (sslmode: ServerAddress["sslmode"]) => connect({ ...who, server: { ...server, sslmode } }, left());
  if (server.sslmode !== "prefer") return attempt(server.sslmode);
  if (server.host.startsWith("/")) return attempt("disable"); // a socket directory, where there is never TLS
  try {
    return await attempt("require");
  } catch (error) {
    if (error instanceof Error && error.message === NO_TLS) return attempt("disable");
    throw error;
  }
}

async function query<Row>(client: Client, text: string, timeoutMs: number): Promise<Row | undefined> {
  // The driver reads query_timeout from a query's own settings, too (pg/lib/client.js); its types do not say so.
  const settings = { text, query_timeout: timeoutMs };
  return (await client.query(settings)).rows[0] as Row | undefined;
}
