import { createHash } from "node:crypto";
import type { Secret } from "../../model/secret.ts";
import type { BucketHolder, Extra, ObservedBucket, ObservedLogin } from "./admin.ts";
import type { DesiredLogin } from "./desired.ts";
import { EXPIRE_RULE } from "./expiry.ts";
import type { BucketInfo, KeyInfo, LifecycleRule, Permissions } from "./garage-api.ts";
import { loginFor } from "./login.ts";
import { type Mark, parseMark, refKey } from "./mark.ts";

const ENVIRONMENT_KEY = "g2p-environment ";

/**
 * Garage marks a bucket by an alias that only one key knows, the environment's own key: modules neither see it nor can change it. The
 * alias is a hash of claim and bucket name.
 */
export interface EnvironmentKey {
  readonly accessKeyId: string;
  readonly environment: string;
}

/** Name of the environment's own key. */
export function environmentKeyName(environment: { readonly id: string; readonly name: string }): string {
  return ENVIRONMENT_KEY + JSON.stringify({ environment: environment.id, label: environment.name });
}

/** All environments' own keys among the keys of a server, in a stable order. */
export function environmentKeys(keys: readonly KeyInfo[]): EnvironmentKey[] {
  return keys
    .flatMap(({ accessKeyId, name }): EnvironmentKey[] => {
      if (!name.startsWith(ENVIRONMENT_KEY)) return [];
      try {
        const { environment } = JSON.parse(name.slice(ENVIRONMENT_KEY.length)) as { environment?: unknown };
        return typeof environment === "string" ? [{ accessKeyId, environment }] : [];
      } catch {
        return [];
      }
    })
    .toSorted((a, b) => (a.accessKeyId < b.accessKeyId ? -1 : 1));
}

/** The alias that marks a bucket as a claim's. */
export function markAlias(claim: string, bucket: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([claim, bucket]))
    .digest("hex");
  return `g2p-${hash.slice(0, 40)}`;
}

/** The main name of a bucket. */
export function nameOf(bucket: Pick<BucketInfo, "globalAliases" | "id">): string {
  return bucket.globalAliases[0] ?? bucket.id;
}

/**
 * A bucket under one of its global names.
 *
 * @param claims `sandbox/instance/claim` of all that it may belong to
 * @param ours ids of the keys that may be on buckets: modules' keys are compared on their own
 */
export function viewBucket(
  name: string,
  info: BucketInfo,
  environments: readonly EnvironmentKey[],
  claims: Iterable<string>,
  ours: ReadonlySet<string>,
): ObservedBucket {
  const extras: Extra[] = info.keys
    .filter((key) => !ours.has(key.accessKeyId) && permitted(key.permissions).length > 0)
    .map((key) => ({
      aspect: `bucket:${name}:key:${key.accessKeyId}`,
      actual: `key "${key.name}" may ${permitted(key.permissions).join(" and ")}`,
    }));
  if (info.websiteAccess) extras.push({ aspect: `bucket:${name}:public`, actual: "it is published as a web site" });
  if ((info.corsRules?.length ?? 0) > 0)
    extras.push({ aspect: `bucket:${name}:cors`, actual: "other web sites may use it" });
  if (info.quotas.maxObjects !== null)
    extras.push({ aspect: `bucket:${name}:max-objects`, actual: `at most ${info.quotas.maxObjects} objects` });
  return {
    name,
    holder: holderOf(name, info, environments, claims),
    empty: info.objects === 0,
    versioning: "off",
    quotaBytes: info.quotas.maxSize ?? undefined,
    expiry: expiryOf(info.lifecycleRules ?? []),
    extras,
  };
}

function holderOf(
  name: string,
  info: BucketInfo,
  environments: readonly EnvironmentKey[],
  claims: Iterable<string>,
): BucketHolder | undefined {
  for (const key of info.keys) {
    const environment = environments.find((one) => one.accessKeyId === key.accessKeyId)?.environment;
    if (environment === undefined || key.bucketLocalAliases.length === 0) continue;
    const claim = [...claims].find((one) => key.bucketLocalAliases.includes(markAlias(one, name)));
    return { environment, claim: claim ?? "" };
  }
  return undefined;
}

