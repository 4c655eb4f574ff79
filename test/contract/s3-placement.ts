import type { BucketSpec, ServiceAccess, ServiceClaim } from "../../src/model/claim.ts";
import type { PlacedAccess, Placement } from "../../src/providers/contract.ts";

const position = { file: "g2p.yaml", line: 1, column: 1 };
const PLAIN: BucketSpec = { versioning: false, quotaBytes: undefined, expireDays: undefined };

/** A claim of an instance. */
export function claimOf(
  sandbox: string,
  instance: string,
  buckets: Readonly<Record<string, Partial<BucketSpec>>>,
): ServiceClaim<"s3"> {
  const specs = Object.entries(buckets).map(([word, spec]) => [word, { ...PLAIN, ...spec }] as const);
  const spec = { buckets: Object.fromEntries(specs) };
  return { kind: "buckets", service: "s3", sandbox, instance, claim: "main", spec, accept: [], position };
}

/** An access of `pbms` to words of a claim. */
export function accessOf(
  target: ServiceClaim<"s3">,
  claim: string,
  words: readonly string[],
  mode: ServiceAccess["mode"],
): PlacedAccess<"s3"> {
  const { sandbox, instance } = target;
  return {
    kind: "access",
    service: "s3",
    sandbox: "dev",
    instance: "pbms",
    claim,
    target: { sandbox, instance, claim: target.claim },
    targetSpec: target.spec,
    words,
    mode,
    accept: [],
    position,
  };
}

/**
 * Four instances in two sandboxes with every setting that the server knows, and two accesses.
 *
 * @param versioning whether one bucket keeps old versions
 */
export function placementOf(environmentId: string, prefix: string, versioning: boolean): Placement<"s3"> {
  const farmers = claimOf("dev", "farmers", { documents: { versioning }, templates: { quotaBytes: 50_000_000 } });
  const pbms = claimOf("dev", "pbms", { imports: { expireDays: 30 } });
  const bridge = claimOf("dev", "g2p-bridge", { files: {} });
  const other = claimOf("test", "farmers", { documents: {}, templates: {} });
  return {
    environment: { id: environmentId, name: "alpha" },
    prefix,
    claims: [farmers, pbms, bridge, other],
    accesses: [accessOf(farmers, "registry", ["documents"], "read"), accessOf(bridge, "bridge", ["files"], "write")],
  };
}
