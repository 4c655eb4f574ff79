import type { BucketSpec } from "../../model/claim.ts";
import type { ClaimRef } from "../../model/environment.ts";
import { name } from "../../naming/name.ts";
import type { Placed, Placement } from "../contract.ts";
import { refKey } from "./mark.ts";

/** A bucket as it is wanted. */
export interface DesiredBucket extends BucketSpec {
  readonly name: string;
  /** The module's own word for it. */
  readonly word: string;
  readonly owner: ClaimRef;
}

/** What a login may do in one bucket. */
export interface Grant {
  readonly bucket: string;
  readonly mode: "read" | "write";
}

/** A login as it is wanted, with the buckets that are its own. */
export interface DesiredLogin extends ClaimRef {
  /** `s3/sandbox/instance/claim`. */
  readonly id: string;
  readonly kind: "buckets" | "access";
  /** MinIO's user, or the beginning of a Garage key's name. */
  readonly user: string;
  /** Its own buckets; empty for an access. */
  readonly buckets: readonly DesiredBucket[];
  /** In the order of bucket names. */
  readonly grants: readonly Grant[];
  readonly target?: ClaimRef;
  readonly accept: readonly string[];
}

/** All that a server is to hold. */
export interface Desired {
  readonly environment: { readonly id: string; readonly name: string };
  readonly logins: readonly DesiredLogin[];
}

/** Names everything that a placement asks for. Pure. */
export function desiredOf(placement: Placement<"s3">): Desired {
  return {
    environment: placement.environment,
    logins: [...placement.claims, ...placement.accesses].map((one) => loginOf(placement, one)),
  };
}

/** The login of one claim or access. */
export function loginOf(placement: Placement<"s3">, one: Placed<"s3">): DesiredLogin {
  const { sandbox, instance, claim, accept } = one;
  const base = { sandbox, instance, claim, accept, id: `s3/${refKey(one)}`, user: userName(placement.prefix, one) };
  if (one.kind === "access") {
    const grants = one.words.map((word) => ({
      bucket: bucketName(placement.prefix, one.target, word),
      mode: one.mode,
    }));
    return { ...base, kind: "access", buckets: [], grants: sorted(grants), target: one.target };
  }
  const buckets = Object.entries(one.spec.buckets).map(([word, spec]) => ({
    ...spec,
    word,
    name: bucketName(placement.prefix, one, word),
    owner: { sandbox, instance, claim },
  }));
  const grants = buckets.map((bucket) => ({ bucket: bucket.name, mode: "write" as const }));
  return { ...base, kind: "buckets", buckets, grants: sorted(grants) };
}

/** The bucket that an instance's word stands for. */
export function bucketName(prefix: string, { sandbox, instance }: ClaimRef, word: string): string {
  return name({ prefix, service: "s3", kind: "bucket", sandbox, instance, claim: word }).name;
}

/** The name of a claim's or access's login. */
function userName(prefix: string, { sandbox, instance, claim }: ClaimRef): string {
  return name({ prefix, service: "s3", kind: "user", sandbox, instance, claim }).name;
}

function sorted(grants: readonly Grant[]): Grant[] {
  return grants.toSorted((a, b) => (a.bucket < b.bucket ? -1 : 1));
}
