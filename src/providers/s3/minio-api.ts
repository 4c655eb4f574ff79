import type { S3Client } from "@aws-sdk/client-s3";
import type { S3Endpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import type { Login, RawAnswer } from "./client.ts";
import { AdminAnswerError, codeOf } from "./failure.ts";
import { decryptBody } from "./minio-cipher.ts";
import { type AdminRequest, sendAdmin } from "./minio-request.ts";

/** A user as `user-info` tells it. */
export interface UserInfo {
  readonly policyName?: string;
  readonly status?: string;
  readonly memberOf?: readonly string[];
}

/** MinIO's administration API as its administrator uses it, over the connections of an S3 client. */
export class MinioApi {
  readonly #endpoint: S3Endpoint;
  readonly #root: Login;
  readonly #client: S3Client;

  constructor(endpoint: S3Endpoint, root: Login, client: S3Client) {
    this.#endpoint = endpoint;
    this.#root = root;
    this.#client = client;
  }

  /** `undefined` where there is no such user. */
  async userInfo(name: string): Promise<UserInfo | undefined> {
    try {
      return await this.ask<UserInfo>({ method: "GET", path: "user-info", query: { accessKey: name } });
    } catch (error) {
      if (codeOf(error) === "XMinioAdminNoSuchUser") return undefined;
      throw error;
    }
  }

  /** Access keys that users made for themselves, or that somebody made for them. */
  async accessKeys(): Promise<Map<string, readonly string[]>> {
    const body = await this.call({
      method: "GET",
      path: "list-access-keys-bulk",
      query: { listType: "svcacc-only", all: "true" },
    });
    const found = JSON.parse(await decryptBody(this.#root.secretKey, body)) as Record<
      string,
      { serviceAccounts?: readonly { accessKey: string }[] | null }
    >;
    return new Map(
      Object.entries(found).map(([user, one]) => [user, (one.serviceAccounts ?? []).map((key) => key.accessKey)]),
    );
  }

  /** The answer's JSON, taken to be of the documented form. */
  async ask<T>(request: AdminRequest): Promise<T> {
    return JSON.parse((await this.call(request)).toString("utf8")) as T;
  }

  /**
   * The answer's body.
   *
   * @throws AdminAnswerError where it is no success; ServiceError where it is none of MinIO's
   */
  async call(request: AdminRequest): Promise<Buffer> {
    const answer = await sendAdmin(this.#client, this.#endpoint, this.#root, request);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    const error = answerError(answer);
    if (error.code === "NotJson" && error.status === 404)
      throw new ServiceError("The S3 server does not know MinIO's administration API. Nothing was changed.", {
        code: "S3_WRONG_SERVER",
        hint: "Correct `server:` (minio or garage) or the port in g2p.yaml.",
        cause: error,
      });
    throw error;
  }
}

/** An answer that is no success as an error with MinIO's code. */
export function answerError({ status, body }: RawAnswer): AdminAnswerError {
  try {
    const { Code, Message } = JSON.parse(body.toString("utf8")) as { Code?: string; Message?: string };
    return new AdminAnswerError(Code ?? "", status, Message ?? `status ${status}`);
  } catch {
    return new AdminAnswerError("NotJson", status, body.toString("utf8").slice(0, 200) || `status ${status}`);
  }
}
