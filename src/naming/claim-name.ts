import type { PostgresqlClaim } from "../model/environment.ts";
import { type Name, name } from "./name.ts";
import { type NameKind, RULES } from "./rules.ts";

/**
 * The name of one of a PostgreSQL claim's or access's objects: the claim's fixed name where it has one (`database`, and
 * `login` for the first login), otherwise {@link name}'s. An access is named after its holder, not after what it reads.
 *
 * @param prefix the names' prefix on the environment's PostgreSQL servers.
 */
export function claimName(prefix: string, claim: PostgresqlClaim, kind: NameKind<"postgresql">): Name {
  const fixed = fixedName(claim, kind);
  if (fixed !== undefined) return { name: fixed, limit: RULES.postgresql[kind].limit, hashed: false };
  const { sandbox, instance } = claim;
  return name({ prefix, service: "postgresql", kind, sandbox, instance, claim: claim.claim });
}

function fixedName(claim: PostgresqlClaim, kind: NameKind<"postgresql">): string | undefined {
  if (claim.kind !== "database") return undefined;
  if (kind === "database") return claim.spec.fixedName.database;
  return kind === "login-a" ? claim.spec.fixedName.login : undefined;
}
