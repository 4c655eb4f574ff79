import net from "node:net";

/** A TCP port of this machine that nothing listens on. */
export async function freePort(): Promise<number> {
  const { port, close } = await listen(0, () => {});
  await close();
  return port;
}

/** A port of this machine that something listens on, and what ends that with all its connections. */
export interface ListeningPort {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Takes connections and never answers. */
export function listenSilently(): Promise<ListeningPort> {
  return listen(0, () => {});
}

/**
 * Lets a server be reached on another port from now on, as if it had just started there.
 *
 * @param onConnection called for each connection.
 */
export function forward(
  port: number,
  to: { readonly host: string; readonly port: number },
  onConnection = () => {},
): Promise<ListeningPort> {
  return listen(port, (socket) => {
    onConnection();
    const upstream = net.connect(to.port, to.host).on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
}

async function listen(wanted: number, onSocket: (socket: net.Socket) => void): Promise<ListeningPort> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => listener.listen(wanted, "127.0.0.1", resolve));
  const { port } = listener.address() as net.AddressInfo;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  };
  return { port, close };
}
