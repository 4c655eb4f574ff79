import type { ClaimRef, DatabaseAccess, DatabaseClaim, Environment } from "../../model/environment.ts";
import { claimName } from "../../naming/claim-name.ts";
import type { NameKind } from "../../naming/rules.ts";
import { claimId } from "./mark.ts";

/** A database claim with every name decided: what one server is to hold for it. */
export interface DesiredDatabase extends ClaimRef {
  readonly kind: "database";
  /** `postgresql/<sandbox>/<instance>/<claim>`. */
  readonly id: string;
  /** UUID in marks and ledger. */
  readonly uuid: string;
  readonly database: string;
  /** NOLOGIN role that owns the database and all objects in it. */
  readonly owner: string;
  /** The module's own login. */
  readonly login: string;
  /** NOLOGIN role whose members may read; wanted only when somebody has access. */
  readonly reader: string | undefined;
  readonly spec: DatabaseClaim["spec"];
  readonly accept: readonly string[];
}

/** An access with every name decided: a reader login on the owner's server. */
export interface DesiredAccess extends ClaimRef {
  readonly kind: "access";
  readonly id: string;
  readonly uuid: string;
  readonly login: string;
  /** The database read. */
  readonly target: DesiredDatabase;
  readonly connectionLimit: number;
  readonly accept: readonly string[];
}

/** What one server is to hold. */
export interface Desired {
  readonly environment: { readonly id: string; readonly name: string };
  readonly databases: readonly DesiredDatabase[];
  readonly accesses: readonly DesiredAccess[];
  /** Close `postgres` and `template1` to PUBLIC? */
  readonly closeMaintenance: boolean;
}

/** `sandbox/instance/claim`, the key of credentials and look-ups. */
export function refKey(ref: ClaimRef): string {
  return `${ref.sandbox}/${ref.instance}/${ref.claim}`;
}

/**
 * Decides what every PostgreSQL server of an environment is to hold.
 *
 * @param scopeOf where a claim of an instance is placed: `""`, `dev` or `dev/registry`
 * @returns by scope; an access is placed where its target is
 */
export function desire(
  environment: Environment,
  environmentId: string,
  scopeOf: (ref: ClaimRef) => string,
): Map<string, Desired> {
  const prefix = environment.commons.postgresql?.prefix ?? "";
  const closeMaintenance = environment.commons.postgresql?.closeMaintenance ?? false;
  const claims = environment.instances.flatMap((instance) => instance.claims);
  const accesses = claims.filter((claim): claim is DatabaseAccess => claim.kind === "access");
  const read = new Set(accesses.map((access) => refKey(access.target)));

  const databases = new Map<string, DesiredDatabase>();
  for (const claim of claims) {
    if (claim.kind !== "database") continue;
    const named = (kind: NameKind<"postgresql">) => claimName(prefix, claim, kind).name;
    databases.set(refKey(claim), {
      kind: "database",
      ...coordinates(claim),
      id: `postgresql/${refKey(claim)}`,
      uuid: claimId(environmentId, claim),
      database: named("database"),
      owner: named("owner"),
      login: named("login-a"),
      reader: read.has(refKey(claim)) ? named("reader") : undefined,
      spec: claim.spec,
      accept: claim.accept,
    });
  }

  const servers = new Map<string, { databases: DesiredDatabase[]; accesses: DesiredAccess[] }>();
  const server = (ref: ClaimRef) => {
    const scope = scopeOf(ref);
    const found = servers.get(scope) ?? { databases: [], accesses: [] };
    servers.set(scope, found);
    return found;
  };
  for (const database of databases.values()) server(database).databases.push(database);
  for (const access of accesses) {
    const target = databases.get(refKey(access.target));
    if (target === undefined) continue;
    server(access.target).accesses.push({
      kind: "access",
      ...coordinates(access),
      id: `postgresql/${refKey(access)}`,
      uuid: claimId(environmentId, access),
      login: claimName(prefix, access, "access-a").name,
      target,
      connectionLimit: access.connectionLimit,
      accept: access.accept,
    });
  }
  return new Map(
    [...servers].map(([scope, held]) => [
      scope,
      { environment: { id: environmentId, name: environment.name }, closeMaintenance, ...held },
    ]),
  );
}

function coordinates(ref: ClaimRef): ClaimRef {
  return { sandbox: ref.sandbox, instance: ref.instance, claim: ref.claim };
}