/** Rights of a key as lines. */
export function rightsOfKey(key: KeyInfo): string[] {
  const lines = key.buckets.flatMap((bucket) =>
    permitted(bucket.permissions).map((right) => `${right} on ${nameOf(bucket)}`),
  );
  return [...lines, ...(key.permissions.createBucket === true ? ["make buckets"] : [])].sort();
}

/**
 * A login from all keys that carry its mark.
 *
 * @param wanted id of the key that the stored password stands for
 */
export function viewLogin(name: string, keys: readonly KeyInfo[], wanted: string | undefined): ObservedLogin {
  const key = keys.find((one) => one.accessKeyId === wanted) ?? keys[0];
  const others = keys.filter((one) => one !== key).map((one) => one.accessKeyId);
  const expires = key?.expiration !== undefined && key.expiration !== null;
  return {
    name,
    exists: key !== undefined,
    enabled: key?.expired !== true,
    mark: parseMark(key?.name),
    rights: key === undefined ? [] : rightsOfKey(key),
    extras: [
      ...others.map((id) => ({ aspect: `access-key:${id}`, actual: "a further key of the login" })),
      ...(expires ? [{ aspect: "expiration", actual: `it ends on ${key.expiration}` }] : []),
    ],
    credentialWorks: key === undefined || wanted === undefined ? undefined : key.accessKeyId === wanted,
  };
}

/** All marked keys as logins; a wanted one is taken by the id that its stored password stands for. */
export function viewLogins(
  wanted: readonly DesiredLogin[],
  marked: readonly KeyInfo[],
  keys: readonly KeyInfo[],
  credentials: ReadonlyMap<string, Secret>,
): Map<string, ObservedLogin> {
  const byUser = Map.groupBy(marked, userOf);
  const logins = new Map([...byUser].map(([user, all]) => [user, viewLogin(user, all, undefined)]));
  for (const { user } of wanted) {
    const password = credentials.get(user);
    const id = password === undefined ? undefined : loginFor("garage", user, password).accessKey;
    const unmarked = keys.filter((key) => key.accessKeyId === id && parseMark(key.name) === undefined);
    const all = [...(byUser.get(user) ?? []), ...unmarked];
    if (all.length === 0) continue;
    const view = viewLogin(user, all, id);
    // A key is made from a password: without a stored one, no key is the login's any more.
    logins.set(user, id === undefined ? { ...view, credentialWorks: false } : view);
  }
  return logins;
}

/** Name of the login that a key belongs to. */
export function userOf(key: KeyInfo): string {
  return key.name.split(" ", 1)[0] ?? "";
}

/** `sandbox/instance/claim` of the marks of keys. */
export function claimsOf(marks: readonly (Mark | undefined)[]): string[] {
  return marks.flatMap((mark) => (mark === undefined ? [] : [refKey(mark)]));
}

/** The rule of ours. */
export function expiryRule(days: number): LifecycleRule {
  return {
    ID: EXPIRE_RULE,
    Status: "Enabled",
    Filter: {},
    Expiration: { Days: days },
  };
}

function expiryOf(rules: readonly LifecycleRule[]): number | string | undefined {
  const [rule] = rules;
  if (rule === undefined) return undefined;
  if (rules.length > 1) return `${rules.length} rules`;
  const days = rule.Expiration?.Days;
  const limited = Object.values(rule.Filter ?? {}).some((value) => value !== null && value !== undefined);
  const ours =
    rule.ID === EXPIRE_RULE &&
    rule.Status === "Enabled" &&
    !limited &&
    rule.AbortIncompleteMultipartUpload === undefined;
  return ours && days !== undefined ? days : `another rule${days === undefined ? "" : ` (${days} days)`}`;
}

function permitted({ read, write, owner }: Permissions): string[] {
  return [...(read ? ["read"] : []), ...(write ? ["write"] : []), ...(owner ? ["own"] : [])];
}
