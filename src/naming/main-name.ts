import type { Claim } from "../model/environment.ts";
import { isPostgresql } from "../model/environment.ts";
import { claimName } from "./claim-name.ts";
import { name } from "./name.ts";

/** The name by which plans and status show a claim: the database, client, application or user that it is about. */
export function mainName(prefix: string, claim: Claim): string {
  if (isPostgresql(claim)) return claimName(prefix, claim, claim.kind === "database" ? "database" : "access-a").name;
  const { service, sandbox, instance } = claim;
  const kind = service === "keycloak" ? "client-id" : service === "keymanager" ? "application-id" : "user";
  return name({ prefix, service, kind, sandbox, instance, claim: claim.claim }).name;
}
