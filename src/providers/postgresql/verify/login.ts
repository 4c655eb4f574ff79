import type { Credential } from "../../../model/credential.ts";
import type { ServerAddress } from "../../../model/environment.ts";
import type { Secret } from "../../../model/secret.ts";
import { type Desired, type DesiredAccess, type DesiredDatabase, refKey } from "../desired.ts";

/** Address without the admin: no attempt may be made with other credentials than the login's own. */
export type Address = Pick<ServerAddress, "host" | "port" | "sslmode" | "caFile">;

/** One login that tries. */
export interface Login {
  /** `sandbox/instance/claim`. */
  readonly key: string;
  /** Name it signs in with; after a rotation not the one in {@link claim}. */
  readonly user: string;
  /** `undefined` where no password is stored. */
  readonly password: Secret | undefined;
  readonly claim: DesiredDatabase | DesiredAccess;
  /** The database it is for: its own, or the one it reads. */
  readonly home: DesiredDatabase;
  /** Role that it works as at home: the owner role, or itself. */
  readonly homeRole: string;
}

/** All logins of a server, databases' first. */
export function loginsOf(desired: Desired, credentials: ReadonlyMap<string, Credential>): Login[] {
  return [...desired.databases, ...desired.accesses].map((claim) => {
    const key = refKey(claim);
    const credential = credentials.get(key);
    const user = credential?.username ?? claim.login;
    const home = claim.kind === "database" ? claim : claim.target;
    const homeRole = claim.kind === "database" ? claim.owner : user;
    return { key, user, password: credential?.password, claim, home, homeRole };
  });
}

/** True for the main login of a claim that asks for CONNECT on `postgres`. */
export function entersPostgres(login: Login): boolean {
  return login.claim.kind === "database" && login.claim.spec.connectsToPostgres;
}

/**
 * Roles a login's attempts are made as: as itself, with all it is a member of, and as its owner role.
 * `undefined` stands for itself.
 */
export function identities(login: Login): readonly (string | undefined)[] {
  return login.claim.kind === "database" ? [undefined, login.claim.owner] : [undefined];
}
