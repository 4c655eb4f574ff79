import { readFile } from "node:fs/promises";
import { S3Client } from "@aws-sdk/client-s3";
import { baseUrl, type S3Endpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** An access key with its secret. */
export interface Login {
  readonly accessKey: string;
  readonly secretKey: Secret;
}

/** How a client behaves. */
export interface ClientOptions {
  /** Longest time of one attempt of a request, in ms; default 15 s. */
  readonly timeoutMs?: number;
  /** Attempts of a request that failed by the network or the server's fault; default 3. */
  readonly attempts?: number;
  readonly connections?: number;
}

/** Certificates of the endpoint's authority, or undefined for the system's roots. */
export async function readCa(endpoint: S3Endpoint): Promise<string | undefined> {
  if (!endpoint.tls || endpoint.caFile === undefined) return undefined;
  try {
    return await readFile(endpoint.caFile, "utf8");
  } catch (error) {
    throw new ServiceError(
      `The certificate file ${endpoint.caFile} of the S3 server cannot be read: ${(error as Error).message}. Nothing was changed.`,
      { code: "S3_CA_FILE", hint: "Correct `ca` in g2p.yaml.", cause: error },
    );
  }
}

/** An S3 client that signs as `login`, or not at all without one. It takes nothing from the machine's AWS configuration. Connects at the first request. */
export function openClient(
  endpoint: S3Endpoint,
  login: Login | undefined,
  ca: string | undefined,
  options: ClientOptions = {},
): S3Client {
  const { timeoutMs = REQUEST_TIMEOUT_MS, attempts = 3, connections = 8 } = options;
  const agent = { keepAlive: true, maxSockets: connections, ...(ca === undefined ? {} : { ca }) };
  return new S3Client({
    endpoint: baseUrl({ ...endpoint, path: "" }),
    region: endpoint.region,
    // Names of hosts are the server's own; a bucket is part of the path.
    forcePathStyle: true,
    ...(login === undefined
      ? { signer: { sign: async (request) => request }, credentials: { accessKeyId: "", secretAccessKey: "" } }
      : { credentials: { accessKeyId: login.accessKey, secretAccessKey: login.secretKey.reveal() } }),
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: Math.min(timeoutMs, CONNECT_TIMEOUT_MS),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    // Both servers check a payload's SHA-256 by the signature; the newer checksums are not known to all versions.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** What a server answered to a request that no command of the S3 client stands for. */
export interface RawAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Sends a request, signed already, over the connections of a client. Every status is an answer. */
export async function sendRaw(client: S3Client, request: unknown): Promise<RawAnswer> {
  const handler = client.config.requestHandler as {
    handle(request: unknown): Promise<{ response: { statusCode: number; body: AsyncIterable<Buffer> } }>;
  };
  const { response } = await handler.handle(request);
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return { status: response.statusCode, body: Buffer.concat(chunks) };
}
