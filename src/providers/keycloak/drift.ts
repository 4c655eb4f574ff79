import type { Finding } from "../../model/plan.ts";
import type { RoleRef } from "./observe.ts";
import type { NewMapper } from "./representation.ts";

/** One request that repairs something of a client. */
export type Fix =
  /** Writes the whole wanted representation, mark and secret. */
  | { readonly do: "write" }
  | { readonly do: "make-mapper"; readonly mapper: NewMapper }
  | { readonly do: "remove-mapper"; readonly mapper: string }
  | { readonly do: "add-scope"; readonly scope: string }
  | { readonly do: "remove-scope"; readonly scope: string; readonly from: "default" | "optional" }
  | { readonly do: "make-role"; readonly role: string }
  | { readonly do: "remove-role"; readonly role: string }
  | { readonly do: "empty-role"; readonly role: string }
  | { readonly do: "unmap-role"; readonly role: RoleRef }
  | { readonly do: "take-role"; readonly user: string; readonly role: RoleRef }
  | { readonly do: "leave-group"; readonly user: string; readonly path: string }
  | { readonly do: "enable-account"; readonly user: string }
  /** Writes the protective settings of the realm. */
  | { readonly do: "write-realm" };

/** A finding with its repair as data. All that is compared can be repaired. */
export interface Drift extends Finding {
  readonly fix: Fix;
}

/** A finding that apply repairs. */
export function repairable(aspect: string, expected: string, actual: string, fix: Fix): Drift {
  return { aspect, expected, actual, repair: "apply", fix };
}

/** The finding without its repair. */
export function toFinding({ fix: _, ...finding }: Drift): Finding {
  return finding;
}
