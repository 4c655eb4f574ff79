import type { ClaimRef } from "../../model/environment.ts";
import type { Reply } from "./connection.ts";
import { mapOf, textOf } from "./connection.ts";

/**
 * What proves that something is ours. It stands in two places that no module's user can write to:
 *
 * - on the user itself, as the name of a channel that it may use beside those of its prefix: it is made and goes with the user in
 *   one command, and it outlives FLUSHALL and a restart of a server that keeps its users but not its data;
 * - in the hash {@link REGISTER} of database 0, whose name no granted prefix matches: it outlives the user, where its keys are kept.
 *
 * Either of them suffices; where they name different holders, nobody may touch it.
 */
export interface Mark extends ClaimRef {
  readonly environment: { readonly id: string; readonly name: string };
}

/** A field of the register: the mark of a user name, with what was true when the user was last made or repaired. */
export interface Entry extends Mark {
  /** Prefix of its keys; empty where it is not known any more. */
  readonly keyPrefix: string;
  /**
   * The command rules as the server printed them then, and the edition of ours that they come from. Servers print rules in an order of
   * their own, so what was set cannot be compared with what is printed. Absent while a change is under way, and where the user was removed and its keys kept.
   */
  readonly rules?: { readonly edition: number; readonly printed: string };
}

/** Key of the register. No name that we grant contains a colon. */
export const REGISTER = "g2p:marks";

const CHANNEL = "g2p:mark:";

/** The channel that marks a user. It holds no glob character, so it matches itself only. */
export function markChannel(mark: Mark): string {
  const { environment, sandbox, instance, claim } = mark;
  const parts = [environment.id, environment.name, sandbox, instance, claim];
  return CHANNEL + parts.map((part) => encodeURIComponent(part).replaceAll("*", "%2A")).join(":");
}

/** The mark among the channels of a user; `undefined` where there is none. */
export function markAmong(channels: readonly string[]): Mark | undefined {
  for (const channel of channels) {
    if (!channel.startsWith(CHANNEL)) continue;
    const parts = channel.slice(CHANNEL.length).split(":");
    const [id, name, sandbox, instance, claim] = parts.map(decodePart);
    if (id && name !== undefined && sandbox && instance && claim && parts.length === 5)
      return { environment: { id, name }, sandbox, instance, claim };
  }
  return undefined;
}

/** Is it this environment's mark of this claim? The environment's name does not count. */
export function isSame(mark: Mark, other: Mark): boolean {
  return mark.environment.id === other.environment.id && claimOf(mark) === claimOf(other);
}

/** `sandbox/instance/claim`. */
export function claimOf({ sandbox, instance, claim }: ClaimRef): string {
  return `${sandbox}/${instance}/${claim}`;
}

/** The text of a register field. */
export function formatEntry(entry: Entry): string {
  const { environment, sandbox, instance, claim, keyPrefix, rules } = entry;
  return JSON.stringify({
    environment,
    sandbox,
    instance,
    claim,
    keyPrefix,
    ...(rules === undefined ? {} : { rules }),
  });
}

/** The register by user name, from the answer to HGETALL. Fields that nobody of ours wrote are left out. */
export function parseRegister(reply: Reply): Map<string, Entry> {
  const found = new Map<string, Entry>();
  for (const [user, value] of mapOf(reply)) {
    const entry = parseEntry(textOf(value));
    if (entry !== undefined) found.set(user, entry);
  }
  return found;
}

/** The entry in a register field; `undefined` where it is none. */
export function parseEntry(text: string): Entry | undefined {
  try {
    const { environment, sandbox, instance, claim, keyPrefix = "", rules } = JSON.parse(text) as Partial<Entry>;
    const named = typeof sandbox === "string" && typeof instance === "string" && typeof claim === "string";
    if (!named || typeof environment?.id !== "string") return undefined;
    const holder = { id: environment.id, name: String(environment.name) };
    const mark = { environment: holder, sandbox, instance, claim, keyPrefix };
    const { edition, printed } = rules ?? {};
    return typeof edition === "number" && typeof printed === "string" ? { ...mark, rules: { edition, printed } } : mark;
  } catch {
    return undefined;
  }
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
