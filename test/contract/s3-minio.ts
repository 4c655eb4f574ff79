import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { S3Endpoint } from "../../src/model/endpoint.ts";
import { Secret } from "../../src/model/secret.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { openClient } from "../../src/providers/s3/client.ts";
import { bucketName, desiredOf } from "../../src/providers/s3/desired.ts";
import { loginFor } from "../../src/providers/s3/login.ts";
import { parseBuckets } from "../../src/providers/s3/minio-buckets.ts";
import { encryptBody } from "../../src/providers/s3/minio-cipher.ts";
import { linesOf } from "../../src/providers/s3/minio-policy.ts";
import { type AdminRequest, sendAdmin } from "../../src/providers/s3/minio-request.ts";
import { s3 } from "../../src/providers/s3/provider.ts";
import { unzip } from "../../src/providers/s3/zip.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { minioEngine } from "../../src/targets/embedded/minio.ts";
import { placementOf } from "./s3-placement.ts";
import type { Damage, Subject } from "./subject.ts";

const ITEM = "s3/dev/farmers/main";

/** Runs `work` as the administrator. */
export async function asRoot<T>(endpoint: S3Endpoint, work: (client: S3Client) => Promise<T>): Promise<T> {
  const client = openClient(endpoint, { accessKey: endpoint.user, secretKey: endpoint.password }, undefined);
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

/** A request to the administration API, as root; any answer but success is an error. */
export async function admin(endpoint: S3Endpoint, request: AdminRequest): Promise<Buffer> {
  const login = { accessKey: endpoint.user, secretKey: endpoint.password };
  const { status, body } = await asRoot(endpoint, (client) => sendAdmin(client, endpoint, login, request));
  if (status >= 300) throw new Error(`${request.path}: ${status} ${body.toString()}`);
  return body;
}

async function snapshot(endpoint: S3Endpoint): Promise<unknown> {
  return asRoot(endpoint, async (client) => {
    const names = ((await client.send(new ListBucketsCommand({}))).Buckets ?? []).map((one) => one.Name ?? "");
    const files = unzip(await admin(endpoint, { method: "GET", path: "export-bucket-metadata" }));
    const buckets = [];
    for (const [name, bucket] of parseBuckets(names.toSorted(), files)) {
      const page = await client.send(new ListObjectVersionsCommand({ Bucket: name }));
      const objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map((one) => one.Key);
      // Versioning that was switched off again is called suspended.
      buckets.push({
        ...bucket,
        versioning: bucket.versioning === "on",
        tags: files
          .get(`${name}/tagging.xml`)
          ?.match(/<Tag>.*?<\/Tag>/gs)
          ?.toSorted(),
        objects,
      });
    }
    const policies = JSON.parse((await admin(endpoint, { method: "GET", path: "list-canned-policies" })).toString());
    const users = [];
    // MinIO tells actions and resources in any order.
    for (const name of Object.keys(policies).toSorted())
      users.push([name, policies[name].ID, linesOf(policies[name].Statement), await userInfo(endpoint, name)]);
    return { buckets, users };
  });
}

async function userInfo(endpoint: S3Endpoint, name: string): Promise<unknown> {
  const request = { method: "GET", path: "user-info", query: { accessKey: name } } as const;
  const text = await admin(endpoint, request).catch(() => undefined);
  if (text === undefined) return undefined;
  const { updatedAt: _, ...info } = JSON.parse(text.toString());
  return info;
}

function userOf(placement: Placement<"s3">, id = ITEM): string {
  return desiredOf(placement).logins.find((login) => login.id === id)?.user ?? "";
}

function bucketOf(placement: Placement<"s3">, word = "documents"): string {
  return bucketName(placement.prefix, { sandbox: "dev", instance: "farmers", claim: "main" }, word);
}

/** A damage to a bucket of the first claim. */
function bucketDamage(
  name: string,
  aspect: RegExp,
  work: (client: S3Client, Bucket: string) => Promise<unknown>,
  more: Partial<Damage<"s3">> = {},
): Damage<"s3"> {
  return {
    name,
    item: ITEM,
    shows: "update",
    aspect,
    make: async (endpoint, placement) => {
      await asRoot(endpoint, (client) => work(client, bucketOf(placement)));
    },
    ...more,
  };
}

/** A damage by the administration API. */
function adminDamage(
  name: string,
  aspect: RegExp,
  requests: (
    placement: Placement<"s3">,
    endpoint: S3Endpoint,
  ) => readonly AdminRequest[] | Promise<readonly AdminRequest[]>,
  more: Partial<Damage<"s3">> = {},
): Damage<"s3"> {
  return {
    name,
    item: ITEM,
    shows: "update",
    aspect,
    make: async (endpoint, placement) => {
      for (const request of await requests(placement, endpoint)) await admin(endpoint, request);
    },
    ...more,
  };
}

const attach = (policyName: string, user: string): AdminRequest => ({
  method: "PUT",
  path: "set-user-or-group-policy",
  query: { policyName, userOrGroup: user, isGroup: "false" },
});

const policyOf = (bucket: string, actions: readonly string[], principal?: object) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      ...(principal === undefined ? {} : { Principal: principal }),
      Action: actions,
      Resource: [`arn:aws:s3:::${bucket}/*`],
    },
  ],
});

