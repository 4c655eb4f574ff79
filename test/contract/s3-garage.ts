import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { S3Endpoint } from "../../src/model/endpoint.ts";
import { Secret } from "../../src/model/secret.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { openClient } from "../../src/providers/s3/client.ts";
import { bucketName, desiredOf } from "../../src/providers/s3/desired.ts";
import { type BucketInfo, GarageApi, type KeyInfo } from "../../src/providers/s3/garage-api.ts";
import { loginFor } from "../../src/providers/s3/login.ts";
import { s3 } from "../../src/providers/s3/provider.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { garageEngine } from "../../src/targets/embedded/garage.ts";
import { placementOf } from "./s3-placement.ts";
import type { Damage, Subject } from "./subject.ts";

const ITEM = "s3/dev/farmers/main";

/** Runs `work` with the administration API. */
async function asAdmin<T>(endpoint: S3Endpoint, work: (api: GarageApi) => Promise<T>): Promise<T> {
  const api = await GarageApi.open(endpoint, { connections: 1, signal: new AbortController().signal, server: "s3" });
  try {
    return await work(api);
  } finally {
    api.close();
  }
}

/** Without ids, which Garage makes; keys' names hold what matters. */
async function snapshot(endpoint: S3Endpoint): Promise<unknown> {
  return asAdmin(endpoint, async (api) => {
    const keys = await api.list<KeyInfo>("ListKeysInfo", (key) => key.accessKeyId);
    const buckets = await api.list<BucketInfo>("ListBucketsInfo", (bucket) => bucket.id);
    return {
      keys: keys
        .map((key) => ({
          name: key.name,
          permissions: key.permissions,
          expires: key.expiration ?? null,
          buckets: key.buckets.map((one) => JSON.stringify({ ...one, id: "" })).toSorted(),
        }))
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      buckets: buckets
        .map(({ id: _, keys: on, ...info }) => ({
          aliases: info.globalAliases,
          website: info.websiteAccess,
          cors: info.corsRules,
          lifecycle: info.lifecycleRules,
          objects: info.objects,
          quotas: info.quotas,
          keys: on.map((key) => JSON.stringify({ ...key, accessKeyId: "" })).toSorted(),
        }))
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    };
  });
}

async function keyOf(api: GarageApi, user: string): Promise<KeyInfo> {
  const keys = await api.list<KeyInfo>("ListKeysInfo", (key) => key.accessKeyId);
  const found = keys.find((key) => key.name.startsWith(`${user} `));
  if (found === undefined) throw new Error(`no key of ${user}`);
  return found;
}

function idOf(api: GarageApi, globalAlias: string): Promise<string> {
  return api.get<BucketInfo>("GetBucketInfo", { globalAlias }).then((info) => info.id);
}

function userOf(placement: Placement<"s3">, id = ITEM): string {
  return desiredOf(placement).logins.find((login) => login.id === id)?.user ?? "";
}

function bucketOf(placement: Placement<"s3">, instance = "farmers", word = "documents"): string {
  return bucketName(placement.prefix, { sandbox: "dev", instance, claim: "main" }, word);
}

function damage(
  name: string,
  aspect: RegExp,
  work: (api: GarageApi, placement: Placement<"s3">) => Promise<unknown>,
  more: Partial<Damage<"s3">> = {},
): Damage<"s3"> {
  return {
    name,
    item: ITEM,
    shows: "update",
    aspect,
    make: async (endpoint, placement) => {
      await asAdmin(endpoint, (api) => work(api, placement));
    },
    ...more,
  };
}

const READ_WRITE = { read: true, write: true, owner: false };

