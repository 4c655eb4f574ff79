import type { Fields } from "../../model/binding.ts";
import type { Secret } from "../../model/secret.ts";
import { baseUrl, type S3Endpoint } from "../../model/endpoint.ts";
import type { Placed, Placement } from "../contract.ts";
import { bucketName, loginOf } from "./desired.ts";
import { loginFor } from "./login.ts";

/**
 * What an instance is handed for a claim or access: `host`, `port`, `url`, `endpoint` (host and port without scheme, as MinIO's clients
 * want it), `secure`, `region`, `accessKey`, `secretKey` and `bucket-<word>`
 * for each bucket. Never the administrator's keys.
 */
export function bindingOf(
  endpoint: S3Endpoint,
  placement: Placement<"s3">,
  one: Placed<"s3">,
  password: Secret,
): Fields {
  const wanted = loginOf(placement, one);
  const { accessKey, secretKey } = loginFor(endpoint.server, wanted.user, password);
  const url = baseUrl({ ...endpoint, path: "" });
  const [first] = endpoint.hosts;
  const owner = one.kind === "access" ? one.target : one;
  const words = one.kind === "access" ? one.words : Object.keys(one.spec.buckets);
  const buckets = words.map((word) => [`bucket-${word}`, bucketName(placement.prefix, owner, word)]);
  return {
    host: first?.host ?? "",
    port: String(first?.port ?? ""),
    url,
    endpoint: url.replace(/^https?:\/\//, ""),
    secure: String(endpoint.tls),
    region: endpoint.region,
    accessKey,
    secretKey,
    ...(Object.fromEntries(buckets) as Record<string, string>),
  };
}
