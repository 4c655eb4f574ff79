import type { S3Client } from "@aws-sdk/client-s3";
import type { S3Endpoint } from "../../model/endpoint.ts";
import { Secret } from "../../model/secret.ts";
import type { Depth, ProviderContext } from "../contract.ts";
import type { Attempt, Extra, ObservedLogin, ObservedServer, S3Admin, Usage } from "./admin.ts";
import { openClient } from "./client.ts";
import type { Desired, DesiredBucket, DesiredLogin, Grant } from "./desired.ts";
import { codeOf, unless } from "./failure.ts";
import { type BucketInfo, GarageApi, type KeyInfo, type LifecycleRule, type Permissions } from "./garage-api.ts";
import { GarageKeys } from "./garage-keys.ts";
import { claimsOf, environmentKeys, expiryRule, markAlias, nameOf, viewBucket, viewLogins } from "./garage-view.ts";
import { parseMark, type Mark, refKey } from "./mark.ts";

const NONE: Permissions = { read: false, write: false, owner: false };
const ALL: Permissions = { read: true, write: true, owner: true };

/**
 * Garage: keys whose names carry the mark, buckets with an alias of the environment's own key. A key's id and secret are made from the stored
 * password; Garage never takes an id again that it once deleted.
 */
export class GarageAdmin implements S3Admin {
  readonly lacks = { versioning: "Garage keeps no old versions of objects" };
  readonly bucketsTellClaim = false;
  readonly #endpoint: S3Endpoint;
  readonly #ca: string | undefined;
  readonly #api: Promise<GarageApi>;
  readonly #keys: GarageKeys;
  /** Ids of buckets by name, as last seen. */
  readonly #ids = new Map<string, string>();

  constructor(endpoint: S3Endpoint, ca: string | undefined, context: ProviderContext, desired: Desired) {
    this.#endpoint = endpoint;
    this.#ca = ca;
    const { concurrency, signal, server } = context;
    this.#api = GarageApi.open(endpoint, { connections: Math.max(4, concurrency), signal, server });
    this.#keys = new GarageKeys(this.#api, desired.environment);
    // Told by the first request; until then nobody may be waiting for it.
    this.#api.catch(() => {});
  }

