import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketReplicationCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import type { S3Endpoint } from "../../model/endpoint.ts";
import type { Secret } from "../../model/secret.ts";
import type { Depth } from "../contract.ts";
import type { Attempt, Extra, ObservedBucket, ObservedServer, S3Admin, Usage } from "./admin.ts";
import { type Login, openClient } from "./client.ts";
import type { DesiredBucket, DesiredLogin, Grant } from "./desired.ts";
import { EXPIRE_RULE } from "./expiry.ts";
import { unless } from "./failure.ts";
import { isEmpty } from "./look.ts";
import { type Mark, parseMark, refKey } from "./mark.ts";
import { MinioApi } from "./minio-api.ts";
import { BUCKET_TAGS, parseBuckets } from "./minio-buckets.ts";
import { encryptBody } from "./minio-cipher.ts";
import { forbidden } from "./minio-forbidden.ts";
import { type PolicyDocument, policyDocument, rightsOf } from "./minio-policy.ts";
import { knowsLogin } from "./minio-request.ts";
import { type FoundLogin, observedLogin } from "./minio-view.ts";
import { unzip } from "./zip.ts";

/** MinIO: users, policies named like them, and buckets with tags. A user's policy carries the mark in its ID. */
export class MinioAdmin implements S3Admin {
  readonly lacks = {};
  readonly bucketsTellClaim = true;
  readonly #endpoint: S3Endpoint;
  readonly #root: Login;
  readonly #client: S3Client;
  readonly #api: MinioApi;
  readonly #limit: ReturnType<typeof pLimit>;

  constructor(endpoint: S3Endpoint, ca: string | undefined, concurrency: number) {
    this.#endpoint = endpoint;
    this.#root = { accessKey: endpoint.user, secretKey: endpoint.password };
    this.#client = openClient(endpoint, this.#root, ca, { connections: Math.max(4, concurrency) });
    this.#api = new MinioApi(endpoint, this.#root, this.#client);
    this.#limit = pLimit(Math.max(4, concurrency));
  }

  /**
   * Three requests for all buckets and policies, one small one for each user (MinIO's list of users is encrypted at great cost); deep
   * also one for all further access keys, which is as costly, beside the others, and a small one for each login.
   */
  async observe(
    wanted: readonly DesiredLogin[],
    depth: Depth,
    credentials: ReadonlyMap<string, Secret>,
  ): Promise<ObservedServer> {
    const [found, keys] = await Promise.all([
      this.#look(wanted, depth, credentials),
      depth === "deep" ? this.#api.accessKeys() : new Map<string, readonly string[]>(),
    ]);
    const logins = found.logins.map((one) => observedLogin({ ...one, keys: keys.get(one.name) ?? [] }));
    return {
      depth,
      logins: new Map(logins.filter((one) => one.exists || one.mark !== undefined).map((one) => [one.name, one])),
      buckets: found.buckets,
    };
  }

  rightsOf(grants: readonly Grant[]): readonly string[] {
    return rightsOf(grants);
  }

  async begin(login: DesiredLogin, mark: Mark): Promise<void> {
    await this.#putPolicy(login, mark);
  }

  async putLogin(login: DesiredLogin, _mark: Mark, password: Secret): Promise<void> {
    const body = await encryptBody(
      this.#root.secretKey,
      JSON.stringify({ secretKey: password.reveal(), status: "enabled" }),
    );
    await this.#api.call({ method: "PUT", path: "add-user", query: { accessKey: login.user }, body });
  }

  async putRights(login: DesiredLogin, mark: Mark): Promise<void> {
    await this.#putPolicy(login, mark);
    // Replaces whatever was attached.
    const query = { policyName: login.user, userOrGroup: login.user, isGroup: "false" };
    await this.#api.call({ method: "PUT", path: "set-user-or-group-policy", query });
  }

  async removeExtra(user: string, extra: Extra): Promise<void> {
    const [kind, name = ""] = extra.aspect.split(/:(.*)/s);
    if (kind === "group") {
      const body = JSON.stringify({ group: name, members: [user], groupStatus: "enabled", isRemove: true });
      await this.#api.call({ method: "PUT", path: "update-group-members", body });
    } else if (kind === "access-key") {
      await this.#api.call({ method: "DELETE", path: "delete-service-account", query: { accessKey: name } });
    }
    // `policy:` goes with putRights, which attaches ours alone.
  }

