import type { ObservedLogin } from "./admin.ts";
import { parseMark } from "./mark.ts";
import type { UserInfo } from "./minio-api.ts";
import { linesOf, type PolicyDocument } from "./minio-policy.ts";

/** What MinIO tells of a login in several answers. */
export interface FoundLogin {
  readonly name: string;
  /** `undefined` where there is no such user. */
  readonly info: UserInfo | undefined;
  /** The policy that is called like the user. */
  readonly policy: PolicyDocument | undefined;
  /** Does the stored credential let it in? `undefined`: not tried. */
  readonly works: boolean | undefined;
}

/** A login as it is compared; `keys` are its further access keys. */
export function observedLogin(found: FoundLogin & { readonly keys: readonly string[] }): ObservedLogin {
  const { name, info, policy, keys, works } = found;
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