  /** Two requests, whatever the number of instances. */
  async observe(
    wanted: readonly DesiredLogin[],
    depth: Depth,
    credentials: ReadonlyMap<string, Secret>,
  ): Promise<ObservedServer> {
    const [keys, infos] = await Promise.all([this.#keys.list(), this.#buckets()]);
    const environments = environmentKeys(keys);
    const marked = keys.filter((key) => parseMark(key.name) !== undefined);
    const claims = new Set([
      ...wanted.map((login) => refKey(login)),
      ...claimsOf(marked.map((key) => parseMark(key.name))),
    ]);
    const ours = new Set([...marked, ...environments].map((key) => key.accessKeyId));
    const buckets = infos.flatMap((info) =>
      (info.globalAliases.length === 0 ? [nameOf(info)] : info.globalAliases).map((name) => {
        this.#ids.set(name, info.id);
        return [name, viewBucket(name, info, environments, claims, ours)] as const;
      }),
    );
    return { depth, logins: viewLogins(wanted, marked, keys, credentials), buckets: new Map(buckets) };
  }

  rightsOf(grants: readonly Grant[]): readonly string[] {
    return grants
      .flatMap(({ bucket, mode }) => [`read on ${bucket}`, ...(mode === "write" ? [`write on ${bucket}`] : [])])
      .sort();
  }

  async begin(login: DesiredLogin, mark: Mark, _found: ObservedLogin | undefined, password: Secret): Promise<void> {
    await this.#keys.put(login, mark, password);
  }

  async putLogin(login: DesiredLogin, mark: Mark, password: Secret): Promise<void> {
    const { accessKey } = await this.#keys.put(login, mark, password);
    for (const key of await this.#keys.list())
      if (key.accessKeyId !== accessKey && this.#keys.isOf(key, login)) await this.#keys.delete(key.accessKeyId);
  }

  async putRights(login: DesiredLogin, mark: Mark, password: Secret): Promise<void> {
    const { accessKey } = await this.#keys.put(login, mark, password);
    const { buckets, permissions } = await (await this.#api).get<KeyInfo>("GetKeyInfo", { id: accessKey });
    if (permissions.createBucket === true) await this.#keys.update(accessKey, { deny: { createBucket: true } });
    const modes = new Map(login.grants.map((grant) => [grant.bucket, grant.mode]));
    for (const bucket of buckets) {
      const mode = bucket.globalAliases.map((name) => modes.get(name)).find((one) => one !== undefined);
      const { read, write, owner } = bucket.permissions;
      const more = { read: read && mode === undefined, write: write && mode !== "write", owner };
      if (more.read || more.write || more.owner) await this.#permit("DenyBucketKey", bucket.id, accessKey, more);
    }
    for (const { bucket, mode } of login.grants) {
      const permissions = { ...NONE, read: true, write: mode === "write" };
      await this.#permit("AllowBucketKey", await this.#idOf(bucket), accessKey, permissions);
    }
  }

  async removeExtra(user: string, extra: Extra): Promise<void> {
    if (extra.aspect.startsWith("access-key:")) await this.#keys.delete(extra.aspect.slice("access-key:".length));
    if (extra.aspect === "expiration")
      for (const key of await this.#keys.ofUser(user)) await this.#keys.update(key.accessKeyId, { neverExpires: true });
  }

  async createBucket(bucket: DesiredBucket): Promise<void> {
    const api = await this.#api;
    try {
      const { id } = await api.post<BucketInfo>("CreateBucket", { globalAlias: bucket.name });
      this.#ids.set(bucket.name, id);
    } catch (error) {
      if (codeOf(error) !== "BucketAlreadyExists") throw error;
      const { id } = await api.get<BucketInfo>("GetBucketInfo", { globalAlias: bucket.name });
      this.#ids.set(bucket.name, id);
    }
  }

  async markBucket(bucket: DesiredBucket): Promise<void> {
    const api = await this.#api;
    const localAlias = markAlias(refKey(bucket.owner), bucket.name);
    const bucketId = await this.#idOf(bucket.name);
    for (let attempt = 1; ; attempt += 1)
      try {
        const accessKeyId = await this.#keys.own();
        await api.post("AddBucketAlias", { bucketId, localAlias, accessKeyId });
        return;
      } catch (error) {
        // Another run found nothing that needed the key and took it away.
        if (codeOf(error) !== "NoSuchAccessKey" || attempt > 3) throw error;
        this.#keys.forgetOwn();
      }
  }

  async setVersioning(): Promise<void> {}

  async setQuota(bucket: DesiredBucket): Promise<void> {
    await this.#updateBucket(bucket.name, { quotas: { maxSize: bucket.quotaBytes ?? null, maxObjects: null } });
  }

  async setExpiry({ name, expireDays }: DesiredBucket): Promise<void> {
    const lifecycleRules: LifecycleRule[] = expireDays === undefined ? [] : [expiryRule(expireDays)];
    await this.#updateBucket(name, { lifecycleRules });
  }

  async removeBucketExtra(bucket: string, extra: Extra): Promise<void> {
    const key = extra.aspect.split(`bucket:${bucket}:key:`)[1];
    if (key !== undefined) await this.#permit("DenyBucketKey", await this.#idOf(bucket), key, ALL);
    if (extra.aspect.endsWith(":public")) await this.#updateBucket(bucket, { websiteAccess: { enabled: false } });
    if (extra.aspect.endsWith(":cors")) await this.#updateBucket(bucket, { corsRules: [] });
    if (extra.aspect.endsWith(":max-objects")) {
      const { quotas } = await (await this.#api).get<BucketInfo>("GetBucketInfo", { id: await this.#idOf(bucket) });
      await this.#updateBucket(bucket, { quotas: { maxSize: quotas.maxSize, maxObjects: null } });
    }
  }

  async disableLogin(user: string): Promise<void> {
    for (const key of await this.#keys.ofUser(user))
      for (const bucket of key.buckets) await this.#permit("DenyBucketKey", bucket.id, key.accessKeyId, ALL);
  }

  async removeLogin(user: string): Promise<void> {
    for (const key of await this.#keys.ofUser(user)) await this.#keys.delete(key.accessKeyId);
  }

  async usage(bucket: string): Promise<Usage> {
    const { objects } = await (await this.#api).get<BucketInfo>("GetBucketInfo", { id: await this.#idOf(bucket) });
    return { objects, more: false };
  }

  /** The environment's own key gets the buckets for as long as the work runs. */
  async withBuckets<T>(buckets: readonly string[], work: (client: S3Client) => Promise<T>): Promise<T> {
    const found = buckets.map((bucket) => this.#idOf(bucket).catch(unless("NoSuchBucket")));
    const ids = (await Promise.all(found)).filter((id) => id !== undefined);
    const accessKey = await this.#keys.own();
    const query = { id: accessKey, showSecretKey: "true" };
    const { secretAccessKey } = await (await this.#api).get<KeyInfo>("GetKeyInfo", query);
    const login = { accessKey, secretKey: new Secret(secretAccessKey ?? "") };
    const client = openClient(this.#endpoint, login, this.#ca);
    try {
      for (const id of ids) await this.#permit("AllowBucketKey", id, accessKey, ALL);
      return await work(client);
    } finally {
      client.destroy();
      for (const id of ids)
        await this.#permit("DenyBucketKey", id, accessKey, ALL).catch(unless("NoSuchBucket", "NoSuchAccessKey"));
    }
  }

  async deleteBucket(bucket: string): Promise<void> {
    await (
      await this.#api
    )
      .post("DeleteBucket", undefined, { id: await this.#idOf(bucket) })
      .catch(unless("NoSuchBucket"));
  }

  tidy(): Promise<void> {
    return this.#keys.tidy();
  }

  async version(): Promise<string> {
    const { nodes } = await (
      await this.#api
    ).get<{ nodes?: readonly { garageVersion?: string | null }[] }>("GetClusterStatus");
    return nodes?.[0]?.garageVersion?.replace(/^.*:/, "") || "unknown";
  }

  /** The administration API knows no keys of modules, only its token. */
  forbidden(): readonly Attempt[] {
    return [];
  }

  close(): void {
    void this.#api.then(
      (api) => api.close(),
      () => {},
    );
  }

  async #buckets(): Promise<BucketInfo[]> {
    return (await this.#api).list<BucketInfo>("ListBucketsInfo", (bucket) => bucket.id);
  }

  async #idOf(bucket: string): Promise<string> {
    const known = this.#ids.get(bucket);
    if (known !== undefined) return known;
    const { id } = await (await this.#api).get<BucketInfo>("GetBucketInfo", { globalAlias: bucket });
    this.#ids.set(bucket, id);
    return id;
  }

  async #permit(
    call: "AllowBucketKey" | "DenyBucketKey",
    bucketId: string,
    accessKeyId: string,
    permissions: Permissions,
  ): Promise<void> {
    await (await this.#api).post(call, { bucketId, accessKeyId, permissions });
  }

  async #updateBucket(bucket: string, body: unknown): Promise<void> {
    await (await this.#api).post("UpdateBucket", body, { id: await this.#idOf(bucket) });
  }
}
