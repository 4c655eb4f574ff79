import type pg from "pg";
import { RefusedError, ServiceError } from "../../model/error.ts";
import type { Admin } from "./admin.ts";
import { transaction } from "./admin.ts";
import { errorCode } from "./connection.ts";
import { pause, persistently } from "./execute.ts";
import { toFailure } from "./failure.ts";
import { audit, type LedgerEntry } from "./ledger.ts";
import { parseMark } from "./mark.ts";
import { ident, literal, textArray } from "./sql.ts";

/** Milliseconds that ended sessions get to disappear. */
const SESSIONS_END_MS = 10_000;

/**
 * Drops an access's login. It holds no data of anybody; what it may have made in the database it read goes to that database's
 * owner.
 *
 * @param forget deletes the stored credential; called before the ledger's row goes, so that a killed run leaves none behind
 * @throws RefusedError when the role does not carry our mark
 */
export async function dropAccess(
  admin: Admin,
  environmentId: string,
  entry: LedgerEntry,
  forget: () => Promise<void>,
): Promise<void> {
  const roles = entry.names.filter((held) => held.kind === "role").map((held) => held.name);
  const present = await markedRoles(admin, environmentId, entry, roles);
  await refuseOtherDatabases(admin, entry, present, "");
  await begin(admin, environmentId, [entry]);
  await retireLogins(admin, present);
  await release(admin, present, "");
  await forget();
  await dropRoles(admin, present, environmentId, [entry]);
}

/**
 * Drops a database claim with its roles, and the logins of every access to it.
 *
 * The order was tried on every version (a role dropped while its sessions live keeps them writing, and the database can then not be
 * dropped): logins lose LOGIN and their sessions end, what the roles own or were granted elsewhere is handed over or revoked, the
 * database is closed and dropped, roles and ledger rows go in one transaction. Every step can be repeated.
 *
 * @param accesses ledger entries of accesses whose target it is
 * @param forget deletes the stored credentials of all of them; called before the ledger's rows go
 * @throws RefusedError when owner role or database do not prove to be ours; nothing was changed then
 */
export async function dropDatabase(
  admin: Admin,
  environmentId: string,
  entry: LedgerEntry,
  accesses: readonly LedgerEntry[],
  forget: () => Promise<void>,
): Promise<void> {
  const database = entry.names.find((held) => held.kind === "database")?.name ?? "";
  const roles = entry.names.filter((held) => held.kind === "role").map((held) => held.name);
  const present = await markedRoles(admin, environmentId, entry, roles);
  const readers: string[] = [];
  for (const access of accesses)
    readers.push(
      ...(await markedRoles(
        admin,
        environmentId,
        access,
        access.names.map((held) => held.name),
      )),
    );
  const found = await databaseOf(admin.main, database);
  if (
    found !== undefined &&
    !present.includes(found.owner) &&
    !(entry.state !== "ready" && found.owner === admin.facts.user)
  )
    throw new RefusedError(
      `Database "${database}" belongs to "${found.owner}", not to a role that carries our mark. It was left as it is.`,
      {
        code: "PG_NOT_OURS",
        resource: idOf(entry),
        hint: "Give it back to its owner role with apply, or drop it by hand.",
      },
    );

  await refuseOtherDatabases(admin, entry, [...present, ...readers], database);
  await begin(admin, environmentId, [entry, ...accesses]);
  await retireLogins(admin, [...present, ...readers]);
  await release(admin, [...readers, ...present], database);
  if (found !== undefined) await admin.worker((client) => dropClosed(admin, client, database, found));
  await forget();
  await dropRoles(admin, [...readers, ...present], environmentId, [...accesses, entry]);
}

function idOf(entry: LedgerEntry): string {
  return `postgresql/${entry.sandbox}/${entry.instance}/${entry.claim}`;
}

async function databaseOf(
  client: pg.Client,
  database: string,
): Promise<{ owner: string; broken: boolean } | undefined> {
  const { rows } = await client.query<{ owner: string; broken: boolean }>(
    `SELECT pg_get_userbyid(datdba)::text AS owner, datconnlimit = -2 AS broken FROM pg_database WHERE datname::text = ${literal(database)}`,
  );
  return rows[0];
}

