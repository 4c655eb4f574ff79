import { createHash } from "node:crypto";
import type { ClaimRef } from "../../model/environment.ts";

/**
 * What proves that a role is ours: the comment on it. Only a superuser or an admin of the role can change a role's comment,
 * never the module itself (a database's comment, in contrast, is the module's to change). A database is ours when a marked
 * owner role owns it.
 */
export interface Mark {
  /** UUID of the environment. */
  readonly environment: string;
  /** UUID of the claim or access. */
  readonly claim: string;
  /** `sandbox/instance/claim` with the environment's name in front; for human eyes, decides nothing. */
  readonly label: string;
}

const PREFIX = "g2p-commons ";

/** The comment text of a mark. */
export function formatMark(mark: Mark): string {
  return PREFIX + JSON.stringify({ environment: mark.environment, claim: mark.claim, label: mark.label });
}

/** The mark in a role's comment; `undefined` when there is none. */
export function parseMark(comment: string | null | undefined): Mark | undefined {
  if (comment === null || comment === undefined || !comment.startsWith(PREFIX)) return undefined;
  try {
    const value: unknown = JSON.parse(comment.slice(PREFIX.length));
    if (typeof value !== "object" || value === null) return undefined;
    const { environment, claim, label } = value as Record<string, unknown>;
    if (typeof environment !== "string" || typeof claim !== "string") return undefined;
    return { environment, claim, label: typeof label === "string" ? label : "" };
  } catch {
    return undefined;
  }
}

/**
 * The UUID of a claim: name-based (RFC 9562 version 8 layout over SHA-256), so that two concurrent applies of one environment
 * agree on it without talking to each other.
 */
export function claimId(environmentId: string, ref: ClaimRef): string {
  const text = JSON.stringify(["postgresql", environmentId, ref.sandbox, ref.instance, ref.claim]);
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
