import { hostname, userInfo } from "node:os";
import type { ServerAddress } from "../../model/environment.ts";
import { RefusedError, ServiceError } from "../../model/error.ts";
import { Admin, batch, LEDGER_DATABASE, missingRights, type Row } from "./admin.ts";
import { errorCode } from "./connection.ts";
import type { Desired, DesiredAccess, DesiredDatabase } from "./desired.ts";
import { refKey } from "./desired.ts";
import { toFailure } from "./failure.ts";
import { ident, literal } from "./sql.ts";

/**
 * The ledger's schema, one entry a revision; the tool upgrades it by itself and refuses a newer one. The ledger lives on the
 * server whose objects it records, so that a change of roles and the row about it share one transaction.
 */
const REVISIONS: readonly string[] = [
  `CREATE SCHEMA ledger;
   CREATE TABLE ledger.environment (id uuid PRIMARY KEY, name text NOT NULL UNIQUE, since timestamptz NOT NULL DEFAULT now(), made_by text NOT NULL);
   CREATE TABLE ledger.admin (environment uuid NOT NULL REFERENCES ledger.environment, role text NOT NULL, PRIMARY KEY (environment, role));
   CREATE TABLE ledger.resource (id uuid PRIMARY KEY, environment uuid NOT NULL REFERENCES ledger.environment, kind text NOT NULL,
     sandbox text NOT NULL, instance text NOT NULL, claim text NOT NULL, target uuid REFERENCES ledger.resource,
     state text NOT NULL CHECK (state IN ('creating', 'ready', 'removing')),
     since timestamptz NOT NULL DEFAULT now(), changed timestamptz NOT NULL DEFAULT now(), UNIQUE (environment, sandbox, instance, claim));
   CREATE TABLE ledger.name (kind text NOT NULL, name text NOT NULL, resource uuid NOT NULL REFERENCES ledger.resource ON DELETE CASCADE, PRIMARY KEY (kind, name));
   CREATE INDEX ON ledger.name (resource);
   CREATE TABLE ledger.audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), who text NOT NULL,
     environment uuid, item text NOT NULL, action text NOT NULL, detail text NOT NULL DEFAULT '')`,
];

/** State of a resource between its first and last change. */
export type LedgerState = "creating" | "ready" | "removing";

/** One resource as the ledger knows it. */
export interface LedgerEntry {
  readonly id: string;
  readonly environment: string;
  readonly environmentName: string;
  readonly kind: "database" | "access";
  readonly sandbox: string;
  readonly instance: string;
  readonly claim: string;
  readonly target: string | undefined;
  readonly state: LedgerState;
  /** ISO 8601. */
  readonly since: string;
  /** Names held, as `database` and `role`. */
  readonly names: readonly { readonly kind: string; readonly name: string }[];
}

/** Everything of the ledger that a plan needs. */
export interface LedgerContent {
  readonly environments: ReadonlyMap<string, string>;
  /** Roles that have administered this environment. */
  readonly admins: readonly string[];
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  /** `kind:name` to the entry that holds it. */
  readonly holders: ReadonlyMap<string, LedgerEntry>;
}

/** The two statements that read the ledger; {@link parseLedger} takes their rows. */
export const READ_LEDGER: readonly string[] = [
  `SELECT (SELECT coalesce(json_agg(json_build_array(id, name)), '[]') FROM ledger.environment) AS environments,
     (SELECT coalesce(json_agg(json_build_array(environment, role)), '[]') FROM ledger.admin) AS admins`,
  `SELECT r.id, r.environment, e.name AS "environmentName", r.kind, r.sandbox, r.instance, r.claim, r.target, r.state,
     to_char(r.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
     (SELECT coalesce(json_agg(json_build_object('kind', n.kind, 'name', n.name)), '[]') FROM ledger.name n WHERE n.resource = r.id) AS names
   FROM ledger.resource r JOIN ledger.environment e ON e.id = r.environment`,
];

