import type { Fields } from "../../model/binding.ts";
import type { Credential } from "../../model/credential.ts";
import { baseUrl, type OpensearchEndpoint } from "../../model/endpoint.ts";
import type { Placed, Placement } from "../contract.ts";
import { desiredOne } from "./desired.ts";

/**
 * What an instance is handed. `index-<word>` is the exact name of a word's index, or the beginning of the names of its indices; of an access only the
 * words that it may use. `tenant` is empty where the claim asks for none.
 */
export function indicesBinding(
  endpoint: OpensearchEndpoint,
  placement: Placement<"opensearch">,
  claim: Placed<"opensearch">,
  { username, password }: Credential,
): Fields {
  const [{ host, port } = { host: "", port: 0 }] = endpoint.hosts;
  const { prefix, tenant } = desiredOne(placement, claim);
  const words = claim.kind === "access" ? claim.words : Object.keys(claim.spec.indices);
  return {
    host,
    port: String(port),
    url: baseUrl(endpoint),
    username,
    password,
    indexPrefix: prefix,
    tenant: tenant ?? "",
    ...Object.fromEntries(words.map((word) => [`index-${word}`, prefix + word])),
  };
}
