import type { ClaimRef } from "../../model/environment.ts";

/**
 * What proves that a login is ours, together with what is recorded of its buckets. On MinIO it is the `ID` of the login's policy, on
 * Garage the end of the key's name; only an administrator can change either.
 */
export interface Mark extends ClaimRef {
  /** UUID of the environment. */
  readonly environment: string;
  /** The environment's name; for human eyes, decides nothing. */
  readonly label: string;
  readonly kind: "buckets" | "access";
  /** For an access: `sandbox/instance/claim` of whose buckets it uses. */
  readonly target?: string;
  /** Names of buckets whose making was begun: an empty one without a mark is ours. */
  readonly begun: readonly string[];
  /** Names of buckets that were complete: a missing one is a loss. */
  readonly made: readonly string[];
}

const PREFIX = "g2p-commons ";

/** The text of a mark. */
export function formatMark(mark: Mark): string {
  return PREFIX + JSON.stringify(mark);
}

/** The mark in a text that ends with one; `undefined` when there is none. */
export function parseMark(text: string | undefined): Mark | undefined {
  const at = text?.indexOf(PREFIX) ?? -1;
  if (text === undefined || at < 0) return undefined;
  try {
    const value = JSON.parse(text.slice(at + PREFIX.length)) as Partial<Record<keyof Mark, unknown>>;
    const { environment, label, sandbox, instance, claim, kind, target } = value;
    if (typeof environment !== "string" || typeof sandbox !== "string" || typeof instance !== "string")
      return undefined;
    if (typeof claim !== "string" || (kind !== "buckets" && kind !== "access")) return undefined;
    return {
      environment,
      label: typeof label === "string" ? label : "",
      sandbox,
      instance,
      claim,
      kind,
      ...(typeof target === "string" ? { target } : {}),
      begun: strings(value.begun),
      made: strings(value.made),
    };
  } catch {
    return undefined;
  }
}

/** `sandbox/instance/claim`. */
export function refKey(ref: ClaimRef): string {
  return `${ref.sandbox}/${ref.instance}/${ref.claim}`;
}

/** Whom a mark names: `staging/dev/farmers/main`. */
export function holderOf(mark: Pick<Mark, "label"> & ClaimRef): string {
  return `${mark.label}/${refKey(mark)}`;
}

/** A mark that says the same? */
export function sameMark(one: Mark, other: Mark): boolean {
  return formatMark(one) === formatMark({ ...other, label: one.label });
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