/** Builds the content from the rows of {@link READ_LEDGER}. */
export function parseLedger(head: readonly Row[], rows: readonly Row[], environmentId: string): LedgerContent {
  const entries = new Map<string, LedgerEntry>();
  const holders = new Map<string, LedgerEntry>();
  for (const row of rows) {
    const entry = { ...row, target: row["target"] ?? undefined } as unknown as LedgerEntry;
    entries.set(entry.id, entry);
    for (const held of entry.names) holders.set(`${held.kind}:${held.name}`, entry);
  }
  const admins = (head[0]?.["admins"] ?? []) as [string, string][];
  return {
    environments: new Map((head[0]?.["environments"] ?? []) as [string, string][]),
    admins: admins.filter(([environment]) => environment === environmentId).map(([, role]) => role),
    entries,
    holders,
  };
}

/** Names that a desired resource holds on the server. */
export function heldNames(wanted: DesiredDatabase | DesiredAccess): { kind: string; name: string }[] {
  if (wanted.kind === "access") return [{ kind: "role", name: wanted.login }];
  return [
    { kind: "database", name: wanted.database },
    ...[wanted.owner, wanted.login, ...(wanted.reader === undefined ? [] : [wanted.reader])].map((name) => ({
      kind: "role",
      name,
    })),
  ];
}

/** Statements that write the intent: rows and names in state `creating`. Names already held by another fail on the primary key. */
export function intend(environmentId: string, wanted: readonly (DesiredDatabase | DesiredAccess)[]): string[] {
  if (wanted.length === 0) return [];
  const rows = wanted.map((one) => {
    const target = one.kind === "access" ? literal(one.target.uuid) : "NULL";
    return `(${[one.uuid, environmentId, one.kind, one.sandbox, one.instance, one.claim].map(literal).join(",")},${target},'creating')`;
  });
  const names = wanted.flatMap((one) =>
    heldNames(one).map((held) => `(${literal(held.kind)},${literal(held.name)},${literal(one.uuid)})`),
  );
  return [
    `INSERT INTO ledger.resource AS r (id, environment, kind, sandbox, instance, claim, target, state) VALUES ${rows.join(",")}
       ON CONFLICT (id) DO UPDATE SET state = 'creating', changed = now() WHERE r.state = 'removing'`,
    // A name held by another resource violates the primary key; the same resource's own names stay.
    `INSERT INTO ledger.name AS n (kind, name, resource) SELECT v.kind, v.name, v.resource::uuid FROM (VALUES ${names.join(",")}) v(kind, name, resource)
       WHERE NOT EXISTS (SELECT 1 FROM ledger.name o WHERE o.kind = v.kind AND o.name = v.name AND o.resource = v.resource::uuid)`,
  ];
}

/** Statements that record the end of a change, with its audit rows. */
export function settle(
  environmentId: string,
  items: readonly { readonly uuid: string; readonly id: string; readonly action: string; readonly detail: string }[],
): string[] {
  if (items.length === 0) return [];
  return [
    `UPDATE ledger.resource SET state = 'ready', changed = now() WHERE id = ANY(ARRAY[${items.map((item) => literal(item.uuid)).join(",")}]::uuid[]) AND state <> 'ready'`,
    audit(environmentId, items),
  ];
}

/** The statement that writes audit rows. Details never hold a secret: they are the findings' aspects and names. */
export function audit(
  environmentId: string,
  items: readonly { readonly id: string; readonly action: string; readonly detail: string }[],
): string {
  const who = literal(actor());
  const rows = items.map(
    (item) => `(${who},${literal(environmentId)},${literal(item.id)},${literal(item.action)},${literal(item.detail)})`,
  );
  return `INSERT INTO ledger.audit (who, environment, item, action, detail) VALUES ${rows.join(",")}`;
}

