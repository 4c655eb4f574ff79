import type { ClaimRef } from "../../model/environment.ts";
import type { Acl } from "./acl.ts";

/**
 * What proves that a user or topic is ours: an access rule on it that denies something to a user that does not exist. Nobody is
 * hindered by it; only who may alter the cluster can write it, which no module may; it stays when the topic is deleted, so a
 * loss shows; and it can be written first, so an interrupted run shows, too. The user's name holds the facts:
 *
 *     User:g2p:<environment id>:<environment>:<sandbox>/<instance>/<claim>:topics
 *     User:g2p:<environment id>:<environment>:<sandbox>/<instance>/<claim>:access:<sandbox>/<instance>/<claim of the target>
 */
export interface Mark {
  readonly environment: { readonly id: string; readonly name: string };
  readonly ref: ClaimRef;
  readonly kind: "topics" | "access";
  /** Of an access: whose topics it uses. */
  readonly target: ClaimRef | undefined;
}

/** What a mark stands on, and how far the work had come when it was written. */
export interface Marked {
  readonly mark: Mark;
  readonly on: "user" | "topic";
  readonly name: string;
  /** False for a topic that is about to be made: until then its absence is no loss. */
  readonly ready: boolean;
  readonly acl: Acl;
}

const BEGINNING = "User:g2p:";
const TEXT = /^([^:]+):([^:]+):([^:/]+)\/([^:/]+)\/([^:/]+):(?:(topics)|access:([^:/]+)\/([^:/]+)\/([^:/]+))$/;

/** The rule that marks a user. */
export function userMark(user: string, mark: Mark): Acl {
  return rule("user", user, "describe-tokens", mark);
}

/** The rule that marks a topic, first as about to be made, then as made. */
export function topicMark(topic: string, mark: Mark, ready: boolean): Acl {
  return rule("topic", topic, ready ? "read" : "describe", mark);
}

/** Whose rules show that a broker has caught up; see `catchUp`. It marks nothing. */
export function barrierPrincipal(environmentId: string): string {
  return `${BEGINNING}${environmentId}:barrier`;
}

/** Reads a mark of any environment; undefined for every other rule. */
export function parseMark(acl: Acl): Marked | undefined {
  if (!isMarkPrincipal(acl) || acl.pattern !== "literal" || acl.permission !== "deny") return undefined;
  const [, id, name, sandbox, instance, claim, topics, ...target] =
    TEXT.exec(acl.principal.slice(BEGINNING.length)) ?? [];
  if (id === undefined || name === undefined || sandbox === undefined || instance === undefined || claim === undefined)
    return undefined;
  const [targetSandbox, targetInstance, targetClaim] = target;
  const mark: Mark = {
    environment: { id, name },
    ref: { sandbox, instance, claim },
    kind: topics === undefined ? "access" : "topics",
    target:
      targetSandbox === undefined || targetInstance === undefined || targetClaim === undefined
        ? undefined
        : { sandbox: targetSandbox, instance: targetInstance, claim: targetClaim },
  };
  if (acl.type === "user" && acl.operation === "describe-tokens")
    return { mark, on: "user", name: acl.name, ready: true, acl };
  if (acl.type === "topic" && (acl.operation === "read" || acl.operation === "describe"))
    return { mark, on: "topic", name: acl.name, ready: acl.operation === "read", acl };
  return undefined;
}

/** Is it one of our marks, even a damaged one? */
export function isMarkPrincipal(acl: Pick<Acl, "principal">): boolean {
  return acl.principal.startsWith(BEGINNING);
}

/** `environment/sandbox/instance/claim`, as a holder is named. */
export function holderText({ environment, ref }: Mark): string {
  return `${environment.name}/${refText(ref)}`;
}

/** `sandbox/instance/claim`. */
export function refText(ref: ClaimRef): string {
  return `${ref.sandbox}/${ref.instance}/${ref.claim}`;
}

/** The same claim of the same environment? */
export function isSameOwner(one: Mark, other: Mark): boolean {
  return one.environment.id === other.environment.id && refText(one.ref) === refText(other.ref);
}

function rule(type: "user" | "topic", name: string, operation: Acl["operation"], mark: Mark): Acl {
  const { environment, ref, target } = mark;
  const kind = target === undefined ? "topics" : `access:${refText(target)}`;
  const principal = `${BEGINNING}${environment.id}:${environment.name}:${refText(ref)}:${kind}`;
  return { type, name, pattern: "literal", principal, host: "*", operation, permission: "deny" };
}
