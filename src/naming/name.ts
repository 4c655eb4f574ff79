import { InternalError } from "../model/error.ts";
import type { Service } from "../model/service.ts";
import { HASH_LENGTH, hash60 } from "./hash.ts";
import { type NameKind, type NameRule, type Part, ruleOf } from "./rules.ts";

/** What a name is made from. */
export interface NameTuple {
  /** The environment's prefix on this server; empty where the environment has the server for itself. */
  readonly prefix: string;
  readonly service: Service;
  readonly kind: NameKind;
  readonly sandbox: string;
  readonly instance: string;
  /** Name of the claim or access; {@link MAIN} gives the short form. */
  readonly claim: string;
}

/** A name on a server. */
export interface Name {
  readonly name: string;
  /** Longest name of this kind, in bytes. */
  readonly limit: number;
  /** True where the readable form was not possible. */
  readonly hashed: boolean;
}

/** The claim that is left out of names. */
export const MAIN = "main";

/** Beginning of hashed names whose own beginning is empty or reserved. */
const OWN = "g2p";

/** A hashed name is no longer than this even where the service allows more, so that a hashed prefix leaves room. */
const HASHED_LIMIT = 63;

/** A DNS label without `--`. */
const LABEL = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const LABEL_LIMIT = 63;

/** The hashed form; {@link readable} never returns a name of this form. */
const HASHED = new RegExp(`([_-])\\1\\1[a-z2-7]{${HASH_LENGTH}}(\\1\\1\\1)?$`);

/**
 * Composes the name of a thing on a server. The only function that composes names.
 *
 * | form | looks like |
 * | --- | --- |
 * | main claim, other claim | `dev__farmers`, `dev__bridge__example_bank` |
 * | role of it | `dev__farmers___owner` |
 * | with prefix | `staging___dev__farmers` |
 * | granted prefix | `dev__farmers__` |
 * | hashed, hashed prefix | `dev_farmers___k3v5q2mzt7ab`, `dev_farmers___k3v5q2mzt7ab___` |
 *
 * A tuple is hashed when a part is no DNS label or contains `--`, when the name is too long or reserved, or when it would
 * look hashed. In a readable name the runs of separators tell exactly where parts begin and end.
 *
 * Guarantees, per namespace of a server: two tuples never get one name, also with case folded and `.` taken for `_` (for
 * hashed names: up to 60 bits); the name is ASCII, legal and within `limit`; a granted prefix ends in the separator and
 * begins no name of another instance; the same tuple always gets the same name.
 *
 * @throws InternalError when the service has no such kind.
 */
export function name(tuple: NameTuple): Name {
  const rule = ruleOf(tuple.service, tuple.kind);
  if (rule === undefined) {
    throw new InternalError(`${tuple.service} has no names of kind "${tuple.kind}"; nothing was named.`, {
      code: "NAME_KIND_UNKNOWN",
      hint: "Report this as a fault of g2p.",
    });
  }
  const plain = readable(rule, tuple);
  return { name: plain ?? hashed(rule, tuple), limit: rule.limit, hashed: plain === undefined };
}

/** The readable form, or undefined where it is not possible. */
function readable(rule: NameRule, tuple: NameTuple): string | undefined {
  const prefixed = rule.parts.includes("prefix") && tuple.prefix !== "";
  const body = bodyParts(rule, tuple);
  if (prefixed && !isLabel(tuple.prefix)) return undefined;
  if (!body.every(isLabel)) return undefined;
  const { joint } = rule;
  const text = [
    ...(prefixed ? [tuple.prefix] : []),
    body.join(joint.repeat(2)),
    ...(rule.suffix === undefined ? [] : [rule.suffix]),
  ].join(joint.repeat(3));
  const whole = (rule.dash === "-" ? text : text.replaceAll("-", rule.dash)) + (rule.open ? joint.repeat(2) : "");
  return whole.length > rule.limit || rule.reserved?.test(whole) || HASHED.test(whole) ? undefined : whole;
}

/** Readable beginning with single separators, then the hash; a granted prefix ends in three separators. */
function hashed(rule: NameRule, tuple: NameTuple): string {
  const { joint } = rule;
  const parts = rule.parts.includes("prefix") ? [tuple.prefix, ...bodyParts(rule, tuple)] : bodyParts(rule, tuple);
  const end = (rule.suffix === undefined ? "" : joint + rule.suffix) + joint.repeat(3);
  const tail = end + hash60(identity(rule, tuple)) + (rule.open ? joint.repeat(3) : "");
  const room = Math.min(rule.limit, HASHED_LIMIT) - tail.length;
  const beginning = parts.map((part) => slug(part, joint)).filter((part) => part !== "");
  const own = cut(beginning.join(joint), room, joint);
  const text = own + tail;
  if (own !== "" && !rule.reserved?.test(text)) return text;
  return cut([OWN, ...beginning].join(joint), room, joint) + tail;
}

/** Everything that tells this name from others. Parts that do not count are blank, so that their holders share the name. */
function identity(rule: NameRule, tuple: NameTuple): readonly string[] {
  const part = (key: Part): string => (rule.parts.includes(key) ? tuple[key] : "");
  return [tuple.service, tuple.kind, part("prefix"), part("sandbox"), part("instance"), part("claim")];
}

function bodyParts(rule: NameRule, tuple: NameTuple): readonly string[] {
  return (["sandbox", "instance", "claim"] as const)
    .filter((key) => rule.parts.includes(key))
    .filter((key) => key !== "claim" || rule.claimAlways || tuple.claim !== MAIN)
    .map((key) => tuple[key]);
}

function isLabel(part: string): boolean {
  return part.length <= LABEL_LIMIT && LABEL.test(part);
}

/** Letters and digits of a part, everything else one separator, none at its ends. Only its beginning is looked at. */
function slug(part: string, joint: string): string {
  const words = part
    .slice(0, 2 * LABEL_LIMIT)
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.filter((word) => word !== "").join(joint);
}

function cut(text: string, length: number, joint: string): string {
  const short = text.slice(0, length);
  return short.endsWith(joint) ? short.slice(0, -1) : short;
}
