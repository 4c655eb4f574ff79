import type { AclFilter } from "@platformatic/kafka";

/** One access rule as Kafka keeps it, in words (Kafka documentation, "Authorization and ACLs"). */
export interface Acl {
  readonly type: AclType;
  readonly name: string;
  readonly pattern: "literal" | "prefixed";
  /** `User:<name>`. */
  readonly principal: string;
  readonly host: string;
  readonly operation: AclOperation;
  readonly permission: "allow" | "deny";
}

/** Kinds of resources, by the protocol's number. */
const TYPES = {
  2: "topic",
  3: "group",
  4: "cluster",
  5: "transactional-id",
  6: "delegation-token",
  7: "user",
} as const;
export type AclType = (typeof TYPES)[keyof typeof TYPES];

const OPERATIONS = {
  2: "all",
  3: "read",
  4: "write",
  5: "create",
  6: "delete",
  7: "alter",
  8: "describe",
  9: "cluster-action",
  10: "describe-configs",
  11: "alter-configs",
  12: "idempotent-write",
  13: "create-tokens",
  14: "describe-tokens",
  15: "two-phase-commit",
} as const;
export type AclOperation = (typeof OPERATIONS)[keyof typeof OPERATIONS];

const PATTERNS = { 3: "literal", 4: "prefixed" } as const;
const PERMISSIONS = { 2: "deny", 3: "allow" } as const;

/** In a filter: whatever it is. */
const ANY = 1;

/** The same rule in the protocol's numbers; also good as a filter that matches only it. */
export interface WireAcl {
  readonly resourceType: keyof typeof TYPES;
  readonly resourceName: string;
  readonly resourcePatternType: keyof typeof PATTERNS;
  readonly principal: string;
  readonly host: string;
  readonly operation: keyof typeof OPERATIONS;
  readonly permissionType: keyof typeof PERMISSIONS;
}

/** In the protocol's numbers. */
export function toWire(acl: Acl): WireAcl {
  return {
    resourceType: numberOf(TYPES, acl.type),
    resourceName: acl.name,
    resourcePatternType: numberOf(PATTERNS, acl.pattern),
    principal: acl.principal,
    host: acl.host,
    operation: numberOf(OPERATIONS, acl.operation),
    permissionType: numberOf(PERMISSIONS, acl.permission),
  };
}

/** Matches all rules, of one principal or on resources of one type where that is given. */
export function filterOf(principal: string | null, type?: AclType): AclFilter {
  return {
    resourceType: type === undefined ? ANY : numberOf(TYPES, type),
    resourceName: null,
    resourcePatternType: ANY,
    principal,
    host: null,
    operation: ANY,
    permissionType: ANY,
  };
}

/** In words; undefined for kinds that this program does not know, which a newer server may have. */
export function fromWire(wire: {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly resourcePatternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}): Acl | undefined {
  const type = wordOf(TYPES, wire.resourceType);
  const pattern = wordOf(PATTERNS, wire.resourcePatternType);
  const operation = wordOf(OPERATIONS, wire.operation);
  const permission = wordOf(PERMISSIONS, wire.permissionType);
  if (type === undefined || pattern === undefined || operation === undefined || permission === undefined)
    return undefined;
  const { resourceName: name, principal, host } = wire;
  return { type, name, pattern, principal, host, operation, permission };
}

/** A rule that allows a user something from everywhere. */
export function allow(
  user: string,
  operation: AclOperation,
  type: AclType,
  name: string,
  pattern: Acl["pattern"] = "literal",
): Acl {
  return { type, name, pattern, principal: principalOf(user), host: "*", operation, permission: "allow" };
}

/** How rules name a user that signs in by SCRAM. */
export function principalOf(user: string): string {
  return `User:${user}`;
}

/** A text that tells every two rules apart, as in `acl:User:dev__farmers:allow read topic dev__farmers__*`. */
export function aclText(acl: Acl): string {
  const name = acl.pattern === "prefixed" ? `${acl.name}*` : acl.name === "*" ? "(every)" : acl.name;
  const host = acl.host === "*" ? "" : ` from ${acl.host}`;
  return `${acl.principal}:${acl.permission} ${acl.operation} ${acl.type} ${name}${host}`;
}

function wordOf<T extends Readonly<Record<number, string>>>(words: T, value: number): T[keyof T] | undefined {
  return (words as Readonly<Record<number, T[keyof T]>>)[value];
}

function numberOf<T extends Readonly<Record<number, string>>>(words: T, word: T[keyof T]): keyof T {
  return Number(Object.keys(words).find((key) => words[Number(key)] === word));
}
