import type { Grant } from "./desired.ts";
import { formatMark, type Mark } from "./mark.ts";

/** One statement of a MinIO policy. */
interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource?: readonly string[];
}

/** A policy document as MinIO stores it. */
export interface PolicyDocument {
  readonly ID?: string;
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

const ARN = "arn:aws:s3:::";

/** Looking into a bucket; nothing of its settings but where it is. */
const BUCKET_READ = ["s3:GetBucketLocation", "s3:ListBucket"];
const BUCKET_WRITE = [...BUCKET_READ, "s3:ListBucketMultipartUploads"];
const OBJECT_READ = ["s3:GetObject"];
const OBJECT_WRITE = [
  "s3:AbortMultipartUpload",
  "s3:DeleteObject",
  "s3:GetObject",
  "s3:ListMultipartUploadParts",
  "s3:PutObject",
];

/**
 * The policy of a login: its buckets and their objects, and nothing else. A MinIO user may otherwise change its own password and
 * make itself further keys, which would outlive ours; so everything of the administration API is denied.
 */
export function policyDocument(grants: readonly Grant[], mark: Mark): PolicyDocument {
  return { ID: formatMark(mark), Version: "2012-10-17", Statement: statements(grants) };
}

/** The rights that grants stand for, one line each, sorted. */
export function rightsOf(grants: readonly Grant[]): readonly string[] {
  return linesOf(statements(grants));
}

/** The rights of a policy's statements, one line each, sorted. */
export function linesOf(policy: readonly Statement[]): string[] {
  const lines = policy.flatMap((one) => {
    const { Effect, Action, Resource = [], ...rest } = one;
    // Conditions, exceptions (NotAction, NotResource) and the like are shown whole: we make none.
    const more = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(rest)}`;
    const resources = list(Resource).map((text) => ` on ${text.replace(ARN, "")}`);
    return list(Action).flatMap((action) =>
      (resources.length === 0 ? [""] : resources).map((where) => `${Effect} ${action}${where}${more}`),
    );
  });
  return [...new Set(lines)].sort();
}

function statements(grants: readonly Grant[]): Statement[] {
  const of = (mode: Grant["mode"], bucketActions: readonly string[], objectActions: readonly string[]): Statement[] => {
    const buckets = grants.filter((grant) => grant.mode === mode).map((grant) => grant.bucket);
    if (buckets.length === 0) return [];
    return [
      { Effect: "Allow", Action: bucketActions, Resource: buckets.map((bucket) => `${ARN}${bucket}`) },
      { Effect: "Allow", Action: objectActions, Resource: buckets.map((bucket) => `${ARN}${bucket}/*`) },
    ];
  };
  return [
    ...of("write", BUCKET_WRITE, OBJECT_WRITE),
    ...of("read", BUCKET_READ, OBJECT_READ),
    { Effect: "Deny", Action: ["admin:*"] },
  ];
}

function list(value: readonly string[] | string): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
