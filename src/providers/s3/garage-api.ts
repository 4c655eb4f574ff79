import type { S3Endpoint } from "../../model/endpoint.ts";
import { baseUrl } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import { type Http, openHttp } from "../http.ts";
import { AdminAnswerError } from "./failure.ts";

/** What a key may do in a bucket. */
export interface Permissions {
  readonly read: boolean;
  readonly write: boolean;
  readonly owner: boolean;
}

/** A lifecycle rule as the administration API tells it. */
export interface LifecycleRule {
  readonly ID?: string;
  readonly Status: string;
  readonly Filter?: { readonly Prefix?: string } & Readonly<Record<string, unknown>>;
  readonly Expiration?: { readonly Days?: number } & Readonly<Record<string, unknown>>;
  readonly AbortIncompleteMultipartUpload?: unknown;
}

/** A bucket in full. */
export interface BucketInfo {
  readonly id: string;
  readonly globalAliases: readonly string[];
  readonly websiteAccess: boolean;
  readonly corsRules?: readonly unknown[];
  readonly lifecycleRules?: readonly LifecycleRule[];
  readonly keys: readonly {
    readonly accessKeyId: string;
    readonly name: string;
    readonly permissions: Permissions;
    readonly bucketLocalAliases: readonly string[];
  }[];
  readonly objects: number;
  readonly quotas: { readonly maxSize: number | null; readonly maxObjects: number | null };
}

/** An access key in full. */
export interface KeyInfo {
  readonly accessKeyId: string;
  readonly name: string;
  readonly expiration?: string | null;
  readonly expired: boolean;
  readonly permissions: { readonly createBucket?: boolean };
  readonly secretAccessKey?: string | null;
  readonly buckets: readonly {
    readonly id: string;
    readonly globalAliases: readonly string[];
    readonly localAliases: readonly string[];
    readonly permissions: Permissions;
  }[];
}

const TIMEOUT_MS = 20_000;
/** Garage's own default; more come in further pages. */
const PAGE = 1000;

/** Garage's administration API, version 2 (its reference manual, "Administration API"): JSON over HTTP with a bearer token. */
export class GarageApi {
  readonly #http: Http;
  readonly #token: S3Endpoint["password"];

  private constructor(http: Http, token: S3Endpoint["password"]) {
    this.#http = http;
    this.#token = token;
  }

  static async open(
    endpoint: S3Endpoint,
    options: { readonly connections: number; readonly signal: AbortSignal; readonly server: string },
  ): Promise<GarageApi> {
    const http = await openHttp({
      base: endpoint.adminUrl ?? baseUrl(endpoint),
      caFile: endpoint.caFile,
      timeoutMs: TIMEOUT_MS,
      connections: options.connections,
      title: `Garage ${options.server}`,
      code: "S3",
      resource: options.server,
    });
    return new GarageApi(http, endpoint.password);
  }

  /** Asks; the answer is taken to be of the documented form. */
  async get<T>(call: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    return (await this.#send("GET", call, query, undefined)) as T;
  }

  /** Asks for all pages of a list. */
  async list<T>(call: "ListKeysInfo" | "ListBucketsInfo", keyOf: (item: T) => string): Promise<T[]> {
    const all: T[] = [];
    for (let offset: string | undefined; ;) {
      const query = { limit: String(PAGE), ...(offset === undefined ? {} : { offset }) };
      const page = await this.get<T[]>(call, query);
      // A page may begin with the last item of the one before it.
      const known = new Set(all.map(keyOf));
      const fresh = page.filter((item) => !known.has(keyOf(item)));
      all.push(...fresh);
      const last = fresh.at(-1);
      if (page.length < PAGE || last === undefined) return all;
      offset = keyOf(last);
    }
  }

  /** Changes something. */
  async post<T>(call: string, body: unknown, query: Readonly<Record<string, string>> = {}): Promise<T> {
    return (await this.#send("POST", call, query, body)) as T;
  }

  close(): void {
    this.#http.close();
  }

  async #send(
    method: "GET" | "POST",
    call: string,
    query: Readonly<Record<string, string>>,
    json: unknown,
  ): Promise<unknown> {
    const search = new URLSearchParams(query).toString();
    const answer = await this.#http.request(`/v2/${call}${search === "" ? "" : `?${search}`}`, {
      method,
      headers: { authorization: `Bearer ${this.#token.reveal()}` },
      ...(json === undefined ? {} : { json }),
    });
    if (answer.status >= 200 && answer.status < 300) return answer.json;
    const { code, message } = (answer.json ?? {}) as { code?: string; message?: string };
    if (answer.status === 401 || answer.status === 403)
      throw new AdminAnswerError("InvalidAccessKeyId", answer.status, message ?? "the admin token was refused");
    if (code === undefined)
      throw new ServiceError(`The S3 server does not know Garage's administration API (${call}: ${answer.status}).`, {
        code: "S3_WRONG_SERVER",
        hint: "Garage 2.5 or newer is needed; correct `server:` (minio or garage) or `adminUrl` in g2p.yaml.",
      });
    throw new AdminAnswerError(code, answer.status, message ?? `status ${answer.status}`);
  }
}
