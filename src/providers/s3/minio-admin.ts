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
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import type { Depth } from "../contract.ts";
import type { Attempt, Extra, ObservedBucket, ObservedLogin, ObservedServer, S3Admin, Usage } from "./admin.ts";
import { type Login, openClient } from "./client.ts";
import type { DesiredBucket, DesiredLogin, Grant } from "./desired.ts";
import { EXPIRE_RULE } from "./expiry.ts";
import { AdminAnswerError, codeOf } from "./failure.ts";
import { credentialWorks, isEmpty } from "./look.ts";
import { type Mark, parseMark, refKey } from "./mark.ts";
import { BUCKET_TAGS, parseBuckets } from "./minio-buckets.ts";
import { decryptBody, encryptBody } from "./minio-cipher.ts";
import { linesOf, type PolicyDocument, policyDocument, rightsOf } from "./minio-policy.ts";
import { type AdminRequest, sendAdmin } from "./minio-request.ts";
import { unzip } from "./zip.ts";

/** A user as `user-info` tells it. */
interface UserInfo {
  readonly policyName?: string;
  readonly status?: string;
  readonly memberOf?: readonly string[];
}

/** MinIO: users, policies named like them, and buckets with tags. A user's policy carries the mark in its ID. */
export class MinioAdmin implements S3Admin {
  readonly lacks = {};
  readonly bucketsTellClaim = true;
  readonly #endpoint: S3Endpoint;
  readonly #root: Login;
  readonly #client: S3Client;
  readonly #ca: string | undefined;
  readonly #limit: ReturnType<typeof pLimit>;

  constructor(endpoint: S3Endpoint, ca: string | undefined, concurrency: number) {
    this.#endpoint = endpoint;
    this.#root = { accessKey: endpoint.user, secretKey: endpoint.password };
    this.#client = openClient(endpoint, this.#root, ca, { connections: Math.max(4, concurrency) });
    this.#ca = ca;
    this.#limit = pLimit(Math.max(4, concurrency));
  }

  /** Three requests for all buckets and policies, one small one for each user; MinIO's list of users is encrypted at great cost. */
  async observe(
    wanted: readonly DesiredLogin[],
    depth: Depth,
    credentials: ReadonlyMap<string, Secret>,
  ): Promise<ObservedServer> {
    const [policies, listed, metadata, keys] = await Promise.all([
      this.#ask<Readonly<Record<string, PolicyDocument>>>({ method: "GET", path: "list-canned-policies" }),
      this.#client.send(new ListBucketsCommand({})),
      this.#call({ method: "GET", path: "export-bucket-metadata" }),
      depth === "deep" ? this.#accessKeys() : new Map<string, readonly string[]>(),
    ]);
    const names = (listed.Buckets ?? []).flatMap((bucket) => bucket.Name ?? []);
    const buckets = parseBuckets(names, unzip(metadata));
    const marks = new Map(Object.entries(policies).map(([name, policy]) => [name, parseMark(policy.ID)] as const));
    const users = new Set([
      ...wanted.map((login) => login.user),
      ...[...marks].filter(([, mark]) => mark !== undefined).map(([name]) => name),
    ]);
    const logins = await this.#limit.map([...users], async (name) => {
      const info = await this.#userInfo(name);
      const password = credentials.get(name);
      const works =
        depth === "deep" && info !== undefined && password !== undefined
          ? await credentialWorks(this.#endpoint, { accessKey: name, secretKey: password }, this.#ca)
          : undefined;
      return [name, observedLogin(name, info, policies[name], keys.get(name) ?? [], works)] as const;
    });
    return {
      depth,
      logins: new Map(logins.filter(([, one]) => one.exists || one.mark !== undefined)),
      buckets: await this.#withEmptiness(buckets, marks),
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
    await this.#call({ method: "PUT", path: "add-user", query: { accessKey: login.user }, body });
  }

  async putRights(login: DesiredLogin, mark: Mark): Promise<void> {
    await this.#putPolicy(login, mark);
    // Replaces whatever was attached.
    const query = { policyName: login.user, userOrGroup: login.user, isGroup: "false" };
    await this.#call({ method: "PUT", path: "set-user-or-group-policy", query });
  }