const damages: readonly Damage<"s3">[] = [
  damage("the quota was changed", /templates:quota/, async (api, placement) => {
    const id = await idOf(api, bucketOf(placement, "farmers", "templates"));
    await api.post("UpdateBucket", { quotas: { maxSize: 1000, maxObjects: null } }, { id });
  }),
  damage("a number of objects was set", /:max-objects/, async (api, placement) => {
    const id = await idOf(api, bucketOf(placement));
    await api.post("UpdateBucket", { quotas: { maxSize: null, maxObjects: 3 } }, { id });
  }),
  damage("objects were given an end", /:expiry/, async (api, placement) => {
    const rule = { Status: "Enabled", Filter: {}, Expiration: { Days: 3 } };
    const id = await idOf(api, bucketOf(placement));
    await api.post("UpdateBucket", { lifecycleRules: [rule] }, { id });
  }),
  damage("it was published as a web site", /:public/, async (api, placement) => {
    const body = { websiteAccess: { enabled: true, indexDocument: "index.html" } };
    await api.post("UpdateBucket", body, { id: await idOf(api, bucketOf(placement)) });
  }),
  damage(
    "its key may use another's bucket",
    /policy/,
    async (api, placement) => {
      const bucketId = await idOf(api, bucketOf(placement, "pbms", "imports"));
      const { accessKeyId } = await keyOf(api, userOf(placement));
      await api.post("AllowBucketKey", { bucketId, accessKeyId, permissions: READ_WRITE });
    },
    { opens: true },
  ),
  damage(
    "its key may make buckets",
    /policy/,
    async (api, placement) => {
      const { accessKeyId } = await keyOf(api, userOf(placement));
      await api.post("UpdateKey", { allow: { createBucket: true } }, { id: accessKeyId });
    },
    { opens: true },
  ),
  damage("its key lost its bucket", /policy/, async (api, placement) => {
    const bucketId = await idOf(api, bucketOf(placement));
    const { accessKeyId } = await keyOf(api, userOf(placement));
    await api.post("DenyBucketKey", { bucketId, accessKeyId, permissions: READ_WRITE });
  }),
  damage(
    "an access may write",
    /policy/,
    async (api, placement) => {
      const bucketId = await idOf(api, bucketOf(placement));
      const { accessKeyId } = await keyOf(api, userOf(placement, "s3/dev/pbms/registry"));
      await api.post("AllowBucketKey", { bucketId, accessKeyId, permissions: READ_WRITE });
    },
    { item: "s3/dev/pbms/registry", opens: true },
  ),
  damage("its key was given an end", /expiration/, async (api, placement) => {
    const { accessKeyId } = await keyOf(api, userOf(placement));
    await api.post("UpdateKey", { expiration: new Date(Date.now() + 86_400_000).toISOString() }, { id: accessKeyId });
  }),
  damage("the key was deleted", /user/, async (api, placement) => {
    const { accessKeyId } = await keyOf(api, userOf(placement));
    await api.post("DeleteKey", undefined, { id: accessKeyId });
  }),
  damage(
    "an empty bucket was deleted",
    /./,
    async (api, placement) => {
      await api.post("DeleteBucket", undefined, { id: await idOf(api, bucketOf(placement)) });
    },
    { shows: "refuse" },
  ),
];

/** Garage, embedded. */
export const subject: Subject<"s3"> = {
  service: "s3",
  module: import.meta.url,
  provider: s3,
  start: async (dir) => {
    const options = { stateDir: dir, scope: "", input: undefined };
    const { endpoint } = await startEngine(garageEngine, { ...options, emit: () => {} });
    return {
      endpoint,
      stop: async () => {
        await stopEngine(garageEngine, options);
      },
    };
  },
  placement: (environmentId, prefix) => placementOf(environmentId, prefix, false),
  damages,
  foreign: async (endpoint, placement) => {
    const globalAlias = bucketOf(placement, "pbms", "imports");
    await asAdmin(endpoint, (api) => api.post("CreateBucket", { globalAlias }));
    return {
      item: "s3/dev/pbms/main",
      remove: () =>
        asAdmin(endpoint, async (api) => {
          const id = await idOf(api, globalAlias).catch(() => undefined);
          if (id !== undefined) await api.post("DeleteBucket", undefined, { id });
        }),
    };
  },
  writeData: async (endpoint, placement, username, password) => {
    const client = openClient(endpoint, loginFor("garage", username, new Secret(password)), undefined);
    try {
      await client.send(new PutObjectCommand({ Bucket: bucketOf(placement), Key: "a/b", Body: "kept" }));
    } finally {
      client.destroy();
    }
  },
  hasData: (endpoint, placement) =>
    asAdmin(endpoint, async (api) => {
      try {
        const found = await api.get<BucketInfo>("GetBucketInfo", { globalAlias: bucketOf(placement) });
        return found.objects === 1;
      } catch {
        return false;
      }
    }),
  snapshot,
  elsewhere: (endpoint, port) => ({
    ...endpoint,
    hosts: [{ host: "127.0.0.1", port }],
    adminUrl: `http://127.0.0.1:${port}`,
  }),
};