/** Those of the roles that exist; all must carry the entry's mark. */
async function markedRoles(
  admin: Admin,
  environmentId: string,
  entry: LedgerEntry,
  roles: readonly string[],
): Promise<string[]> {
  const { rows } = await admin.main.query<{ name: string; comment: string | null }>(
    `SELECT rolname::text AS name, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname::text = ANY(${textArray(roles)})`,
  );
  for (const { name, comment } of rows) {
    const mark = parseMark(comment);
    if (mark?.environment !== environmentId || mark.claim !== entry.id)
      throw new RefusedError(`Role "${name}" does not carry the mark of ${idOf(entry)}. Nothing was removed.`, {
        code: "PG_NOT_OURS",
        resource: idOf(entry),
        hint:
          mark === undefined
            ? "Let apply --adopt mark it first, or drop it by hand."
            : `It carries the mark of ${mark.label}.`,
      });
  }
  return rows.map((row) => row.name);
}

/** Somebody made one of the roles the owner of a further database: its data is not ours to decide about. */
async function refuseOtherDatabases(
  admin: Admin,
  entry: LedgerEntry,
  roles: readonly string[],
  database: string,
): Promise<void> {
  const { rows } = await admin.main.query<{ name: string; owner: string }>(
    `SELECT datname::text AS name, pg_get_userbyid(datdba)::text AS owner FROM pg_database
       WHERE pg_get_userbyid(datdba)::text = ANY(${textArray(roles)}) AND datname::text <> ${literal(database)} ORDER BY 1`,
  );
  const [first] = rows;
  if (first === undefined) return;
  throw new RefusedError(
    `Role "${first.owner}" owns ${rows.map((row) => `database "${row.name}"`).join(" and ")} as well. Nothing was removed.`,
    {
      code: "PG_OWNS_MORE",
      resource: idOf(entry),
      hint: `Give it to another owner first: ALTER DATABASE ${ident(first.name)} OWNER TO …`,
    },
  );
}

async function begin(admin: Admin, environmentId: string, entries: readonly LedgerEntry[]): Promise<void> {
  const open = entries.filter((entry) => entry.state !== "removing");
  if (open.length === 0) return;
  await persistently(admin.main, [
    `UPDATE ledger.resource SET state = 'removing', changed = now() WHERE id = ANY(ARRAY[${open.map((entry) => literal(entry.id)).join(",")}]::uuid[])`,
    audit(
      environmentId,
      open.map((entry) => ({
        id: idOf(entry),
        action: "removing",
        detail: entry.names.map((held) => held.name).join(" "),
      })),
    ),
  ]);
}

/** Takes LOGIN away and ends the roles' sessions; membership for ending them is lent inside the transaction. */
async function retireLogins(admin: Admin, roles: readonly string[]): Promise<void> {
  if (roles.length === 0) return;
  const { facts } = admin;
  const me = ident(facts.user);
  await persistently(admin.main, [...roles.map((role) => `ALTER ROLE ${ident(role)} NOLOGIN`)]);
  const lend = facts.superuser
    ? []
    : roles.map((role) => `GRANT ${ident(role)} TO ${me}${facts.major >= 16 ? " WITH INHERIT TRUE" : ""}`);
  const giveBack = facts.superuser
    ? []
    : roles.map((role) => `REVOKE ${ident(role)} FROM ${me}${facts.major >= 16 ? ` GRANTED BY ${me}` : ""}`);
  const sessions = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename::text = ANY(${textArray(roles)})`;
  const deadline = performance.now() + SESSIONS_END_MS;
  for (let wait = 5; ; wait = Math.min(wait * 2, 200)) {
    const open = (await admin.main.query<{ n: number }>(sessions)).rows[0]?.n ?? 0;
    if (open === 0) return;
    if (performance.now() > deadline)
      throw new RefusedError(`${open} sessions of ${roles.join(", ")} did not end.`, {
        code: "PG_SESSIONS",
        hint: "End them, then run the command again: it continues.",
      });
    await transaction(admin.main, [
      ...lend,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename::text = ANY(${textArray(roles)})`,
      ...giveBack,
    ]);
    await pause(wait);
  }
}

