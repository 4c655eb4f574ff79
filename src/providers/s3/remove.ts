import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { InstanceRef } from "../../model/environment.ts";
import { type CommonsError, ServiceError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { ProviderContext, Removal } from "../contract.ts";
import type { ObservedServer, S3Admin } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { itemBase, type Marked, marksOf } from "./diff.ts";
import { codeOf, isServerWide, toFailure } from "./failure.ts";
import { refKey } from "./mark.ts";

/** Rounds of emptying a bucket into which somebody keeps writing. */
const ROUNDS = 10;

/** What a removal would take away: accesses first, since they hold nothing. Writes nothing. */
export async function planRemoval(
  removal: Removal,
  desired: Desired,
  observed: ObservedServer,
  admin: S3Admin,
  server: string,
): Promise<PlanItem[]> {
  return Promise.all(
    affected(removal, desired, observed).map(async (one) => removalItem(one, server, await contents(one, admin))),
  );
}

/**
 * Removes logins, and with `deleteData` their buckets with everything in them. The order keeps the mark to the end: the rights go first
 * with the user, then the buckets, then the mark, then the stored credential; a run that was killed is continued by the next.
 */
export async function remove(
  removal: Removal,
  desired: Desired,
  observed: ObservedServer,
  admin: S3Admin,
  context: ProviderContext,
): Promise<PlanItem[]> {
  const targets = affected(removal, desired, observed);
  const items: PlanItem[] = [];
  let stopped: CommonsError | undefined;
  for (const one of targets) {
    const item = removalItem(one, context.server, "");
    if (stopped !== undefined || context.signal.aborted) {
      items.push({ ...item, outcome: "not started", reason: stopped?.message ?? "the run was stopped" });
      continue;
    }
    const keep = !removal.deleteData && one.buckets.length > 0;
    try {
      if (one.hasLogin) await admin.disableLogin(one.name);
      if (!keep) for (const bucket of one.buckets) await deleteBucket(bucket, admin);
      if (one.hasLogin && (!keep || admin.bucketsTellClaim)) await admin.removeLogin(one.name);
      await context.credentials.remove(one.mark);
      const reason = `kept ${one.buckets.join(", ")}: --delete-data deletes them`;
      items.push(keep ? { ...item, action: "retain", reason, outcome: "done" } : { ...item, outcome: "done" });
    } catch (error) {
      const failure = toFailure(error, `removing ${item.id}`, item.id);
      if (isServerWide(failure)) stopped = failure;
      const hint = failure.hint === undefined ? {} : { hint: failure.hint };
      items.push({ ...item, outcome: "failed", reason: failure.message, ...hint });
    }
    const step = `remove ${context.server}`;
    context.emit({ type: "step-progress", step, done: items.length, total: targets.length, doing: item.id });
  }
  // A run that was killed before its first mark left a credential and nothing else.
  const alone = desired.logins.filter(
    (login) => inScope(removal, login) && !targets.some(({ mark }) => refKey(mark) === refKey(login)),
  );
  if (stopped !== undefined || context.signal.aborted) return items;
  await admin.tidy();
  for (const login of alone) await context.credentials.remove(login);
  return items;
}

/** Empties a bucket, old versions and unfinished uploads included, and deletes it. */
async function deleteBucket(bucket: string, admin: S3Admin): Promise<void> {
  await admin.withBuckets([bucket], async (client) => {
    for (let round = 1; ; round += 1) {
      try {
        await deleteObjects(client, bucket, "", admin.lacks.versioning === undefined);
        await abortUploads(client, bucket);
        await admin.deleteBucket(bucket);
        return;
      } catch (error) {
        if (codeOf(error) === "NoSuchBucket") return;
        if (codeOf(error) !== "BucketNotEmpty" || round >= ROUNDS) throw error;
      }
    }
  });
}

/**
 * Deletes all objects whose keys begin with `prefix`, a thousand at a time.
 *
 * @param versions whether the server knows versions: then all of them and delete markers go
 * @throws ServiceError `S3_NOT_DELETED` when the server keeps one, e.g. under a legal hold
 */
export async function deleteObjects(
  client: S3Client,
  bucket: string,
  prefix: string,
  versions: boolean,
): Promise<void> {
  for (;;) {
    const Objects = await firstPage(client, bucket, prefix, versions);
    if (Objects.length === 0) return;
    const answer = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
    const [first] = answer.Errors ?? [];
    if (first !== undefined)
      throw new ServiceError(
        `${answer.Errors?.length} objects of bucket "${bucket}" could not be deleted: ${first.Code ?? ""} ${first.Message ?? ""}. The bucket was kept.`,
        { code: "S3_NOT_DELETED", hint: "An object lock or legal hold may keep them; lift it, then run it again." },
      );
  }
}

async function firstPage(
  client: S3Client,
  Bucket: string,
  Prefix: string,
  versions: boolean,
): Promise<{ Key: string; VersionId?: string }[]> {
  if (!versions) {
    const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
    return (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
  }
  const page = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
  return [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].flatMap(({ Key, VersionId }) =>
    Key === undefined ? [] : [{ Key, ...(VersionId === undefined ? {} : { VersionId }) }],
  );
}

async function abortUploads(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    const uploads = page.Uploads ?? [];
    for (const { Key, UploadId } of uploads)
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
    if (uploads.length === 0 || page.IsTruncated !== true) return;
  }
}

/** What is in scope, and the accesses of others to buckets in scope: they would have nothing left to reach. */
function affected(removal: Removal, desired: Desired, observed: ObservedServer): Marked[] {
  const all = marksOf(desired, observed);
  const named = all.filter(({ mark }) => inScope(removal, mark));
  const claims = new Set(named.filter(({ mark }) => mark.kind === "buckets").map(({ mark }) => refKey(mark)));
  const accesses = all.filter(
    (one) =>
      one.mark.kind === "access" &&
      (named.includes(one) || (one.mark.target !== undefined && claims.has(one.mark.target))),
  );
  return [...accesses, ...named.filter(({ mark }) => mark.kind === "buckets")];
}

function inScope({ scope }: Removal, ref: InstanceRef): boolean {
  return ref.sandbox === scope.sandbox && (scope.instance === undefined || ref.instance === scope.instance);
}

async function contents(one: Marked, admin: S3Admin): Promise<string> {
  const parts = await Promise.all(
    one.buckets.map(async (bucket) => {
      const { objects, more } = await admin.usage(bucket);
      return `${bucket} with ${more ? `more than ${objects}` : objects === 0 ? "no" : objects} ${objects === 1 ? "object" : "objects"}`;
    }),
  );
  return parts.join(", ");
}

function removalItem({ name, mark }: Marked, server: string, reason: string): PlanItem {
  return {
    ...itemBase({ ...mark, id: `s3/${refKey(mark)}` }, server),
    kind: mark.kind,
    name,
    action: "remove",
    findings: [],
    ...(reason === "" ? {} : { reason }),
  };
}