/** Who changes: operating system user and host. */
export function actor(): string {
  let user = String(process.getuid?.() ?? "");
  try {
    user = userInfo().username;
  } catch {
    // A container's user may have no name.
  }
  return `${user}@${hostname()}`;
}

/**
 * Makes the ledger database where it is missing, upgrades its schema, registers the environment and this admin. Safe to run
 * by many at once: every "already exists" means look again.
 *
 * @returns an admin connected to the ledger database (the given one when it is there already)
 * @throws ServiceError when there is none and the admin may not make databases and roles
 * @throws RefusedError when the environment's name belongs to another environment there
 */
export async function ensureLedger(admin: Admin, desired: Desired): Promise<Admin> {
  let at = admin;
  if (!admin.atLedger) {
    const missing = missingRights(admin.facts);
    if (missing.length > 0)
      throw new ServiceError(
        `The admin "${admin.facts.user}" lacks ${missing.join(" and ")} and is no superuser. Nothing was changed.`,
        {
          code: "PG_NO_RIGHT",
          hint: `Let a superuser run: ALTER ROLE ${ident(admin.facts.user)} ${missing.join(" ")}`,
        },
      );
    await createLedgerDatabase(admin);
    at = await Admin.open(admin.server, admin.concurrency);
    if (!at.atLedger)
      throw new ServiceError("The ledger database was made but cannot be entered.", {
        code: "PG_LEDGER",
        hint: "Run the command again.",
      });
    await admin.close();
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      await upgrade(at);
      await register(at, desired);
      return at;
    } catch (error) {
      // Lost races between installs: the winner's work is what we wanted.
      if (attempt >= 10 || !["23505", "42P06", "42P07", "XX000", "40P01", "42710"].includes(errorCode(error) ?? "")) {
        await at.close();
        throw toFailure(error, "preparing the ledger");
      }
    }
  }
}

