import type { S3Client } from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import { baseUrl, type S3Endpoint } from "../../model/endpoint.ts";
import { type Login, type RawAnswer, sendRaw } from "./client.ts";

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
 * Signs (Signature Version 4, service `s3`) and sends a request to MinIO's administration API, over the connections of an S3 client.
 *
 * @throws what the network or TLS says; see `toFailure`
 */
export async function sendAdmin(
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
    path: PREFIX + request.path,
    query: { ...request.query },
    headers: { host: url.host, "content-length": String(body.length) },
    body,
  });
  return sendRaw(client, signed);
}
