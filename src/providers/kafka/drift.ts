import type { Finding } from "../../model/plan.ts";
import type { Acl } from "./acl.ts";
import type { DesiredTopic } from "./desired.ts";

/** One step of a repair, as data. */
export type Fix =
  | { readonly do: "add-acl" | "drop-acl"; readonly acl: Acl }
  | { readonly do: "create-topic" | "add-partitions"; readonly topic: DesiredTopic }
  /** `undefined` takes the topic's own setting away, so that the broker's holds. */
  | { readonly do: "set-topic"; readonly topic: string; readonly key: string; readonly value: string | undefined }
  | { readonly do: "set-quota"; readonly key: string; readonly value: number | undefined }
  | { readonly do: "drop-password"; readonly mechanism: string }
  | { readonly do: "set-password" };

/** A finding with its repair. */
export interface Drift extends Finding {
  readonly fix: readonly Fix[];
}

/** A finding that apply repairs. */
export function repairable(aspect: string, expected: string, actual: string, ...fix: readonly Fix[]): Drift {
  return { aspect, expected, actual, repair: "apply", fix };
}

/** A finding that nobody but a person may repair; `note` says why. */
export function manual(aspect: string, expected: string, actual: string, note: string): Drift {
  return { aspect, expected, actual, repair: "manual", fix: [], note };
}
