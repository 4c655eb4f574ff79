import type { ClaimRef } from "../../model/environment.ts";

/**
 * What proves that a client, a client scope or a realm is ours: attributes that only an administrator of the realm can write. A client
 * cannot: its service account has no role in `realm-management`, and it is given no registration access token.
 */
export interface Mark {
  /** Id of the environment. */
  readonly environment: string;
  /** For human eyes; decides nothing. */
  readonly environmentName: string;
  /** Of a client only. */
  readonly claim?: ClaimRef;
}

const ENVIRONMENT = "g2p-commons.environment";
const ENVIRONMENT_NAME = "g2p-commons.environment-name";
const CLAIM = "g2p-commons.claim";

/** The attributes of a mark. */
export function markAttributes(mark: Mark): Record<string, string> {
  return {
    [ENVIRONMENT]: mark.environment,
    [ENVIRONMENT_NAME]: mark.environmentName,
    ...(mark.claim === undefined ? {} : { [CLAIM]: refText(mark.claim) }),
  };
}

/** The mark in the attributes of a client, client scope or realm; `undefined` when there is none. */
export function parseMark(attributes: Readonly<Record<string, unknown>> | undefined): Mark | undefined {
  const environment = attributes?.[ENVIRONMENT];
  if (typeof environment !== "string" || environment === "") return undefined;
  const name = attributes?.[ENVIRONMENT_NAME];
  const claim = parseRef(attributes?.[CLAIM]);
  return {
    environment,
    environmentName: typeof name === "string" ? name : "",
    ...(claim === undefined ? {} : { claim }),
  };
}

/** Who holds it, as in `staging/dev/pbms/main`. */
export function holder(mark: Mark): string {
  const name = mark.environmentName === "" ? mark.environment : mark.environmentName;
  return mark.claim === undefined ? name : `${name}/${refText(mark.claim)}`;
}

/** `sandbox/instance/claim`. */
export function refText(ref: ClaimRef): string {
  return `${ref.sandbox}/${ref.instance}/${ref.claim}`;
}

function parseRef(text: unknown): ClaimRef | undefined {
  if (typeof text !== "string") return undefined;
  const [sandbox, instance, claim, ...rest] = text.split("/");
  if (!sandbox || !instance || !claim || rest.length > 0) return undefined;
  return { sandbox, instance, claim };
}
