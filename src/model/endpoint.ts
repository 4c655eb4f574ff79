import type { OtherService } from "./claim.ts";
import type { ServerAddress, ServerRef } from "./environment.ts";
import type { Secret } from "./secret.ts";

/** Where a server beside PostgreSQL is reached, and who administers it. */
interface EndpointBase<S extends OtherService> extends ServerRef {
  readonly service: S;
  /** One, or Kafka's bootstrap servers. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  /** Certificates of the authority that signed the server's; the system's roots where absent. */
  readonly caFile?: string;
  /** Path before every request of an HTTP service, e.g. `/v1/keymanager`; else empty. */
  readonly path: string;
  /** The administrator; empty where the service knows none. */
  readonly user: string;
  readonly password: Secret;
}

/** Kafka: the administrator signs in by SCRAM-SHA-512. */
export type KafkaEndpoint = EndpointBase<"kafka">;

/** An S3 server. Its administrator is MinIO's root user, or the holder of Garage's admin token (`password`; `user` is empty). */
export interface S3Endpoint extends EndpointBase<"s3"> {
  readonly server: "minio" | "garage";
  readonly region: string;
  /** Garage's administration API, where it is not the S3 endpoint. */
  readonly adminUrl?: string;
}

/** OpenSearch with its security plugin. */
export type OpensearchEndpoint = EndpointBase<"opensearch">;

/** How a token is got from Keycloak by client credentials. */
export interface TokenSource {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** MOSIP Keymanager: its HTTP address, and the database of its own where key policies stand. */
export interface KeymanagerEndpoint extends EndpointBase<"keymanager"> {
  readonly database: ServerAddress;
  /** Who administers it over HTTP; absent where it does not authenticate anybody. */
  readonly auth?: TokenSource;
}

/** Keycloak; `realm` is the environment's. */
export interface KeycloakEndpoint extends EndpointBase<"keycloak"> {
  readonly realm: string;
}

/** Redis; the administrator is an ACL user, mostly `default`. */
export type RedisEndpoint = EndpointBase<"redis">;

/** The endpoint type of each service. */
export interface Endpoints {
  readonly kafka: KafkaEndpoint;
  readonly s3: S3Endpoint;
  readonly opensearch: OpensearchEndpoint;
  readonly keymanager: KeymanagerEndpoint;
  readonly keycloak: KeycloakEndpoint;
  readonly redis: RedisEndpoint;
}

/** Any of them, told apart by `service`. */
export type Endpoint = Endpoints[OtherService];

/** `http://host:port/path` or `https://…` of an HTTP service. */
export function baseUrl(endpoint: Pick<Endpoint, "hosts" | "tls" | "path">): string {
  const [first] = endpoint.hosts;
  if (first === undefined) throw new Error("an endpoint without a host");
  const host = first.host.includes(":") ? `[${first.host}]` : first.host;
  return `${endpoint.tls ? "https" : "http"}://${host}:${first.port}${endpoint.path}`;
}
