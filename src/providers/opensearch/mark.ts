import type { ClaimRef } from "../../model/environment.ts";

/**
 * What proves that a user, role, role mapping, tenant, index template or policy is ours: its description (of a template `_meta`), which
 * only the administrator can write. A module's own user can change its password and nothing else of these. Every one of them carries
 * it, and is made together with it in one request.
 */
export interface Mark extends ClaimRef {
  readonly environment: { readonly id: string; readonly name: string };
  readonly kind: "indices" | "access";
  /** The index prefix of the claim; of an access its target's. */
  readonly prefix: string;
  /** `sandbox/instance/claim` of an access's target; else empty. */
  readonly target: string;
  readonly tenant: string;
}

const PREFIX = "g2p-commons ";

/** The text of a mark. */
export function formatMark(mark: Mark): string {
  const { environment, kind, sandbox, instance, claim, prefix, target, tenant } = mark;
  return PREFIX + JSON.stringify({ environment, kind, sandbox, instance, claim, prefix, target, tenant });
}

/** The mark in a description; `undefined` where there is none. */
export function parseMark(text: unknown): Mark | undefined {
  if (typeof text !== "string" || !text.startsWith(PREFIX)) return undefined;
  try {
    const { environment, kind, sandbox, instance, claim, prefix, target, tenant } = JSON.parse(
      text.slice(PREFIX.length),
    ) as Partial<Record<keyof Mark, unknown>>;
    const { id, name } = (environment ?? {}) as Record<string, unknown>;
    const texts = [id, name, sandbox, instance, claim, prefix, target, tenant];
    if (!texts.every((one) => typeof one === "string") || (kind !== "indices" && kind !== "access")) return undefined;
    // Removal goes by the prefix: one that is no whole prefix of ours would reach what others made.
    if (!/^[a-z0-9].*__$/.test(prefix as string)) return undefined;
    return {
      environment: { id: id as string, name: name as string },
      kind,
      sandbox: sandbox as string,
      instance: instance as string,
      claim: claim as string,
      prefix: prefix as string,
      target: target as string,
      tenant: tenant as string,
    };
  } catch {
    return undefined;
  }
}

/** `sandbox/instance/claim`. */
export function claimOf({ sandbox, instance, claim }: ClaimRef): string {
  return `${sandbox}/${instance}/${claim}`;
}

/** Is it this environment's mark of this claim? */
export function isSame(mark: Mark, other: Mark): boolean {
  return mark.environment.id === other.environment.id && claimOf(mark) === claimOf(other);
}
