import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import { baseUrl, type S3Endpoint } from "../../model/endpoint.ts";
import type { Attempt } from "./admin.ts";
import { type Login, sendRaw } from "./client.ts";
import { AdminAnswerError, codeOf } from "./failure.ts";

/** Beginning of the keys of objects that verify writes; what is left of them is deleted at its end. */
export const PROBE = "g2p-verify-";

/** What is tried on a bucket, and whether it must be allowed. */
export interface Expected extends Attempt {
  readonly expected: "allowed" | "refused";
}

/** On a bucket that may be read and written, in this order. */
export function writing(client: S3Client, endpoint: S3Endpoint, login: Login, bucket: string, key: string): Expected[] {
  const at = { Bucket: bucket, Key: key };
  const allowed: Attempt[] = [
    { attempt: "list objects", run: () => client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 })) },
    { attempt: "write an object", run: () => client.send(new PutObjectCommand({ ...at, Body: "g2p" })) },
    { attempt: "read an object", run: () => read(client, bucket, key) },
    { attempt: "read by a presigned URL", run: () => readPresigned(client, endpoint, login, bucket, key) },
    { attempt: "upload in parts", run: () => uploadInParts(client, bucket, key) },
  ];
  return [
    ...allowed.map((one) => ({ ...one, expected: "allowed" as const })),
    // With the object in it, a bucket is not deleted even where the right is there.
    ...settings(client, bucket),
    {
      attempt: "delete the bucket",
      expected: "refused",
      run: () => client.send(new DeleteBucketCommand({ Bucket: bucket })),
    },
    { attempt: "delete an object", expected: "allowed", run: () => client.send(new DeleteObjectCommand(at)) },
  ];
}

/** On a bucket that may only be read. */
export function reading(client: S3Client, bucket: string, key: string): Expected[] {
  const [list, readOne, ...others] = touching(client, bucket, key);
  const allowed = [list, readOne].flatMap((one) => (one === undefined ? [] : { ...one, expected: "allowed" as const }));
  return [...allowed, ...others.map((one) => ({ ...one, expected: "refused" as const })), ...settings(client, bucket)];
}

/** On a bucket of others. */
export function trespassing(client: S3Client, bucket: string, key: string, own: string | undefined): Expected[] {
  const copy = () =>
    client.send(new CopyObjectCommand({ Bucket: own, Key: key, CopySource: `${bucket}/${encodeURIComponent(key)}` }));
  const attempts: Attempt[] = [
    ...touching(client, bucket, key),
    { attempt: "look at the bucket", run: () => client.send(new HeadBucketCommand({ Bucket: bucket })) },
    ...(own === undefined ? [] : [{ attempt: "copy an object out of it", run: copy }]),
  ];
  return [...attempts.map((one) => ({ ...one, expected: "refused" as const })), ...settings(client, bucket)];
}

/** On a bucket, by somebody who does not sign. */
export function anonymously(client: S3Client, bucket: string, key: string): Expected[] {
  return touching(client, bucket, key).map((one) => ({
    ...one,
    attempt: `${one.attempt} without signing`,
    expected: "refused",
  }));
}

/**
 * On the server.
 *
 * @param undo deletes the bucket by the administrator, should it come about
 */
export function serverWide(
  client: S3Client,
  visible: ReadonlySet<string>,
  newBucket: string,
  undo: (bucket: string) => Promise<void>,
): Expected[] {
  return [
    { attempt: "see own buckets only", expected: "allowed", run: () => seesOnly(client, visible) },
    {
      attempt: "make a bucket",
      expected: "refused",
      run: async () => {
        await client.send(new CreateBucketCommand({ Bucket: newBucket }));
        // On Garage it has a name for its maker only.
        await client.send(new DeleteBucketCommand({ Bucket: newBucket })).catch(() => undo(newBucket));
      },
    },
  ];
}

function touching(client: S3Client, bucket: string, key: string): Attempt[] {
  const at = { Bucket: bucket, Key: key };
  return [
    { attempt: "list objects", run: () => client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 })) },
    { attempt: "read an object", run: () => read(client, bucket, key) },
    { attempt: "write an object", run: () => client.send(new PutObjectCommand({ ...at, Body: "g2p" })) },
    { attempt: "delete an object", run: () => client.send(new DeleteObjectCommand(at)) },
    { attempt: "upload in parts", run: () => uploadInParts(client, bucket, key) },
  ];
}

/** Changes of settings are sent so that the server would find them damaged: the right is judged first, and nothing can change. */
function settings(client: S3Client, bucket: string): Expected[] {
  const rules = { Bucket: bucket, LifecycleConfiguration: { Rules: [] } };
  return [
    {
      attempt: "read its policy",
      expected: "refused",
      run: () => client.send(new GetBucketPolicyCommand({ Bucket: bucket })),
    },
    {
      attempt: "change its policy",
      expected: "refused",
      run: () => client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: "{" })),
    },
    {
      attempt: "change its lifecycle",
      expected: "refused",
      run: () => client.send(new PutBucketLifecycleConfigurationCommand(rules)),
    },
  ];
}

/** That there is no such object says as well that it could be read. */
async function read(client: S3Client, bucket: string, key: string): Promise<void> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    await Body?.transformToByteArray();
  } catch (error) {
    if (codeOf(error) !== "NoSuchKey") throw error;
  }
}

async function uploadInParts(client: S3Client, bucket: string, key: string): Promise<void> {
  const at = { Bucket: bucket, Key: key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  await client.send(new AbortMultipartUploadCommand({ ...at, UploadId }));
}

async function seesOnly(client: S3Client, visible: ReadonlySet<string>): Promise<void> {
  const { Buckets } = await client.send(new ListBucketsCommand({}));
  const foreign = (Buckets ?? []).map((bucket) => bucket.Name ?? "").filter((name) => !visible.has(name));
  if (foreign.length > 0) throw new Error(`it sees ${foreign.slice(0, 3).join(", ")}`);
}

/** Reads an object as somebody who has nothing but its presigned URL. */
async function readPresigned(
  client: S3Client,
  endpoint: S3Endpoint,
  login: Login,
  bucket: string,
  key: string,
): Promise<void> {
  const url = new URL(baseUrl({ ...endpoint, path: "" }));
  const signer = new SignatureV4({
    service: "s3",
    region: endpoint.region,
    credentials: { accessKeyId: login.accessKey, secretAccessKey: login.secretKey.reveal() },
    sha256: client.config.sha256,
    uriEscapePath: false,
  });
  const presigned = await signer.presign(
    {
      method: "GET",
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      path: `/${bucket}/${key}`,
      query: {},
      headers: { host: url.host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
    },
    { expiresIn: 60, unsignableHeaders: new Set(["content-type"]) },
  );
  const { status } = await sendRaw(client, presigned);
  if (status !== 200) throw new AdminAnswerError("Presigned", status, `status ${status}`);
}
