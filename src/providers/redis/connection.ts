import { readFile } from "node:fs/promises";
import { createClient } from "redis";
import type { RedisEndpoint } from "../../model/endpoint.ts";
import type { Secret } from "../../model/secret.ts";

/** One answer of the server (RESP2): bulk strings as text, or as bytes where they were asked for. */
export type Reply = string | number | null | Buffer | readonly Reply[];

const CONNECT_MS = 10_000;
const COMMAND_MS = 30_000;

/** RESP type of bulk strings (Redis docs, "Serialization protocol"). */
const BULK = 36;

type Client = ReturnType<typeof createOne>;

/** Who signs in; an empty password sends no AUTH. */
export interface Who {
  readonly user: string;
  readonly password: Secret;
}

/** What the library and Node say when no answer came in time. */
export class NoAnswer extends Error {
  readonly code = "ETIMEDOUT";
  constructor() {
    super("no answer in time");
  }
}

/**
 * One connection. Commands sent without waiting for each other's answers go out together, so that N of them cost one round trip. It never connects
 * again by itself: what was sent may have been done.
 */
export class RedisConnection {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Connects and signs in.
   *
   * @param protocol version of RESP; with 3, commands can be sent while subscribed
   * @throws the library's, the server's or the system's error; {@link NoAnswer} after `timeoutMs`
   */
  static async open(
    endpoint: RedisEndpoint,
    who: Who,
    timeoutMs = CONNECT_MS,
    protocol: 2 | 3 = 2,
  ): Promise<RedisConnection> {
    const ca = endpoint.caFile === undefined ? undefined : await readFile(endpoint.caFile, "utf8");
    const client = createOne(endpoint, who, { timeoutMs, ca, protocol });
    // Without a listener a broken connection would end the process; what waits for an answer fails by itself.
    client.on("error", () => {});
    await inTime(client, timeoutMs, client.connect());
    return new RedisConnection(client);
  }

  /** Sends one command. */
  send(...args: readonly (string | Buffer)[]): Promise<Reply> {
    return inTime(this.#client, COMMAND_MS, this.#client.sendCommand<never>([...args]));
  }

  /** Sends one command; names of keys in its answer stay bytes, since they need not be text. */
  sendForBytes(...args: readonly (string | Buffer)[]): Promise<Reply> {
    const typeMapping = { [BULK]: Buffer };
    return inTime(this.#client, COMMAND_MS, this.#client.sendCommand<never>([...args], { typeMapping }));
  }

  /** Subscribes, and unsubscribes again where that was allowed. */
  async trySubscribe(channel: string): Promise<void> {
    const ignore = () => {};
    await inTime(this.#client, COMMAND_MS, this.#client.subscribe(channel, ignore));
    await inTime(this.#client, COMMAND_MS, this.#client.unsubscribe(channel, ignore));
  }

  /** Subscribes to a pattern, and unsubscribes again where that was allowed. */
  async tryPatternSubscribe(pattern: string): Promise<void> {
    const ignore = () => {};
    await inTime(this.#client, COMMAND_MS, this.#client.pSubscribe(pattern, ignore));
    await inTime(this.#client, COMMAND_MS, this.#client.pUnsubscribe(pattern, ignore));
  }

  /** Cuts the connection; whatever waits for an answer fails. */
  close(): void {
    if (this.#client.isOpen) this.#client.destroy();
  }
}

function createOne(
  endpoint: RedisEndpoint,
  who: Who,
  options: { readonly timeoutMs: number; readonly ca: string | undefined; readonly protocol: 2 | 3 },
) {
  const { timeoutMs, ca, protocol } = options;
  const [first] = endpoint.hosts;
  if (first === undefined) throw new Error("an endpoint without a host");
  const password = who.password.reveal();
  const common = { ...first, connectTimeout: timeoutMs, reconnectStrategy: false as const };
  return createClient({
    RESP: protocol,
    socket: endpoint.tls ? { ...common, tls: true as const, ...(ca === undefined ? {} : { ca }) } : common,
    ...(password === "" ? {} : { username: who.user === "" ? "default" : who.user, password }),
    maintNotifications: "disabled",
    disableClientInfo: true,
  });
}

/** Settles as the promise does, or cuts the connection when the time is over. */
async function inTime<T>(client: Client, timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new NoAnswer());
      if (client.isOpen) client.destroy();
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A reply that is a list, as its elements; anything else as none. */
export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}

/** A reply that is text, else the empty text. */
export function textOf(reply: Reply | undefined): string {
  if (typeof reply === "string") return reply;
  return typeof reply === "number" ? String(reply) : Buffer.isBuffer(reply) ? reply.toString("latin1") : "";
}

/** A reply of field and value in turn. */
export function mapOf(reply: Reply | undefined): Map<string, Reply> {
  const list = listOf(reply);
  return new Map(list.flatMap((key, index) => (index % 2 === 0 ? [[textOf(key), list[index + 1] ?? null]] : [])));
}
