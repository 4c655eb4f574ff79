import type { Connection } from "./connection.ts";
import type { Document } from "./desired.ts";

/** Index state management's policies by name, with what a change of them must name. */
export interface ObservedPolicies {
  readonly documents: ReadonlyMap<string, Document>;
  readonly versions: ReadonlyMap<string, { readonly seqNo: number; readonly primaryTerm: number }>;
}

const POLICIES = "/_plugins/_ism/policies";
const PAGE = 1_000;

/**
 * Reads all policies; undefined where the server lacks the index management plugin (the answer is then 400, "no handler found"). Days after
 * which indices are deleted can be kept only where it is.
 */
export async function observePolicies(admin: Connection): Promise<ObservedPolicies | undefined> {
  const first = await admin.ask("reading policies", `${POLICIES}?size=${PAGE}`, { method: "GET" }, [400, 404, 405]);
  if (first.status === 400 || first.status === 405) return undefined;
  const documents = new Map<string, Document>();
  const versions = new Map<string, { seqNo: number; primaryTerm: number }>();
  const { policies = [] } = (first.status === 404 ? {} : first.json) as {
    policies?: { _id: string; _seq_no: number; _primary_term: number; policy: Document }[];
  };
  for (const one of policies) {
    documents.set(one._id, one.policy);
    versions.set(one._id, { seqNo: one._seq_no, primaryTerm: one._primary_term });
  }
  return { documents, versions };
}

/**
 * The policy that deletes the indices of one word some days after they were made (OpenSearch documentation, "Index State Management").
 *
 * @param name of the template, which is the policy's too; the policy is attached to new indices of that pattern
 */
export function policyOf(name: string, days: number, description: string): Document {
  return {
    description,
    default_state: "kept",
    states: [
      {
        name: "kept",
        actions: [],
        transitions: [{ state_name: "deleted", conditions: { min_index_age: `${days}d` } }],
      },
      { name: "deleted", actions: [{ delete: {} }], transitions: [] },
    ],
    ism_template: [{ index_patterns: [`${name}*`], priority: name.length }],
  };
}

/** The days of a policy as {@link policyOf} writes it; undefined where it is another one. */
export function daysOf(policy: Document): number | undefined {
  const states = policy["states"] as { transitions?: { conditions?: { min_index_age?: string } }[] }[] | undefined;
  const age = states?.[0]?.transitions?.[0]?.conditions?.min_index_age;
  const days = /^(\d+)d$/.exec(age ?? "")?.[1];
  return days === undefined ? undefined : Number(days);
}

/** Makes or replaces a policy. */
export async function putPolicy(
  admin: Connection,
  name: string,
  policy: Document,
  found: ObservedPolicies | undefined,
): Promise<void> {
  const version = found?.versions.get(name);
  const query = version === undefined ? "" : `?if_seq_no=${version.seqNo}&if_primary_term=${version.primaryTerm}`;
  const path = `${POLICIES}/${encodeURIComponent(name)}${query}`;
  await admin.ask(`writing policy ${name}`, path, { method: "PUT", json: { policy } });
}

/** Deletes a policy; a missing one is fine. */
export async function deletePolicy(admin: Connection, name: string): Promise<void> {
  const path = `${POLICIES}/${encodeURIComponent(name)}`;
  await admin.ask(`deleting policy ${name}`, path, { method: "DELETE" }, [404]);
}