/** Drops what an interrupted DROP left of a database of ours, to make it anew. */
export async function dropBroken(admin: Admin, client: pg.Client, database: string): Promise<void> {
  const found = await databaseOf(client, database);
  if (found !== undefined) await dropClosed(admin, client, database, found);
}

async function dropClosed(
  admin: Admin,
  client: pg.Client,
  database: string,
  found: { owner: string; broken: boolean },
): Promise<void> {
  const { facts } = admin;
  const name = ident(database);
  const asOwner = !facts.superuser && found.owner !== facts.user;
  if (asOwner)
    // DROP DATABASE runs in no transaction, so this membership is committed; it ends with the role, and the next run takes it back
    // after a kill.
    await client.query(
      `GRANT ${ident(found.owner)} TO ${ident(facts.user)}${facts.major >= 16 ? " WITH SET TRUE, INHERIT FALSE" : ""}`,
    );
  try {
    if (asOwner) await client.query(`SET ROLE ${ident(found.owner)}`);
    if (!found.broken) await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    const deadline = performance.now() + SESSIONS_END_MS;
    for (let wait = 5; ; wait = Math.min(wait * 2, 200)) {
      try {
        await client.query(`DROP DATABASE IF EXISTS ${name}${facts.superuser && !found.broken ? " WITH (FORCE)" : ""}`);
        return;
      } catch (error) {
        // 55006: sessions that were ended are still leaving.
        if (errorCode(error) !== "55006" || performance.now() > deadline)
          throw toFailure(error, `dropping database "${database}"`);
        await pause(wait);
      }
    }
  } catch (error) {
    // The owner role lives on, so the membership must not; from version 16 on it may stay as it is.
    if (asOwner && facts.major < 16)
      await client.query(`RESET ROLE; REVOKE ${ident(found.owner)} FROM ${ident(facts.user)}`).catch(() => {});
    throw error;
  } finally {
    if (asOwner) await client.query("RESET ROLE").catch(() => {});
  }
}

/**
 * Lets go of everything that roles own or were granted in databases other than `except`: what they own goes to those databases'
 * owners, rights are revoked. pg_shdepend names the databases to visit (PostgreSQL docs, catalog pg_shdepend).
 *
 * @throws ServiceError when only a superuser may take a right back; the roles keep it then
 */
async function release(admin: Admin, roles: readonly string[], except: string): Promise<void> {
  if (roles.length === 0) return;
  const { rows } = await admin.main.query<{ database: string; owner: string; owns: boolean }>(
    `SELECT d.datname::text AS database, pg_get_userbyid(d.datdba)::text AS owner, bool_or(s.deptype = 'o') AS owns
       FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid WHERE ${refersTo(roles)} AND d.datname::text <> ${literal(except)} GROUP BY d.oid`,
  );
  const list = roles.map(ident).join(", ");
  const drop = `DROP OWNED BY ${list}`;
  for (const { database, owner, owns } of rows) {
    // An owner's grant is revoked with the owner's rights.
    const lenders = [...new Set([...roles, ...(owns ? [owner] : await lendable(admin, [owner]))])];
    await admin
      .visit(database, (client) =>
        persistently(
          client,
          lent(admin, lenders, [...(owns ? [`REASSIGN OWNED BY ${list} TO ${ident(owner)}`] : []), drop]),
        ),
      )
      .catch((error: unknown) => {
        throw mayNotRevoke(error, `in database "${database}"`, `in database "${database}": ${drop}`);
      });
  }
}