const damages: readonly Damage<"s3">[] = [
  bucketDamage("versioning was suspended", /:versioning/, (client, Bucket) =>
    client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
  ),
  bucketDamage("objects were given an end", /:expiry/, (client, Bucket) => {
    const Rules = [{ ID: "x", Status: "Enabled" as const, Filter: { Prefix: "tmp/" }, Expiration: { Days: 3 } }];
    return client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
  }),
  bucketDamage(
    "everybody may read the bucket",
    /:public/,
    (client, Bucket) =>
      client.send(
        new PutBucketPolicyCommand({
          Bucket,
          Policy: JSON.stringify(policyOf(Bucket, ["s3:GetObject", "s3:PutObject"], { AWS: ["*"] })),
        }),
      ),
    { opens: true },
  ),
  adminDamage("the quota was changed", /templates:quota/, (placement) => [
    {
      method: "PUT",
      path: "set-bucket-quota",
      query: { bucket: bucketOf(placement, "templates") },
      body: JSON.stringify({ quota: 1000, size: 1000, quotatype: "hard" }),
    },
  ]),
  adminDamage(
    "its policy lets it into another's bucket",
    /policy/,
    (placement) => {
      const name = userOf(placement);
      const policy = { ...policyOf("*", ["s3:GetObject"]), ID: "" };
      return [{ method: "PUT", path: "add-canned-policy", query: { name }, body: JSON.stringify(policy) }];
    },
    { opens: true },
  ),
  adminDamage("its policy was detached", /policy/, (placement) => [attach("", userOf(placement))]),
  adminDamage(
    "a further policy was attached",
    /policy:readwrite/,
    (placement) => [attach(`${userOf(placement)},readwrite`, userOf(placement))],
    { opens: true },
  ),
  adminDamage("it was put into a group", /group:auditors/, (placement) => {
    const body = JSON.stringify({ group: "auditors", members: [userOf(placement)], groupStatus: "enabled" });
    return [{ method: "PUT", path: "update-group-members", body }];
  }),
  adminDamage("the user was disabled", /enabled/, (placement) => [
    { method: "PUT", path: "set-user-status", query: { accessKey: userOf(placement), status: "disabled" } },
  ]),
  adminDamage("its secret was changed", /password/, async (placement, endpoint) => [
    {
      method: "PUT",
      path: "add-user",
      query: { accessKey: userOf(placement) },
      body: await encryptBody(endpoint.password, JSON.stringify({ secretKey: "another-secret-1", status: "enabled" })),
    },
  ]),
  adminDamage("the user was removed", /user/, (placement) => [
    { method: "DELETE", path: "remove-user", query: { accessKey: userOf(placement) } },
  ]),
  adminDamage("user and policy were removed", /user/, (placement) => [
    { method: "DELETE", path: "remove-user", query: { accessKey: userOf(placement) } },
    { method: "DELETE", path: "remove-canned-policy", query: { name: userOf(placement) } },
  ]),
  adminDamage("it was given a further access key", /access-key:/, async (placement, endpoint) => [
    {
      method: "PUT",
      path: "add-service-account",
      body: await encryptBody(
        endpoint.password,
        JSON.stringify({ targetUser: userOf(placement), accessKey: "stray-key-1", secretKey: "stray-secret-1" }),
      ),
    },
  ]),
  bucketDamage(
    "an empty bucket was deleted",
    /./,
    (client, Bucket) => client.send(new DeleteBucketCommand({ Bucket })),
    { shows: "refuse" },
  ),
];

/** MinIO, embedded. */
export const subject: Subject<"s3"> = {
  service: "s3",
  module: import.meta.url,
  provider: s3,
  start: async (dir) => {
    const { endpoint } = await startEngine(minioEngine, { stateDir: dir, scope: "", input: undefined, emit: () => {} });
    return {
      endpoint,
      stop: async () => {
        await stopEngine(minioEngine, { stateDir: dir, scope: "" });
      },
    };
  },
  placement: (environmentId, prefix) => placementOf(environmentId, prefix, true),
  damages,
  foreign: async (endpoint, placement) => {
    const Bucket = bucketName(placement.prefix, { sandbox: "dev", instance: "pbms", claim: "main" }, "imports");
    await asRoot(endpoint, (client) => client.send(new CreateBucketCommand({ Bucket })));
    return {
      item: "s3/dev/pbms/main",
      remove: () =>
        asRoot(endpoint, async (client) => {
          await client.send(new DeleteBucketCommand({ Bucket })).catch((error: Error) => {
            if (error.name !== "NoSuchBucket") throw error;
          });
        }),
    };
  },
  writeData: async (endpoint, placement, username, password) => {
    const client = openClient(endpoint, loginFor("minio", username, new Secret(password)), undefined);
    try {
      await client.send(new PutObjectCommand({ Bucket: bucketOf(placement), Key: "a/b", Body: "kept" }));
    } finally {
      client.destroy();
    }
  },
  hasData: (endpoint, placement) =>
    asRoot(endpoint, async (client) => {
      try {
        const found = await client.send(new GetObjectCommand({ Bucket: bucketOf(placement), Key: "a/b" }));
        return (await found.Body?.transformToString()) === "kept";
      } catch {
        return false;
      }
    }),
  snapshot,
};
