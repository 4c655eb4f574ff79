import type { Extra, ObservedBucket } from "./admin.ts";
import { EXPIRE_RULE } from "./expiry.ts";

/** Tags that mark a bucket; the modules' own policies do not let them be changed. */
export const BUCKET_TAGS = { environment: "g2p-environment", claim: "g2p-claim", word: "g2p-bucket" } as const;

/**
 * The buckets of a server from their names and MinIO's export of all buckets' metadata (`<bucket>/<kind>.xml` or `.json`). Pure. The
 * documents are MinIO's own output, so plain patterns read them.
 */
export function parseBuckets(
  names: readonly string[],
  files: ReadonlyMap<string, string>,
): Map<string, ObservedBucket> {
  return new Map(
    names.map((name) => {
      const file = (kind: string) => files.get(`${name}/${kind}`) ?? "";
      const tags = parseTags(file("tagging.xml"));
      const environment = tags.get(BUCKET_TAGS.environment);
      const status = element(file("versioning.xml"), "Status");
      const bucket: ObservedBucket = {
        name,
        holder: environment === undefined ? undefined : { environment, claim: tags.get(BUCKET_TAGS.claim) ?? "" },
        empty: undefined,
        versioning: status === "Enabled" ? "on" : status === "Suspended" ? "suspended" : "off",
        quotaBytes: parseQuota(file("quota.json")),
        expiry: parseExpiry(file("lifecycle.xml")),
        extras: extrasOf(name, file),
      };
      return [name, bucket];
    }),
  );
}

/** What a bucket may have beside its data, which lets others in or data out. */
function extrasOf(name: string, file: (kind: string) => string): Extra[] {
  const extras: Extra[] = [];
  if (file("policy.json") !== "")
    extras.push({ aspect: `bucket:${name}:public`, actual: "a bucket policy lets others in" });
  if (file("replication.xml") !== "")
    extras.push({ aspect: `bucket:${name}:replication`, actual: "its objects are copied elsewhere" });
  if (/<(Queue|Topic|CloudFunction|Lambda)\w*>/.test(file("notification.xml")))
    extras.push({ aspect: `bucket:${name}:notification`, actual: "its events are sent elsewhere" });
  return extras;
}

function parseTags(xml: string): Map<string, string> {
  const tags = [...xml.matchAll(/<Tag><Key>(.*?)<\/Key><Value>(.*?)<\/Value><\/Tag>/gs)];
  return new Map(tags.map(([, key = "", value = ""]) => [key, value]));
}

function parseQuota(json: string): number | undefined {
  if (json === "") return undefined;
  const { quota = 0, size = 0 } = JSON.parse(json) as { quota?: number; size?: number };
  return Math.max(quota, size) || undefined;
}

/** Our one rule as its days, anything else as a text. */
function parseExpiry(xml: string): number | string | undefined {
  const rules = [...xml.matchAll(/<Rule>(.*?)<\/Rule>/gs)].map(([, rule = ""]) => rule);
  const [rule] = rules;
  if (rule === undefined) return undefined;
  if (rules.length > 1) return `${rules.length} rules`;
  const days = element(rule, "Days");
  const known = new Set(
    "ID Status Filter Prefix Expiration Days NoncurrentVersionExpiration NoncurrentDays".split(" "),
  );
  const elements = [...rule.matchAll(/<(\w+)/g)].map(([, tag = ""]) => tag);
  const ours =
    element(rule, "ID") === EXPIRE_RULE &&
    element(rule, "Status") === "Enabled" &&
    (element(rule, "Prefix") ?? "") === "" &&
    days !== undefined &&
    element(rule, "NoncurrentDays") === days &&
    elements.every((tag) => known.has(tag));
  return ours ? Number(days) : `another rule${days === undefined ? "" : ` (${days} days)`}`;
}

function element(xml: string, tag: string): string | undefined {
  return new RegExp(`<${tag}>(.*?)</${tag}>`, "s").exec(xml)?.[1];
}
