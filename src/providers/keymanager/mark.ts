import type { ClaimRef } from "../../model/environment.ts";

/**
 * What proves that a key policy is ours: two columns of its row that the server never writes and that no HTTP request reaches, so
 * modules cannot change it. `cr_by` names the environment, `upd_by` the claim; `upd_dtimes` is set once its keys are complete.
 */
export interface Mark {
  /** Id of the environment. */
  readonly environment: string;
  /** For human eyes; decides nothing. */
  readonly environmentName: string;
  readonly claim: ClaimRef;
}

const PREFIX = "g2p:";

/** What `cr_by` and `upd_by` hold. */
export function markColumns(mark: Mark): { readonly environment: string; readonly claim: string } {
  return { environment: `${PREFIX}${mark.environment}:${mark.environmentName}`, claim: refText(mark.claim) };
}

/** The mark in these columns; `undefined` when there is none. */
export function parseMark(createdBy: string | null, updatedBy: string | null): Mark | undefined {
  if (createdBy === null || updatedBy === null || !createdBy.startsWith(PREFIX)) return undefined;
  const [environment = "", environmentName = ""] = createdBy.slice(PREFIX.length).split(":");
  const [sandbox, instance, claim, ...rest] = updatedBy.split("/");
  if (environment === "" || !sandbox || !instance || !claim || rest.length > 0) return undefined;
  return { environment, environmentName, claim: { sandbox, instance, claim } };
}

/** Who holds it, as in `staging/dev/pbms/keys`. */
export function holder(mark: Mark): string {
  return `${mark.environmentName || mark.environment}/${refText(mark.claim)}`;
}

/** `sandbox/instance/claim`. */
export function refText(ref: ClaimRef): string {
  return `${ref.sandbox}/${ref.instance}/${ref.claim}`;
}
