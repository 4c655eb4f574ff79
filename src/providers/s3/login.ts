import { createHash } from "node:crypto";
import type { S3Endpoint } from "../../model/endpoint.ts";
import { Secret } from "../../model/secret.ts";
import type { Login } from "./client.ts";

/**
 * What a login signs with. On MinIO that is its user name and stored password. Garage takes only keys of its own form (`GK` with 24 hex
 * digits, a secret of 64), so both are made from the stored password by SHA-256: the store decides there, too, and who knows
 * the key id learns nothing about the password.
 */
export function loginFor(server: S3Endpoint["server"], user: string, password: Secret): Login {
  if (server === "minio") return { accessKey: user, secretKey: password };
  return {
    accessKey: `GK${digest("key id", user, password).slice(0, 24)}`,
    secretKey: new Secret(digest("secret key", user, password)),
  };
}

function digest(what: string, user: string, password: Secret): string {
  return createHash("sha256")
    .update(JSON.stringify(["g2p-commons", what, user, password.reveal()]))
    .digest("hex");
}