  async createBucket(bucket: DesiredBucket): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket: bucket.name })).catch(unless("BucketAlreadyOwnedByYou"));
  }

  async markBucket(bucket: DesiredBucket, environment: { readonly id: string }): Promise<void> {
    const tags = [
      [BUCKET_TAGS.environment, environment.id],
      [BUCKET_TAGS.claim, refKey(bucket.owner)],
      [BUCKET_TAGS.word, bucket.word],
    ];
    const TagSet = tags.map(([Key, Value]) => ({ Key, Value }));
    await this.#client.send(new PutBucketTaggingCommand({ Bucket: bucket.name, Tagging: { TagSet } }));
  }

  async setVersioning(bucket: DesiredBucket): Promise<void> {
    const VersioningConfiguration = { Status: bucket.versioning ? "Enabled" : "Suspended" } as const;
    await this.#client.send(new PutBucketVersioningCommand({ Bucket: bucket.name, VersioningConfiguration }));
  }

  async setQuota(bucket: DesiredBucket): Promise<void> {
    const size = bucket.quotaBytes ?? 0;
    const body = JSON.stringify({ quota: size, size, quotatype: "hard" });
    await this.#api.call({ method: "PUT", path: "set-bucket-quota", query: { bucket: bucket.name }, body });
  }

  async setExpiry({ name, expireDays }: DesiredBucket): Promise<void> {
    if (expireDays === undefined) {
      await this.#client.send(new DeleteBucketLifecycleCommand({ Bucket: name }));
      return;
    }
    const rule = {
      ID: EXPIRE_RULE,
      Status: "Enabled" as const,
      Filter: { Prefix: "" },
      Expiration: { Days: expireDays },
      NoncurrentVersionExpiration: { NoncurrentDays: expireDays },
    };
    await this.#client.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket: name, LifecycleConfiguration: { Rules: [rule] } }),
    );
  }

  async removeBucketExtra(bucket: string, extra: Extra): Promise<void> {
    if (extra.aspect.endsWith(":public")) await this.#client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
    if (extra.aspect.endsWith(":replication"))
      await this.#client.send(new DeleteBucketReplicationCommand({ Bucket: bucket }));
    if (extra.aspect.endsWith(":notification"))
      await this.#client.send(
        new PutBucketNotificationConfigurationCommand({ Bucket: bucket, NotificationConfiguration: {} }),
      );
  }

  async disableLogin(user: string): Promise<void> {
    const query = { accessKey: user, status: "disabled" };
    await this.#api.call({ method: "PUT", path: "set-user-status", query }).catch(unless("XMinioAdminNoSuchUser"));
  }

  async removeLogin(user: string): Promise<void> {
    await this.#api
      .call({ method: "DELETE", path: "remove-user", query: { accessKey: user } })
      .catch(unless("XMinioAdminNoSuchUser"));
    // Last, since it carries the mark.
    await this.#api
      .call({ method: "DELETE", path: "remove-canned-policy", query: { name: user } })
      .catch(unless("XMinioAdminNoSuchPolicy"));
  }

  async usage(bucket: string): Promise<Usage> {
    const found = await this.#client.send(new ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 1000 }));
    return {
      objects: (found.Versions?.length ?? 0) + (found.DeleteMarkers?.length ?? 0),
      more: found.IsTruncated === true,
    };
  }

  withBuckets<T>(_buckets: readonly string[], work: (client: S3Client) => Promise<T>): Promise<T> {
    return work(this.#client);
  }

  async deleteBucket(bucket: string): Promise<void> {
    await this.#client.send(new DeleteBucketCommand({ Bucket: bucket })).catch(unless("NoSuchBucket"));
  }

  async tidy(): Promise<void> {}

  async version(): Promise<string> {
    const info = await this.#api.ask<{ servers?: readonly { version?: string }[] }>({ method: "GET", path: "info" });
    return info.servers?.[0]?.version || "unknown";
  }

  forbidden(login: Login, client: S3Client): readonly Attempt[] {
    return forbidden(this.#endpoint, this.#api, login, client);
  }

  close(): void {
    this.#client.destroy();
  }

  /** Everything but further access keys. */
  async #look(
    wanted: readonly DesiredLogin[],
    depth: Depth,
    credentials: ReadonlyMap<string, Secret>,
  ): Promise<{ logins: FoundLogin[]; buckets: ReadonlyMap<string, ObservedBucket> }> {
    const [policies, listed, metadata] = await Promise.all([
      this.#api.ask<Readonly<Record<string, PolicyDocument>>>({ method: "GET", path: "list-canned-policies" }),
      this.#client.send(new ListBucketsCommand({})),
      this.#api.call({ method: "GET", path: "export-bucket-metadata" }),
    ]);
    const names = (listed.Buckets ?? []).flatMap((bucket) => bucket.Name ?? []);
    const marks = new Map(Object.entries(policies).map(([name, policy]) => [name, parseMark(policy.ID)] as const));
    const users = new Set([
      ...wanted.map((login) => login.user),
      ...[...marks].filter(([, mark]) => mark !== undefined).map(([name]) => name),
    ]);
    const buckets = new Map(wanted.map((login) => [login.user, login.grants[0]?.bucket ?? ""]));
    const logins = await this.#limit.map([...users], async (name) => {
      const info = await this.#api.userInfo(name);
      const password = credentials.get(name);
      const login = password === undefined ? undefined : { accessKey: name, secretKey: password };
      const works =
        depth === "deep" && info !== undefined && login !== undefined
          ? await knowsLogin(this.#client, this.#endpoint, login, buckets.get(name) ?? "")
          : undefined;
      return { name, info, policy: policies[name], works };
    });
    return { logins, buckets: await this.#withEmptiness(parseBuckets(names, unzip(metadata)), marks) };
  }

  async #putPolicy(login: DesiredLogin, mark: Mark): Promise<void> {
    const body = JSON.stringify(policyDocument(login.grants, mark));
    await this.#api.call({ method: "PUT", path: "add-canned-policy", query: { name: login.user }, body });
  }

  /** A bucket without mark that we began to make is ours only while nothing is in it. */
  async #withEmptiness(
    buckets: Map<string, ObservedBucket>,
    marks: ReadonlyMap<string, Mark | undefined>,
  ): Promise<ReadonlyMap<string, ObservedBucket>> {
    const begun = new Set([...marks.values()].flatMap((mark) => mark?.begun ?? []));
    for (const bucket of buckets.values())
      if (bucket.holder === undefined && begun.has(bucket.name))
        buckets.set(bucket.name, { ...bucket, empty: await isEmpty(this.#client, bucket.name) });
    return buckets;
  }
}
