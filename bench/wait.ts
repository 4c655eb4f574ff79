import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerAddress } from "../src/model/environment.ts";
import { ident } from "../src/providers/postgresql/sql.ts";
import { freePort, forward, type ListeningPort } from "../test/support/port.ts";
import { g2p, ROOT, type RunOptions, run } from "./command.ts";
import { type Bench, type Context, ratio } from "./context.ts";
import { type BenchEnvironment, writeEnvironment } from "./environment.ts";
import { type Figure, median } from "./figure.ts";
import { withClient, withServer } from "./server.ts";

const BECOMING_READY = 20;
const INTERLEAVED = 21;

/** How soon `g2p wait` notices, and what it costs where nothing has to be waited for. */
export const wait: Bench = {
  title: "g2p wait: how soon it notices, and what it costs when all is there",
  run: async (context) =>
    withServer(context.version, async ({ admin }) => {
      const environment = writeEnvironment(admin, { databases: 1 });
      await g2p(["apply"], environment);
      const own = await bindingOf(environment);
      return [...(await noticing(admin, own, context)), ...(await costs(environment, own, context))];
    }),
};

interface Binding {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

async function noticing(admin: ServerAddress, own: Binding, context: Context): Promise<Figure[]> {
  const opened: number[] = [];
  const started: number[] = [];
  for (let round = 0; round < BECOMING_READY; round += 1) {
    context.tell(`becoming ready, ${round + 1} of ${BECOMING_READY}`);
    // Spread evenly, so that every place between two looks is met.
    const delay = 400 + round * 37;
    opened.push(
      await withClient(admin, async (client) => {
        const allow = (yes: boolean) => client.query(`ALTER DATABASE ${ident(own.database)} ALLOW_CONNECTIONS ${yes}`);
        await allow(false);
        return untilReturned(flags(own), delay, () => allow(true));
      }),
    );
    const port = await freePort();
    let listening: ListeningPort | undefined;
    const late = { ...own, port: String(port) };
    started.push(await untilReturned(flags(late), delay, async () => (listening = await forward(port, admin))));
    await listening?.close();
  }
  const rows = (what: string, values: readonly number[]): Figure[] => [
    { bench: "wait", what: `${what}: median until it returns`, value: median(values), unit: "ms" },
    {
      bench: "wait",
      what: `${what}: longest of ${values.length}`,
      value: Math.max(...values),
      unit: "ms",
      target: 150,
    },
  ];
  return [...rows("database opened", opened), ...rows("server begins to listen", started)];
}

/** Starts `g2p wait`, makes the database ready `delay` milliseconds later; returns how long the wait then still took. */
async function untilReturned(command: Command, delay: number, makeReady: () => Promise<unknown>): Promise<number> {
  const waited = run(command.program, command.args, command.options).then(() => performance.now());
  await new Promise((resolve) => setTimeout(resolve, delay));
  await makeReady();
  const ready = performance.now();
  return (await waited) - ready;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
}

function flags(own: Binding): Command {
  const args = ["wait", "--host", own.host, "--port", own.port, "--database", own.database, "--user", own.username];
  return { program: join(ROOT, "bin/g2p"), args, options: { env: { PGPASSWORD: own.password } } };
}

async function costs(environment: BenchEnvironment, own: Binding, context: Context): Promise<Figure[]> {
  const directory = join(environment.dir, "binding");
  mkdirSync(directory);
  for (const [name, value] of Object.entries({ ...own, type: "postgresql" }))
    writeFileSync(join(directory, name), value);
  const node = join(ROOT, "node_modules/node/bin/node");
  const g2pCommand = (args: readonly string[]): Command => ({
    program: join(ROOT, "bin/g2p"),
    args,
    options: { env: environment.env, cwd: environment.dir },
  });
  const psqlFlags = [
    "--db_host",
    own.host,
    "--db_port",
    own.port,
    "--db_user",
    own.username,
    "--db_password",
    own.password,
  ];
  const commands: Record<string, Command> = {
    "node -e 0": { program: node, args: ["-e", "0"], options: {} },
    "wait --host": flags(own),
    "wait --binding": g2pCommand(["wait", "--binding", directory]),
    "wait -f": g2pCommand(["wait", "-f", environment.file]),
    "wait-for-psql --db_name": {
      program: join(ROOT, "bin/wait-for-psql"),
      args: [...psqlFlags, "--db_name", own.database],
      options: {},
    },
  };
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < INTERLEAVED; round += 1) {
    context.tell(`ready already, ${round + 1} of ${INTERLEAVED}`);
    for (const [name, { program, args, options }] of Object.entries(commands))
      times.get(name)?.push((await run(program, args, options)).ms);
  }
  const bare = median(times.get("node -e 0") ?? []);
  return [...times].map(([name, values]): Figure => {
    const value = median(values);
    const figure: Figure = { bench: "wait", what: `${name}, median of ${values.length}`, value, unit: "ms" };
    return name === "node -e 0" ? figure : { ...figure, ratio: ratio("node -e 0", value, bare), target: 3 };
  });
}

async function bindingOf(environment: BenchEnvironment): Promise<Binding> {
  const { stdout } = await g2p(["bindings", "--format", "json", "--reveal"], environment);
  const found = find(JSON.parse(stdout));
  if (found === undefined) throw new Error("g2p bindings shows no database");
  return {
    host: String(found["host"]),
    port: String(found["port"]),
    database: String(found["database"]),
    username: String(found["username"]),
    password: String(found["password"]),
  };
}

/** The first object with a `database` and a `password`, wherever it stands. */
function find(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("database" in value && "password" in value) return value;
  for (const inner of Object.values(value)) {
    const found = find(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
