import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import tls from "node:tls";
import { type API, Connection, metadataV12, SASLMechanisms } from "@platformatic/kafka";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";
import { protocolCode, toFailure } from "./failure.ts";

/** Where Kafka listens, without who administers it. */
export type Address = Pick<KafkaEndpoint, "hosts" | "tls" | "caFile">;

/** Who signs in by SCRAM-SHA-512. */
export interface Login {
  readonly user: string;
  readonly password: Secret;
}

const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CLIENT_ID = "g2p-commons";

/** A broker that is starting, moving work, or not yet told of what another one did (Kafka protocol guide, "Error Codes"). */
const PASSING = new Set([5, 6, 7, 13, 14, 15, 41]);
const PATIENCE_MS = 15_000;

/** A login's connections: one to the first broker that answers, further ones to leaders of partitions where they are others. */
export class Link {
  readonly #address: Address;
  readonly #login: Login;
  readonly #first: Connection;
  readonly #options: ConnectOptions;
  #others = new Map<string, Promise<Connection>>();

  private constructor(address: Address, login: Login, first: Connection, options: ConnectOptions) {
    this.#address = address;
    this.#login = login;
    this.#first = first;
    this.#options = options;
  }

  /**
   * Signs in at the first of the brokers that can be reached.
   *
   * @throws the library's error; `toFailure` explains it
   */
  static async open(address: Address, login: Login, timeoutMs = CONNECT_TIMEOUT_MS): Promise<Link> {
    const options = { timeoutMs, ca: await authority(address) };
    let last: unknown = new Error("no broker is named");
    for (const { host, port } of address.hosts) {
      try {
        return new Link(address, login, await connect(address, login, host, port, options), options);
      } catch (error) {
        last = error;
        // Another broker would say the same.
        if (protocolCode(error) !== undefined) break;
      }
    }
    throw last;
  }

  /** One request to the first broker, repeated for some seconds where only that helps. */
  call<Request extends unknown[], Response>(api: API<Request, Response>, ...request: Request): Promise<Response> {
    return persistently(() => api.async(this.#first, ...request));
  }

  /** The same to a certain broker, e.g. the leader of a partition. */
  async callAt<Request extends unknown[], Response>(
    broker: { readonly host: string; readonly port: number } | undefined,
    api: API<Request, Response>,
    ...request: Request
  ): Promise<Response> {
    if (broker === undefined) return this.call(api, ...request);
    const connection = await this.#at(broker);
    return persistently(() => api.async(connection, ...request));
  }

  /** Never throws. */
  async close(): Promise<void> {
    const others = await Promise.allSettled(this.#others.values());
    const open = [this.#first, ...others.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))];
    await Promise.allSettled(open.map((one) => one.close()));
  }

  #at({ host, port }: { readonly host: string; readonly port: number }): Promise<Connection> {
    if (host === this.#first.host && port === this.#first.port) return Promise.resolve(this.#first);
    const key = `${host}:${port}`;
    let found = this.#others.get(key);
    if (found === undefined) {
      found = connect(this.#address, this.#login, host, port, this.#options);
      this.#others.set(key, found);
    }
    return found;
  }
}

/** Opens a {@link Link}, works with it, and closes it in every case. */
export async function withLink<T>(address: Address, login: Login, work: (link: Link) => Promise<T>): Promise<T> {
  const link = await Link.open(address, login);
  try {
    return await work(link);
  } finally {
    await link.close();
  }
}

/**
 * Does the server let this login in?
 *
 * @throws the library's error for everything but a refused password
 */
export async function canLogIn(address: Address, login: Login, timeoutMs?: number): Promise<boolean> {
  try {
    const link = await Link.open(address, login, timeoutMs);
    await link.close();
    return true;
  } catch (error) {
    if (isRefusedLogin(error)) return false;
    throw error;
  }
}

/** SASL_AUTHENTICATION_FAILED: no such user, or a wrong password; Kafka does not say which. */
export function isRefusedLogin(error: unknown): boolean {
  return protocolCode(error) === 58;
}

/** Is this the address of a Kafka whose administrator can sign in? Asks for nothing but its brokers. */
export async function answers(endpoint: KafkaEndpoint, timeoutMs: number): Promise<void> {
  const link = await Link.open(endpoint, endpoint, timeoutMs);
  try {
    const { brokers } = await link.call(metadataV12.api, []);
    if (brokers.length === 0) throw new Error("the server knows no broker yet");
  } finally {
    await link.close();
  }
}

interface ConnectOptions {
  readonly timeoutMs: number;
  readonly ca: string | undefined;
}

async function connect(
  address: Address,
  login: Login,
  host: string,
  port: number,
  { timeoutMs, ca }: ConnectOptions,
): Promise<Connection> {
  const connection = new Connection(CLIENT_ID, {
    connectTimeout: timeoutMs,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxInflights: 200,
    ...(address.tls ? { tls: ca === undefined ? {} : { ca }, tlsServerName: isName(host) } : {}),
    sasl: { mechanism: SASLMechanisms.SCRAM_SHA_512, username: login.user, password: () => login.password.reveal() },
  });
  // What breaks later is told by the request that meets it.
  connection.on("error", () => {});
  try {
    await connection.connect(host, port);
    return connection;
  } catch (error) {
    connection.socket?.destroy();
    const mayExpectTls = !address.tls && toFailure(error, "login").code === "KAFKA_CONNECTION_LOST";
    if (mayExpectTls && (await speaksTls(host, port, timeoutMs)))
      throw new Error("the broker requires TLS", { cause: error });
    throw error;
  }
}

/** Does the server greet in TLS? Asked of one that cut a connection in plain text, with no more than its greeting. */
function speaksTls(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tls.connect({ host, port, rejectUnauthorized: false, timeout: timeoutMs });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("secureConnect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

/** TLS knows names of servers, not addresses. */
function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host) && !host.includes(":");
}

async function authority(address: Address): Promise<string | undefined> {
  if (!address.tls || address.caFile === undefined) return undefined;
  try {
    return await readFile(address.caFile, "utf8");
  } catch (error) {
    throw new ServiceError(`Kafka: the certificate file ${address.caFile} cannot be read.`, {
      code: "KAFKA_CA_FILE",
      hint: "Correct `ca` for kafka in g2p.yaml.",
      cause: error,
    });
  }
}

async function persistently<T>(request: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
    try {
      return await request();
    } catch (error) {
      if (!PASSING.has(protocolCode(error) ?? -1) || performance.now() + pause > deadline) throw error;
      await delay(pause);
    }
  }
}