async function createLedgerDatabase(admin: Admin): Promise<void> {
  const database = ident(LEDGER_DATABASE);
  for (let attempt = 0; ; attempt += 1) {
    const found = (
      await admin.main.query<{ open: boolean; broken: boolean }>(
        `SELECT datallowconn AS open, datconnlimit = -2 AS broken FROM pg_database WHERE datname::text = ${literal(LEDGER_DATABASE)}`,
      )
    ).rows[0];
    try {
      if (found?.open === true && !found.broken) return;
      if (found?.broken === true) await admin.main.query(`DROP DATABASE ${database}`);
      if (found === undefined || found.broken)
        await admin.main.query(
          `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false`,
        );
      await batch(admin.main, [
        "BEGIN",
        `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
        `COMMENT ON DATABASE ${database} IS 'ledger of g2p-commons: who claims what on this server'`,
        `ALTER DATABASE ${database} ALLOW_CONNECTIONS true`,
        "COMMIT",
      ]);
      return;
    } catch (error) {
      await admin.main.query("ROLLBACK").catch(() => {});
      const lostRace = ["42P04", "23505", "XX000", "3D000", "55006"].includes(errorCode(error) ?? "");
      if (!lostRace || attempt >= 50) throw toFailure(error, `making the ledger database "${LEDGER_DATABASE}"`);
    }
  }
}

async function upgrade(admin: Admin): Promise<void> {
  const exists = "SELECT to_regclass('ledger.revision') IS NOT NULL AS there";
  const revision = async () => {
    if ((await admin.main.query<{ there: boolean }>(exists)).rows[0]?.there !== true) return 0;
    return (
      (await admin.main.query<{ n: number }>("SELECT coalesce(max(n), 0) AS n FROM ledger.revision")).rows[0]?.n ?? 0
    );
  };
  const found = await revision();
  if (found > REVISIONS.length)
    throw new ServiceError(
      `The ledger's schema is revision ${found}; this version knows up to ${REVISIONS.length}. Nothing was changed.`,
      { code: "LEDGER_NEWER", hint: "Use the g2p version that last changed this environment, or a newer one." },
    );
  for (let next = found; next < REVISIONS.length; next += 1) {
    await batch(admin.main, [
      "BEGIN",
      "SELECT pg_advisory_xact_lock(7021, 1) IS NULL",
      REVISIONS[next] ?? "",
      ...(next === 0
        ? ["CREATE TABLE ledger.revision (n int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"]
        : []),
      `INSERT INTO ledger.revision (n) VALUES (${next + 1})`,
      "COMMIT",
    ]).catch(async (error: unknown) => {
      await admin.main.query("ROLLBACK").catch(() => {});
      throw error;
    });
  }
}

async function register(admin: Admin, desired: Desired): Promise<void> {
  const { id, name } = desired.environment;
  const { rows } = await admin.main.query<{ id: string; since: string; made_by: string; known: boolean }>(
    `SELECT e.id, e.since::text, e.made_by, EXISTS (SELECT 1 FROM ledger.admin a WHERE a.environment = e.id AND a.role = current_user) AS known
       FROM ledger.environment e WHERE e.name = ${literal(name)} OR e.id = ${literal(id)}`,
  );
  refuseOtherEnvironment(
    rows.map((row) => row.id),
    desired,
    admin.server,
    rows[0],
  );
  if (rows[0]?.known === true) return;
  await batch(admin.main, [
    "BEGIN",
    `INSERT INTO ledger.environment (id, name, made_by) VALUES (${literal(id)}, ${literal(name)}, ${literal(actor())}) ON CONFLICT (id) DO NOTHING`,
    `INSERT INTO ledger.admin (environment, role) VALUES (${literal(id)}, current_user) ON CONFLICT DO NOTHING`,
    "COMMIT",
  ]).catch(async (error: unknown) => {
    await admin.main.query("ROLLBACK").catch(() => {});
    throw error;
  });
}

/**
 * @throws RefusedError when the ledger knows an environment of this name under another id: its passwords are kept elsewhere,
 * and two files of one name would fight over the same databases
 */
export function refuseOtherEnvironment(
  ids: readonly string[],
  desired: Desired,
  server: Pick<ServerAddress, "host" | "port">,
  holder?: { readonly id: string; readonly since?: string; readonly made_by?: string },
): void {
  if (ids.length === 0 || ids.includes(desired.environment.id)) return;
  const since = holder?.since === undefined ? "" : ` since ${holder.since}, made by ${holder.made_by ?? "somebody"}`;
  throw new RefusedError(
    `The ledger on ${server.host}:${server.port} already has an environment "${desired.environment.name}" (id ${ids[0]}${since}), ` +
      `and this state directory belongs to another one (id ${desired.environment.id}). Nothing was changed.`,
    {
      code: "ENVIRONMENT_TAKEN",
      hint: `If it is the same environment, use its state directory (--state) or put "id: ${ids[0]}" into g2p.yaml; otherwise choose another name.`,
    },
  );
}

/**
 * Takes the environment's lock on the admin's main connection, waiting for another run to end; the connection's end gives it back.
 *
 * @returns gives it back before that
 */
export async function lockEnvironment(
  admin: Admin,
  environmentId: string,
  onWait: () => void,
): Promise<() => Promise<void>> {
  const key = `hashtextextended(${literal(`environment ${environmentId}`)}, 0)`;
  try {
    const { rows } = await admin.main.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS got`);
    if (rows[0]?.got !== true) {
      onWait();
      await admin.main.query(`SELECT pg_advisory_lock(${key})`);
    }
  } catch (error) {
    throw toFailure(error, "taking the environment's lock");
  }
  return async () => {
    await admin.main.query(`SELECT pg_advisory_unlock(${key})`).catch(() => {});
  };
}

/** Key of an entry as credentials use it. */
export function entryKey(entry: LedgerEntry): string {
  return refKey(entry);
}
