import net from "node:net";

/** A statement that a client sent through the proxy. */
export interface Statement {
  readonly text: string;
  /** Database that the connection is in. */
  readonly database: string;
  /** Login of the connection. */
  readonly user: string;
}

/**
 * Something to do at one side effect. `before`: the server never gets the statement; `sent`: the server has it and works on
 * it; `after`: the server has carried it out, and its answer has not been passed on.
 */
export interface Trap {
  /** The n-th side effect since {@link Proxy.arm}, from 1, or the first whose text matches. */
  readonly at: number | RegExp;
  readonly when: "before" | "sent" | "after";
  /** Runs once. What it returns says whether the connection goes on as if nothing had happened or is cut. */
  readonly act: (statement: Statement) => "go on" | "cut" | Promise<"go on" | "cut">;
}

/** A TCP proxy before a PostgreSQL that reads along. */
export interface Proxy {
  readonly port: number;
  /** Side effects since the last {@link Proxy.arm}, in order. */
  readonly sideEffects: readonly Statement[];
  /** Counts from 1 again, and springs the trap when one is given. */
  arm(trap?: Trap): void;
  /**
   * Waits until what the trap does has ended, and takes the trap away.
   *
   * @throws what {@link Trap.act} threw; the connection was cut then
   */
  disarm(): Promise<void>;
  /** True once the trap has sprung. */
  readonly sprung: boolean;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

/** First words of statements that change something on the server, or end a transaction that may have. */
const EFFECT =
  /^(CREATE|ALTER|DROP|GRANT|REVOKE|INSERT|UPDATE|DELETE|COMMENT|REASSIGN|TRUNCATE|COMMIT|SELECT pg_terminate_backend)\b/i;

/** Whether a message of one or several statements changes anything. */
export function isSideEffect(text: string): boolean {
  return text.split(/;\s*/).some((statement) => EFFECT.test(statement.trim()));
}

/** Listens on a free port of this machine and passes everything on to `to`. Connections must not be encrypted. */
export async function startProxy(to: () => { readonly host: string; readonly port: number }): Promise<Proxy> {
  const sockets = new Set<net.Socket>();
  const state = {
    effects: [] as Statement[],
    trap: undefined as Trap | undefined,
    sprung: false,
    /** What the sprung trap does. */
    acting: undefined as Promise<unknown> | undefined,
  };

  const spring = (statement: Statement, when: Trap["when"]): Promise<"go on" | "cut"> | undefined => {
    const { trap } = state;
    if (trap === undefined || state.sprung || trap.when !== when) return undefined;
    const here = typeof trap.at === "number" ? state.effects[trap.at - 1] === statement : trap.at.test(statement.text);
    if (!here) return undefined;
    state.sprung = true;
    const acting = Promise.resolve(statement).then(trap.act);
    state.acting = acting;
    return acting.catch(() => "cut" as const);
  };

  const listener = net.createServer((client) => {
    const target = to();
    const server = net.connect(target.port, target.host);
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
    serve(
      client,
      server,
      spring,
      (statement) => state.effects.push(statement),
      () => state.trap?.when === "after" && !state.sprung,
    );
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as net.AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    get sideEffects() {
      return state.effects;
    },
    get sprung() {
      return state.sprung;
    },
    arm(trap) {
      state.effects = [];
      state.trap = trap;
      state.sprung = false;
    },
    async disarm() {
      const { acting } = state;
      state.trap = undefined;
      state.acting = undefined;
      await acting;
    },
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

type Spring = (statement: Statement, when: Trap["when"]) => Promise<"go on" | "cut"> | undefined;

/**
 * Passes one connection's messages on, in order (PostgreSQL docs, "Message Formats": a type byte, save in the first message,
 * then a length that counts itself).
 */
function serve(
  client: net.Socket,
  server: net.Socket,
  spring: Spring,
  count: (statement: Statement) => void,
  mayWait: () => boolean,
): void {
  let session = { user: "", database: "" };
  let begun = false;
  /** The side effect that the server works on. */
  let running: Statement | undefined;
  const cut = () => {
    client.destroy();
    server.destroy();
  };

  readMessages(
    client,
    () => !begun,
    async (message, type) => {
      if (!begun) {
        begun = true;
        session = startup(message);
        server.write(message);
        return;
      }
      const text = type === "Q" ? cString(message, 5) : type === "P" ? cString(message, message.indexOf(0, 5) + 1) : "";
      if (!isSideEffect(text)) {
        server.write(message);
        return;
      }
      const statement = { text, ...session };
      count(statement);
      if ((await spring(statement, "before")) === "cut") return cut();
      running = statement;
      server.write(message);
      if ((await spring(statement, "sent")) === "cut") cut();
    },
  );

  const held: Buffer[] = [];
  readMessages(
    server,
    () => false,
    async (message, type) => {
      const statement = running;
      if (type === "Z") running = undefined;
      if (statement === undefined || !mayWait()) {
        client.write(message);
        return;
      }
      held.push(message);
      if (type !== "Z") return;
      if ((await spring(statement, "after")) === "cut") return cut();
      for (const one of held.splice(0)) client.write(one);
    },
  );
}

/** Calls `take` for each whole message, one after the other. */
function readMessages(
  socket: net.Socket,
  untyped: () => boolean,
  take: (message: Buffer, type: string) => Promise<void>,
): void {
  let rest = Buffer.alloc(0);
  let busy = Promise.resolve();
  const drain = async () => {
    for (;;) {
      const head = untyped() ? 0 : 1;
      if (rest.length < head + 4) return;
      const length = head + rest.readUInt32BE(head);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      await take(message, head === 0 ? "" : String.fromCharCode(message[0] ?? 0));
    }
  };
  socket.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    busy = busy.then(drain);
  });
}

function startup(message: Buffer): { user: string; database: string } {
  const words = message.toString("utf8", 8).split("\0");
  const value = (key: string) => words[words.indexOf(key) + 1] ?? "";
  return { user: value("user"), database: value("database") };
}

function cString(message: Buffer, from: number): string {
  return message.toString("utf8", from, message.indexOf(0, from));
}