  async removeExtra(user: string, extra: Extra): Promise<void> {
    const [kind, name = ""] = extra.aspect.split(/:(.*)/s);
    if (kind === "group") {
      const body = JSON.stringify({ group: name, members: [user], groupStatus: "enabled", isRemove: true });
      await this.#call({ method: "PUT", path: "update-group-members", body });
    } else if (kind === "access-key") {
      await this.#call({ method: "DELETE", path: "delete-service-account", query: { accessKey: name } });
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
    await this.#call({ method: "PUT", path: "set-bucket-quota", query: { bucket: bucket.name }, body });
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
    await this.#call({ method: "PUT", path: "set-user-status", query }).catch(unless("XMinioAdminNoSuchUser"));
  }

  async removeLogin(user: string): Promise<void> {
    await this.#call({ method: "DELETE", path: "remove-user", query: { accessKey: user } }).catch(
      unless("XMinioAdminNoSuchUser"),
    );
    // Last, since it carries the mark.
    await this.#call({ method: "DELETE", path: "remove-canned-policy", query: { name: user } }).catch(
      unless("XMinioAdminNoSuchPolicy"),
    );
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
    const info = await this.#ask<{ servers?: readonly { version?: string }[] }>({ method: "GET", path: "info" });
    return info.servers?.[0]?.version || "unknown";
  }

  forbidden(login: Login, client: S3Client): readonly Attempt[] {
    const attempt = async (request: AdminRequest) => {
      const answer = await sendAdmin(client, this.#endpoint, login, request);
      if (answer.status >= 300) throw answerError(answer.status, answer.body);
    };
    return [
      { attempt: "list users", run: () => attempt({ method: "GET", path: "list-users" }) },
      { attempt: "read policies", run: () => attempt({ method: "GET", path: "list-canned-policies" }) },
      {
        attempt: "change own password",
        // The body is empty, so that it would be refused as damaged where the right is there: nothing can be changed by trying.
        run: () => attempt({ method: "PUT", path: "add-user", query: { accessKey: login.accessKey }, body: "" }),
      },
      { attempt: "make a further access key", run: () => this.#makeKey(login, client) },
    ];
  }

  close(): void {
    this.#client.destroy();
  }

  /** As the login itself; should it come about, the new key is taken away at once. */
  async #makeKey(login: Login, client: S3Client): Promise<void> {
    const body = await encryptBody(login.secretKey, "{}");
    const request = { method: "PUT", path: "add-service-account", body } as const;
    const answer = await sendAdmin(client, this.#endpoint, login, request);
    if (answer.status >= 300) throw answerError(answer.status, answer.body);
    const made = JSON.parse(await decryptBody(login.secretKey, answer.body)) as {
      credentials?: { accessKey?: string };
    };
    const query = { accessKey: made.credentials?.accessKey ?? "" };
    await this.#call({ method: "DELETE", path: "delete-service-account", query });
  }

  async #putPolicy(login: DesiredLogin, mark: Mark): Promise<void> {
    const body = JSON.stringify(policyDocument(login.grants, mark));
    await this.#call({ method: "PUT", path: "add-canned-policy", query: { name: login.user }, body });
  }

  async #userInfo(name: string): Promise<UserInfo | undefined> {
    try {
      return await this.#ask<UserInfo>({ method: "GET", path: "user-info", query: { accessKey: name } });
    } catch (error) {
      if (codeOf(error) === "XMinioAdminNoSuchUser") return undefined;
      throw error;
    }
  }

  /** Access keys that users made for themselves, or that somebody made for them. */
  async #accessKeys(): Promise<Map<string, readonly string[]>> {
    const body = await this.#call({
      method: "GET",
      path: "list-access-keys-bulk",
      query: { listType: "svcacc-only", all: "true" },
    });
    const found = JSON.parse(await decryptBody(this.#root.secretKey, body)) as Record<
      string,
      { serviceAccounts?: readonly { accessKey: string }[] | null }
    >;
    return new Map(
      Object.entries(found).map(([user, one]) => [user, (one.serviceAccounts ?? []).map((key) => key.accessKey)]),
    );
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

  async #ask<T>(request: AdminRequest): Promise<T> {
    return JSON.parse((await this.#call(request)).toString("utf8")) as T;
  }

  async #call(request: AdminRequest): Promise<Buffer> {
    const { status, body } = await sendAdmin(this.#client, this.#endpoint, this.#root, request);
    if (status >= 200 && status < 300) return body;
    const error = answerError(status, body);
    if (error.code === "NotJson" && status === 404)
      throw new ServiceError("The S3 server does not know MinIO's administration API. Nothing was changed.", {
        code: "S3_WRONG_SERVER",
        hint: "Correct `server:` (minio or garage) or the port in g2p.yaml.",
        cause: error,
      });
    throw error;
  }
}

function observedLogin(
  name: string,
  info: UserInfo | undefined,
  policy: PolicyDocument | undefined,
  keys: readonly string[],
  works: boolean | undefined,
): ObservedLogin {
  const attached = (info?.policyName ?? "").split(",").filter((one) => one !== "");
  return {
    name,
    exists: info !== undefined,
    enabled: info?.status === "enabled",
    mark: parseMark(policy?.ID),
    rights: policy !== undefined && attached.includes(name) ? linesOf(policy.Statement) : [],
    extras: [
      ...attached
        .filter((one) => one !== name)
        .map((one) => ({ aspect: `policy:${one}`, actual: "the policy is attached" })),
      ...(info?.memberOf ?? []).map((one) => ({ aspect: `group:${one}`, actual: "it is a member" })),
      ...keys.map((one) => ({ aspect: `access-key:${one}`, actual: "a further key of the user" })),
    ],
    credentialWorks: works,
  };
}

function answerError(status: number, body: Buffer): AdminAnswerError {
  try {
    const { Code, Message } = JSON.parse(body.toString("utf8")) as { Code?: string; Message?: string };
    return new AdminAnswerError(Code ?? "", status, Message ?? `status ${status}`);
  } catch {
    return new AdminAnswerError("NotJson", status, body.toString("utf8").slice(0, 200) || `status ${status}`);
  }
}

/** Takes one of the answers as success: somebody was faster. */
function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error))) throw error;
    return undefined;
  };
}
