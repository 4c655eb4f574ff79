import { ListBucketsCommand, ListObjectVersionsCommand, type S3Client } from "@aws-sdk/client-s3";
import type { S3Endpoint } from "../../model/endpoint.ts";
import { type Login, openClient } from "./client.ts";
import { codeOf, statusOf } from "./failure.ts";

/** Codes by which a server says that it does not know a key or its secret. */
const UNKNOWN_KEY = new Set(["InvalidAccessKeyId", "SignatureDoesNotMatch", "XMinioInvalidAccessKeyId"]);

/** Does the server refuse the key itself, not only what was asked with it? */
export function refusesKey(error: unknown): boolean {
  if (UNKNOWN_KEY.has(codeOf(error))) return true;
  // Garage's words for both (garage_api_common, signature).
  return statusOf(error) === 403 && /No such key|Invalid signature/i.test(error instanceof Error ? error.message : "");
}

/** Logs in once and asks for the list of buckets, which every key may. */
export async function credentialWorks(endpoint: S3Endpoint, login: Login, ca: string | undefined): Promise<boolean> {
  const client = openClient(endpoint, login, ca, { connections: 1 });
  try {
    await client.send(new ListBucketsCommand({}));
    return true;
  } catch (error) {
    if (refusesKey(error)) return false;
    if (statusOf(error) === 403) return true;
    throw error;
  } finally {
    client.destroy();
  }
}

/** Is there nothing in the bucket, neither object nor version? */
export async function isEmpty(client: S3Client, bucket: string): Promise<boolean> {
  const found = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 1 }));
  return (found.Versions?.length ?? 0) + (found.DeleteMarkers?.length ?? 0) === 0;
}
