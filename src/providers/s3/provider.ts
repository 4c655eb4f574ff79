import type { CheckResult } from "../../model/check.ts";
import type { Credential } from "../../model/credential.ts";
import type { S3Endpoint } from "../../model/endpoint.ts";
import type { Placed, Placement, Provider, ProviderContext, ServerSession } from "../contract.ts";
import { bindingOf } from "./binding.ts";
import { checkLogin } from "./check.ts";
import { readCa } from "./client.ts";
import { desiredOf, loginOf } from "./desired.ts";
import { GarageAdmin } from "./garage-admin.ts";
import { MinioAdmin } from "./minio-admin.ts";
import { S3Session } from "./session.ts";

/** Buckets with users of their own, on MinIO or Garage. */
export const s3: Provider<"s3"> = {
  open: async (endpoint: S3Endpoint, placement: Placement<"s3">, context: ProviderContext): Promise<ServerSession> => {
    const ca = await readCa(endpoint);
    const desired = desiredOf(placement);
    const admin =
      endpoint.server === "minio"
        ? new MinioAdmin(endpoint, ca, context.concurrency)
        : new GarageAdmin(endpoint, ca, context, desired);
    return new S3Session(endpoint, desired, admin, ca, context);
  },
  binding: (endpoint: S3Endpoint, placement: Placement<"s3">, claim: Placed<"s3">, credential: Credential) =>
    bindingOf(endpoint, placement, claim, credential.password),
  check: (
    endpoint: S3Endpoint,
    placement: Placement<"s3">,
    claim: Placed<"s3">,
    credential: Credential,
    timeoutMs: number,
  ): Promise<CheckResult> => checkLogin(endpoint, loginOf(placement, claim), credential.password, timeoutMs),
};
