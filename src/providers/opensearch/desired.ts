import type { IndexSpec, ServiceAccess } from "../../model/claim.ts";
import type { ClaimRef } from "../../model/environment.ts";
import { MAIN, name } from "../../naming/name.ts";
import type { Placed, Placement } from "../contract.ts";
import { claimOf, formatMark, type Mark } from "./mark.ts";
import { OWNER, READER, WRITER } from "./permissions.ts";

/** A document of the security plugin, or a template or policy: its name and what it must say. */
export type Document = Readonly<Record<string, unknown>>;

/** Everything that realises one claim or access on a server. */
export interface Desired extends ClaimRef {
  readonly kind: "indices" | "access";
  /** `opensearch/sandbox/instance/claim`. */
  readonly id: string;
  /** Name of the user, its role and its role mapping. */
  readonly user: string;
  readonly mark: Mark;
  /** Prefix of the index names: its own, or its target's. */
  readonly prefix: string;
  /** What the role is limited to. */
  readonly patterns: readonly string[];
  readonly role: Document;
  readonly mapping: Document;
  /** Without the password. */
  readonly account: Document;
  /** Name of the tenant of its own; undefined where none is asked for. */
  readonly tenant: string | undefined;
  /** By name, which is the word behind the prefix. */
  readonly templates: ReadonlyMap<string, Document>;
  /** Days after which indices are deleted, by the names of {@link Desired.templates}. */
  readonly lifetimes: ReadonlyMap<string, number>;
  /** Id of an access's target. */
  readonly target: string | undefined;
  readonly mode: "own" | "read" | "write";
  readonly accept: readonly string[];
}

/** Priorities of our templates begin here, above what others use; a longer pattern wins over a shorter one. */
const TEMPLATE_PRIORITY = 1_000;

/** The index prefix of an instance on this server. */
export function indexPrefix(placement: Pick<Placement, "prefix">, { sandbox, instance }: ClaimRef): string {
  const tuple = { prefix: placement.prefix, service: "opensearch", sandbox, instance, claim: MAIN } as const;
  return name({ ...tuple, kind: "index-prefix" }).name;
}

/** Name of the tenant that a claim has where it asks for one. */
export function tenantName(placement: Pick<Placement, "prefix">, { sandbox, instance, claim }: ClaimRef): string {
  return name({ prefix: placement.prefix, service: "opensearch", kind: "tenant", sandbox, instance, claim }).name;
}

/** Name of the user of a claim or access. */
export function userName(placement: Pick<Placement, "prefix">, { sandbox, instance, claim }: ClaimRef): string {
  return name({ prefix: placement.prefix, service: "opensearch", kind: "user", sandbox, instance, claim }).name;
}

/** All that a server is to hold, claims first. Pure. */
export function desiredOf(placement: Placement<"opensearch">): Desired[] {
  return [...placement.claims, ...placement.accesses].map((one) => desiredOne(placement, one));
}

/** What realises one claim or access. Pure. */
export function desiredOne(placement: Placement<"opensearch">, one: Placed<"opensearch">): Desired {
  const { sandbox, instance, claim } = one;
  const user = userName(placement, one);
  const owner = one.kind === "access" ? one.target : one;
  const prefix = indexPrefix(placement, owner);
  const tenant = one.kind === "indices" && one.spec.tenant ? tenantName(placement, one) : undefined;
  const mark: Mark = {
    environment: placement.environment,
    kind: one.kind,
    sandbox,
    instance,
    claim,
    prefix,
    target: one.kind === "access" ? claimOf(one.target) : "",
    tenant: tenant ?? "",
  };
  const description = formatMark(mark);
  const mode = one.kind === "access" ? one.mode : "own";
  const rights = { own: OWNER, read: READER, write: WRITER }[mode];
  const patterns =
    one.kind === "access"
      ? one.words.map((word) => patternOf(prefix, word, Object.keys(one.targetSpec.indices), one))
      : [`${prefix}*`];
  const indices = one.kind === "indices" ? Object.entries(one.spec.indices) : [];
  return {
    sandbox,
    instance,
    claim,
    kind: one.kind,
    id: `opensearch/${claimOf(one)}`,
    user,
    mark,
    prefix,
    patterns,
    role: {
      description,
      cluster_permissions: rights.cluster,
      index_permissions: [{ index_patterns: patterns, fls: [], masked_fields: [], allowed_actions: rights.index }],
      tenant_permissions:
        tenant === undefined ? [] : [{ tenant_patterns: [tenant], allowed_actions: ["kibana_all_write"] }],
    },
    mapping: { description, users: [user], backend_roles: [], hosts: [], and_backend_roles: [] },
    account: { description, backend_roles: [], attributes: {}, opendistro_security_roles: [] },
    tenant,
    templates: new Map(indices.map(([word, spec]) => [prefix + word, templateOf(prefix + word, spec, description)])),
    lifetimes: new Map(
      indices.flatMap(([word, { deleteAfterDays }]) =>
        deleteAfterDays === undefined ? [] : [[prefix + word, deleteAfterDays] as const],
      ),
    ),
    target: one.kind === "access" ? `opensearch/${claimOf(one.target)}` : undefined,
    mode,
    accept: one.accept,
  };
}

/**
 * The pattern of one word's indices. Where other words begin with it, their indices are left out by a regular expression: an access to `event`
 * is none to `events`.
 */
function patternOf(
  prefix: string,
  word: string,
  all: readonly string[],
  { words }: Pick<ServiceAccess<"opensearch">, "words">,
): string {
  const longer = all.filter((other) => other !== word && other.startsWith(word) && !words.includes(other));
  if (longer.length === 0) return `${prefix}${word}*`;
  return `/${prefix}${word}(?!${longer.map((other) => other.slice(word.length)).join("|")}).*/`;
}

function templateOf(name: string, { shards, replicas }: IndexSpec, description: string): Document {
  return {
    index_patterns: [`${name}*`],
    priority: TEMPLATE_PRIORITY + name.length,
    template: { settings: { index: { number_of_shards: String(shards), number_of_replicas: String(replicas) } } },
    _meta: { "g2p-commons": description },
  };
}
