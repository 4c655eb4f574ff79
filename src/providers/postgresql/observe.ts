import { randomBytes } from "node:crypto";
import type { Credential } from "../../model/credential.ts";
import { Secret } from "../../model/secret.ts";
import type { Depth, ProviderContext } from "../contract.ts";
import type { Admin } from "./admin.ts";
import { connect, errorCode } from "./connection.ts";
import { type Desired, type DesiredAccess, type DesiredDatabase, refKey } from "./desired.ts";
import { toFailure } from "./failure.ts";
import { observeCluster, type ObservedCluster } from "./observe-cluster.ts";
import { type ObservedInside, observeInside } from "./observe-inside.ts";

/** How a login with the stored password ended (SQLSTATEs: PostgreSQL docs, appendix A; each was tried). */
export type LoginResult =
  | "works"
  /** 28P01: the password differs (or the role is absent, which the catalogue tells apart). */
  | "wrong password"
  /** 53300: the password is right, but the login's connection limit is used up. */
  | "limit reached"
  /** 28000, 42501, 3D000: explained by what the catalogue shows. */
  | "refused"
  /** No stored password to try. */
  | "no password stored";

/** Everything observed of one server. */
export interface Observed {
  readonly depth: Depth;
  readonly cluster: ObservedCluster;
  /** By {@link refKey} of the claim or access; empty when quick. */
  readonly logins: ReadonlyMap<string, LoginResult>;
  /** By {@link refKey} of the claim; a database that nobody could enter is absent. Empty when quick. */
  readonly insides: ReadonlyMap<string, ObservedInside>;
  /** False where the server lets wrong passwords in (pg_hba `trust`), so that logging in proves nothing; undefined when not tried. */
  readonly passwordsChecked: boolean | undefined;
}

/**
 * Observes a server without writing. The deep look logs in once as every login with its stored password; the same connection
 * looks inside the database, so that one connection serves for both.
 */
export async function observe(
  admin: Admin,
  desired: Desired,
  depth: Depth,
  context: ProviderContext,
): Promise<Observed> {
  const cluster = await observeCluster(admin, desired);
  const logins = new Map<string, LoginResult>();
  const insides = new Map<string, ObservedInside>();
  if (depth === "quick") return { depth, cluster, logins, insides, passwordsChecked: undefined };

  const databases = desired.databases.filter((one) => isOpen(cluster, one));
  const accesses = desired.accesses.filter((one) => isOpen(cluster, one.target) && cluster.roles.has(one.login));
  const credentials = await context.credentials.read([...databases, ...accesses]);
  const total = databases.length + accesses.length;
  let done = 0;
  const progress = (doing: string) => {
    done += 1;
    context.emit({ type: "step-progress", step: `observe ${context.server}`, done, total, doing });
  };
  const proof = admin.limited(() => provePasswordsMatter(admin, databases, cluster));
  await Promise.all([
    ...databases.map(async (one) => {
      const found = await admin.limited(() => enter(admin, one, credentials.get(refKey(one)), cluster));
      logins.set(refKey(one), found.login);
      const inside = found.inside ?? (await insideAsAdmin(admin, one, cluster));
      if (inside !== undefined) insides.set(refKey(one), inside);
      progress(one.id);
    }),
    ...accesses.map(async (one) => {
      const found = await admin.limited(() =>
        tryLogin(admin, one.login, one.target.database, credentials.get(refKey(one))),
      );
      logins.set(refKey(one), found);
      progress(one.id);
    }),
  ]);
  return { depth, cluster, logins, insides, passwordsChecked: await proof };
}

function isOpen(cluster: ObservedCluster, wanted: DesiredDatabase): boolean {
  const found = cluster.databases.get(wanted.database);
  return found !== undefined && found.allowsConnections && found.connectionLimit !== -2;
}

async function enter(
  admin: Admin,
  wanted: DesiredDatabase,
  credential: Credential | undefined,
  cluster: ObservedCluster,
): Promise<{ login: LoginResult; inside?: ObservedInside }> {
  if (!cluster.roles.has(wanted.login)) return { login: "refused" };
  if (credential === undefined) return { login: "no password stored" };
  const ownerOid = cluster.roles.get(wanted.owner)?.oid ?? 0;
  try {
    const client = await connect({
      server: admin.server,
      database: wanted.database,
      user: wanted.login,
      password: credential.password,
    });
    try {
      return {
        login: "works",
        inside: await observeInside(client, wanted.owner, ownerOid, wanted.reader, admin.facts.user),
      };
    } finally {
      await client.end().catch(() => {});
    }
  } catch (error) {
    return { login: classify(error, wanted.id) };
  }
}

async function tryLogin(
  admin: Admin,
  user: string,
  database: string,
  credential: Credential | undefined,
): Promise<LoginResult> {
  if (credential === undefined) return "no password stored";
  try {
    const client = await connect({ server: admin.server, database, user, password: credential.password });
    await client.end().catch(() => {});
    return "works";
  } catch (error) {
    return classify(error, user);
  }
}

/** Tries one login, as after a password was set; the caller holds a place in the admin's limit. */
export async function loginWorks(
  admin: Admin,
  wanted: DesiredDatabase | DesiredAccess,
  credential: Credential,
): Promise<LoginResult> {
  const database = wanted.kind === "database" ? wanted.database : wanted.target.database;
  return tryLogin(admin, wanted.login, database, credential);
}

function classify(error: unknown, what: string): LoginResult {
  const code = errorCode(error);
  if (code === "28P01") return "wrong password";
  // 53300 also means that the whole server is full; the admin's own connections then fail as well and say so.
  if (code === "53300") return "limit reached";
  if (code === "28000" || code === "42501" || code === "3D000" || code === "55000") return "refused";
  throw toFailure(error, `logging in for ${what}`);
}

async function insideAsAdmin(
  admin: Admin,
  wanted: DesiredDatabase,
  cluster: ObservedCluster,
): Promise<ObservedInside | undefined> {
  const ownerOid = cluster.roles.get(wanted.owner)?.oid ?? 0;
  try {
    return await admin.visit(wanted.database, (client) =>
      observeInside(client, wanted.owner, ownerOid, wanted.reader, admin.facts.user),
    );
  } catch (error) {
    // Closed to this admin: the missing CONNECT is a finding of its own.
    if (errorCode(error) === "42501") return undefined;
    throw toFailure(error, `looking inside database "${wanted.database}"`, wanted.id);
  }
}

async function provePasswordsMatter(
  admin: Admin,
  databases: readonly DesiredDatabase[],
  cluster: ObservedCluster,
): Promise<boolean | undefined> {
  const candidate = databases.find((one) => cluster.roles.get(one.login)?.canLogin === true);
  if (candidate === undefined) return undefined;
  const password = new Secret(randomBytes(18).toString("base64url"));
  try {
    const client = await connect({
      server: admin.server,
      database: candidate.database,
      user: candidate.login,
      password,
    });
    await client.end().catch(() => {});
    return false;
  } catch (error) {
    return errorCode(error) === "28P01" ? true : undefined;
  }
}
