import type { S3Client } from "@aws-sdk/client-s3";
import type { S3Endpoint } from "../../model/endpoint.ts";
import type { Attempt } from "./admin.ts";
import type { Login } from "./client.ts";
import { answerError, type MinioApi } from "./minio-api.ts";
import { decryptBody, encryptBody } from "./minio-cipher.ts";
import { type AdminRequest, sendAdmin } from "./minio-request.ts";

/**
 * What a module's login must not be able to do with MinIO's administration API, tried as the login itself.
 *
 * @param api the administrator's, to undo what should have been refused
 * @param client the login's connections
 */
export function forbidden(endpoint: S3Endpoint, api: MinioApi, login: Login, client: S3Client): readonly Attempt[] {
  const attempt = async (request: AdminRequest) => {
    const answer = await sendAdmin(client, endpoint, login, request);
    if (answer.status >= 300) throw answerError(answer);
  };
  return [
    { attempt: "list users", run: () => attempt({ method: "GET", path: "list-users" }) },
    { attempt: "read policies", run: () => attempt({ method: "GET", path: "list-canned-policies" }) },
    {
      attempt: "change own password",
      // The body is empty, so that it would be refused as damaged where the right is there: nothing can be changed by trying.
      run: () => attempt({ method: "PUT", path: "add-user", query: { accessKey: login.accessKey }, body: "" }),
    },
    { attempt: "make a further access key", run: () => makeKey(endpoint, api, login, client) },
  ];
}

/** As the login itself; should it come about, the new key is taken away at once. */
async function makeKey(endpoint: S3Endpoint, api: MinioApi, login: Login, client: S3Client): Promise<void> {
  const body = await encryptBody(login.secretKey, "{}");
  const request = { method: "PUT", path: "add-service-account", body } as const;
  const answer = await sendAdmin(client, endpoint, login, request);
  if (answer.status >= 300) throw answerError(answer);
  const made = JSON.parse(await decryptBody(login.secretKey, answer.body)) as {
    credentials?: { accessKey?: string };
  };
  const query = { accessKey: made.credentials?.accessKey ?? "" };
  await api.call({ method: "DELETE", path: "delete-service-account", query });
}