/** Drops roles, with what they were granted on databases and roles, together with their ledger entries. */
async function dropRoles(
  admin: Admin,
  roles: readonly string[],
  environmentId: string,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const ids = entries.map((entry) => literal(entry.id)).join(",");
  const drop = `DROP OWNED BY ${roles.map(ident).join(", ")}`;
  await persistently(admin.main, [
    ...(roles.length === 0 ? [] : await revokeEverywhere(admin, roles, drop)),
    ...(roles.length === 0 ? [] : [`DROP ROLE ${roles.map(ident).join(", ")}`]),
    audit(
      environmentId,
      entries.map((entry) => ({ id: idOf(entry), action: "removed", detail: roles.join(" ") })),
    ),
    `DELETE FROM ledger.resource WHERE id = ANY(ARRAY[${ids}]::uuid[]) AND kind = 'access'`,
    `DELETE FROM ledger.resource WHERE id = ANY(ARRAY[${ids}]::uuid[])`,
  ]).catch((error: unknown) => {
    throw mayNotRevoke(error, "on databases", drop);
  });
}

/** Rights on databases and the like belong to no database: DROP OWNED takes them back from anywhere. */
async function revokeEverywhere(admin: Admin, roles: readonly string[], drop: string): Promise<string[]> {
  const by = (grantor: string) => (admin.facts.major >= 16 ? ` GRANTED BY ${ident(grantor)}` : "");
  const granted = await admin.main.query<{ role: string; member: string; grantor: string }>(
    `SELECT pg_get_userbyid(roleid)::text AS role, pg_get_userbyid(member)::text AS member, pg_get_userbyid(grantor)::text AS grantor
       FROM pg_auth_members WHERE pg_get_userbyid(grantor)::text = ANY(${textArray(roles)})`,
  );
  const owners = await admin.main.query<{ owner: string }>(
    `SELECT DISTINCT pg_get_userbyid(d.datdba)::text AS owner FROM pg_shdepend s JOIN pg_database d ON d.oid = s.objid
       WHERE s.classid = 'pg_database'::regclass AND s.deptype = 'a' AND ${refersTo(roles)}`,
  );
  const lenders = await lendable(
    admin,
    owners.rows.map((row) => row.owner),
  );
  return lent(
    admin,
    [...new Set([...roles, ...lenders])],
    [
      ...granted.rows.map((row) => `REVOKE ${ident(row.role)} FROM ${ident(row.member)}${by(row.grantor)} CASCADE`),
      drop,
    ],
  );
}

function refersTo(roles: readonly string[]): string {
  return `s.refclassid = 'pg_authid'::regclass AND s.refobjid IN (SELECT oid FROM pg_roles WHERE rolname::text = ANY(${textArray(roles)}))`;
}

/** Those of the roles that this admin, when it is no superuser, may become a member of. */
async function lendable(admin: Admin, roles: readonly string[]): Promise<string[]> {
  const { facts } = admin;
  if (facts.superuser || roles.length === 0) return [];
  const may = facts.major < 16 ? "true" : "pg_has_role(oid, 'USAGE WITH ADMIN OPTION')";
  const { rows } = await admin.main.query<{ name: string }>(
    `SELECT rolname::text AS name FROM pg_roles WHERE rolname::text = ANY(${textArray(roles)}) AND NOT rolsuper AND ${may}`,
  );
  return rows.map((row) => row.name);
}

function mayNotRevoke(error: unknown, where: string, statement: string): unknown {
  if (!(error instanceof ServiceError) || error.code !== "PG_WARNED") return error;
  return new ServiceError(
    `The roles hold rights ${where} that only a superuser or their grantor may take back. They were left as they are.`,
    {
      code: "PG_NO_RIGHT",
      hint: `Let a superuser run, ${statement}; then run the command again: it continues.`,
      cause: error,
    },
  );
}

/** Statements run with the privileges of `roles`, which an admin that is no superuser borrows inside the transaction. */
function lent(admin: Admin, roles: readonly string[], statements: readonly string[]): string[] {
  const { facts } = admin;
  if (facts.superuser) return [...statements];
  const others = roles.filter((role) => role !== facts.user);
  const me = ident(facts.user);
  return [
    ...others.map((role) => `GRANT ${ident(role)} TO ${me}${facts.major >= 16 ? " WITH INHERIT TRUE, SET TRUE" : ""}`),
    ...statements,
    ...others.map((role) => `REVOKE ${ident(role)} FROM ${me}${facts.major >= 16 ? ` GRANTED BY ${me}` : ""}`),
  ];
}
