import type { S3Client } from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import { baseUrl, type S3Endpoint } from "../../model/endpoint.ts";
import { type Login, type RawAnswer, sendRaw } from "./client.ts";
import { AdminAnswerError } from "./failure.ts";
import { refusesKey } from "./look.ts";

const PREFIX = "/minio/admin/v3/";

/** One request to MinIO's administration API. */
export interface AdminRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** E.g. `add-user`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/**
 * Sends a request to MinIO's administration API.
 *
 * @throws what the network or TLS says; see `toFailure`
 */
export function sendAdmin(
  client: S3Client,
  endpoint: S3Endpoint,
  login: Login,
  request: AdminRequest,
): Promise<RawAnswer> {
  return sendSigned(client, endpoint, login, { ...request, path: PREFIX + request.path });
}

/**
 * Asks where a bucket is, which is the cheapest of all signed requests. It goes over the connections of another login's client: a
 * client of its own for each login would cost more than the request.
 *
 * @returns whether the server knows the key and its secret, whatever it thinks of the request
 */
export async function knowsLogin(
  client: S3Client,
  endpoint: S3Endpoint,
  login: Login,
  bucket: string,
): Promise<boolean> {
  const request = { method: "GET", path: `/${bucket}`, query: { location: "" } } as const;
  const { status, body } = await sendSigned(client, endpoint, login, request);
  const code = /<Code>(.*?)<\/Code>/.exec(body.toString("utf8"))?.[1] ?? "";
  const error = new AdminAnswerError(code, status, code || `status ${status}`);
  if (refusesKey(error)) return false;
  if (status !== 200 && status !== 403 && status !== 404) throw error;
  return true;
}

/** Signs (Signature Version 4, service `s3`) and sends a request, over the connections of an S3 client. */
async function sendSigned(
  client: S3Client,
  endpoint: S3Endpoint,
  login: Login,
  request: AdminRequest,
): Promise<RawAnswer> {
  const url = new URL(baseUrl({ ...endpoint, path: "" }));
  const body = request.body === undefined ? Buffer.alloc(0) : Buffer.from(request.body as string);
  const signer = new SignatureV4({
    service: "s3",
    region: endpoint.region,
    credentials: { accessKeyId: login.accessKey, secretAccessKey: login.secretKey.reveal() },
    sha256: client.config.sha256,
    uriEscapePath: false,
  });
  const signed = await signer.sign({
    method: request.method,
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    path: request.path,
    query: { ...request.query },
    headers: { host: url.host, "content-length": String(body.length) },
    body,
  });
  return sendRaw(client, signed);
}
