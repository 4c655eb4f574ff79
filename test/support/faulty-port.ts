import net from "node:net";
import tls from "node:tls";

/** A port before a server that can fail in the ways a network and a server fail. */
export interface FaultyPort {
  readonly port: number;
  /** Passes everything on, each piece after `delayMs`. */
  pass(delayMs?: number): Promise<void>;
  /** Ends every connection and listens no more, as a stopped server does. */
  refuse(): Promise<void>;
  /** Takes connections and never answers, also on those that are there. */
  silence(): Promise<void>;
  /** Passes so many bytes to the server, then refuses everything until {@link FaultyPort.pass}. */
  cutAfter(bytes: number): Promise<void>;
  /** Bytes passed to the server since the last change. */
  readonly passed: number;
  close(): Promise<void>;
}

/**
 * Listens on a free port of this machine before the server at `to`.
 *
 * @param secure - key and certificate (PEM): then this side of the port speaks TLS, and the other one does not.
 */
export async function startFaultyPort(
  to: number,
  secure?: { readonly key: string; readonly cert: string },
): Promise<FaultyPort> {
  const sockets = new Set<net.Socket>();
  let delay = 0;
  let silent = false;
  let left = Infinity;
  let passed = 0;
  let listener: net.Server | undefined;
  let port = 0;

  const refuse = async () => {
    const old = listener;
    listener = undefined;
    for (const socket of sockets) socket.destroy();
    if (old !== undefined) await new Promise((resolve) => old.close(resolve));
  };

  const take = (client: net.Socket) => {
    const server = net.connect(to, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    relay(client, server, (size) => {
      passed += size;
      left -= size;
      if (left < 0) void refuse();
    });
    relay(server, client, () => {});
  };

  const relay = (from: net.Socket, into: net.Socket, count: (size: number) => void) => {
    let order = Promise.resolve();
    from.on("data", (data) => {
      if (silent) return;
      count(data.length);
      if (delay === 0) return void into.write(data);
      order = order.then(() => new Promise((resolve) => setTimeout(resolve, delay)));
      void order.then(() => into.write(data));
    });
  };

  const listen = async () => {
    if (listener !== undefined) return;
    const made = secure === undefined ? net.createServer(take) : tls.createServer(secure, take);
    made.on("tlsClientError", () => {});
    await new Promise<void>((resolve, reject) => made.once("error", reject).listen(port, "127.0.0.1", resolve));
    ({ port } = made.address() as net.AddressInfo);
    listener = made;
  };

  const change = async (set: () => void) => {
    delay = 0;
    silent = false;
    left = Infinity;
    passed = 0;
    set();
    await listen();
  };

  await listen();
  return {
    port,
    pass: (delayMs = 0) => change(() => (delay = delayMs)),
    silence: () => change(() => (silent = true)),
    cutAfter: (bytes) => change(() => (left = bytes)),
    refuse,
    get passed() {
      return passed;
    },
    close: refuse,
  };
}
