import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { CheckResult } from "../../model/check.ts";
import type { S3Endpoint } from "../../model/endpoint.ts";
import type { Secret } from "../../model/secret.ts";
import { openClient, readCa } from "./client.ts";
import type { DesiredLogin } from "./desired.ts";
import { codeOf, statusOf, toFailure } from "./failure.ts";
import { loginFor } from "./login.ts";
import { refusesKey } from "./look.ts";

/** What may come yet: the server, the key, the bucket. */
const PASSING = new Set(["S3_UNREACHABLE", "S3_CONNECTION_LOST", "S3_STARTING"]);

/** Lists each bucket as the login itself, one key at most. Changes nothing; never throws. */
export async function checkLogin(
  endpoint: S3Endpoint,
  wanted: DesiredLogin,
  password: Secret,
  timeoutMs: number,
): Promise<CheckResult> {
  const login = loginFor(endpoint.server, wanted.user, password);
  const deadline = performance.now() + timeoutMs;
  try {
    const ca = await readCa(endpoint);
    for (const { bucket } of wanted.grants) {
      const left = Math.max(1, Math.ceil(deadline - performance.now()));
      const client = openClient(endpoint, login, ca, { timeoutMs: left, attempts: 1, connections: 1 });
      try {
        await client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), {
          abortSignal: AbortSignal.timeout(left),
        });
      } catch (error) {
        return judge(error, wanted, bucket);
      } finally {
        client.destroy();
      }
    }
    return { state: "ready" };
  } catch (error) {
    return { state: "unhealthy", reason: withoutStop(toFailure(error, `looking at the S3 server`).message) };
  }
}

function judge(error: unknown, wanted: DesiredLogin, bucket: string): CheckResult {
  if (codeOf(error) === "SignatureDoesNotMatch")
    return { state: "unhealthy", reason: `the server has another secret for ${wanted.user} than the stored one` };
  if (refusesKey(error)) return { state: "waiting", reason: `the server does not know the key of ${wanted.user}` };
  if (codeOf(error) === "NoSuchBucket") return { state: "waiting", reason: `bucket ${bucket} does not exist` };
  if (statusOf(error) === 403)
    return { state: "unhealthy", reason: `${wanted.user} may not list bucket ${bucket}: its policy lacks it` };
  if (codeOf(error) === "AbortError") return { state: "waiting", reason: "the S3 server did not answer in time" };
  const failure = toFailure(error, `looking at bucket ${bucket}`);
  return { state: PASSING.has(failure.code) ? "waiting" : "unhealthy", reason: withoutStop(failure.message) };
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, "");
}
