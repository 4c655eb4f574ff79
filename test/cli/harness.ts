import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { shellQuoted } from "../../src/cli/shell.ts";
import { built } from "../support/cli.ts";

/** Root of the package. */
export const ROOT = join(import.meta.dirname, "../..");

const NODE = join(ROOT, "node_modules/node/bin/node");

/** How a run ended and what it wrote; a signal N that ended it counts as 128 + N, as in a shell. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run may be given. */
export interface RunSettings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** All of its standard input; by default it is empty. */
  readonly input?: string;
}

/** A program that runs. */
export interface Running {
  readonly pid: number;
  /** What both its outputs said so far. */
  said(): string;
  /** Resolves when its outputs contain the text; rejects when it ends without. */
  until(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** Starts `g2p ...args` of the present sources as a process of its own. */
export async function startG2p(args: readonly string[], settings: RunSettings = {}): Promise<Running> {
  const child = spawn(NODE, [join(await built(), "g2p.js"), ...args], {
    cwd: settings.cwd,
    env: environment(settings.env),
    stdio: "pipe",
  });
  // A program may end without reading its input.
  child.stdin.on("error", () => {});
  child.stdin.end(settings.input ?? "");
  return follow(child);
}

/** Runs `g2p ...args` to its end. */
export async function g2p(args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  return (await startG2p(args, settings)).ended;
}

/** Runs `g2p ...args --json` to its end; gives its exit code and the one document on its standard output. */
export async function g2pJson<T = Record<string, unknown>>(
  args: readonly string[],
  settings: RunSettings = {},
): Promise<{ readonly code: number; readonly data: T }> {
  const words = args.includes("--") ? args.toSpliced(args.indexOf("--"), 0, "--json") : [...args, "--json"];
  const { code, stdout, stderr } = await g2p(words, settings);
  try {
    return { code, data: JSON.parse(stdout) as T };
  } catch (error) {
    throw new Error(`g2p ${words.join(" ")} did not write one JSON document:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** A program on a terminal of its own. */
export interface OnTerminal extends Omit<Running, "ended"> {
  /** Types on the terminal's keyboard. */
  type(keys: string): void;
  readonly ended: Promise<{ readonly code: number; readonly screen: string }>;
}

/** Starts `g2p ...args` on a pseudo-terminal of 100 columns and 40 rows (`script` of util-linux makes it). */
export async function onTerminal(args: readonly string[], settings: RunSettings = {}): Promise<OnTerminal> {
  const command = [NODE, join(await built(), "g2p.js"), ...args].map(shellQuoted).join(" ");
  const child = spawn("script", ["-qefc", `stty cols 100 rows 40; exec ${command}`, "/dev/null"], {
    cwd: settings.cwd,
    env: { ...environment(settings.env), TERM: "xterm-256color" },
    stdio: "pipe",
  });
  child.stdin.on("error", () => {});
  const running = follow(child);
  return {
    ...running,
    type: (keys) => void child.stdin.write(keys),
    ended: running.ended.then(({ code, stdout }) => ({ code, screen: stdout })),
  };
}

function environment(more: RunSettings["env"]): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? "/",
    LANG: "C.UTF-8",
    XDG_CACHE_HOME: join(tmpdir(), "g2p-test-compile-cache"),
    ...more,
  };
}

/** Follows a child's outputs until it has ended; ends it together with this process. */
export function follow(child: ChildProcess): Running {
  let stdout = "";
  let stderr = "";
  let said = "";
  const listeners = new Set<() => void>();
  const add = (text: string) => {
    said += text;
    for (const listener of listeners) listener();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    add(text);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    add(text);
  });
  const atExit = () => void child.kill("SIGKILL");
  process.once("exit", atExit);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("exit", atExit);
      resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), stdout, stderr });
    });
  });
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!said.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended without saying "${text}":\n${said}`)), reject);
    });
  return { pid: child.pid ?? 0, said: () => said, until, signal: (signal) => void child.kill(signal), ended };
}

/** A folder in memory with an environment file, and commands run in it. */
export interface Place {
  readonly dir: string;
  readonly file: string;
  /** Replaces the environment file. */
  write(text: string): void;
  g2p(...args: string[]): Promise<Ended>;
  json<T = Record<string, unknown>>(...args: string[]): Promise<{ readonly code: number; readonly data: T }>;
  /** Stops its servers, and removes it when all of them have ended. */
  remove(): Promise<void>;
}

/** Makes a {@link Place}; name it after what its environment is for. */
export function makePlace(text: string, env: RunSettings["env"] = {}): Place {
  const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const dir = mkdtempSync(join(base, `g2p-test-${process.pid}-`));
  // PostgreSQL does not run as root: its user must be able to pass.
  chmodSync(dir, 0o711);
  const file = join(dir, "g2p.yaml");
  const settings = { cwd: dir, env };
  const place: Place = {
    dir,
    file,
    write: (changed) => writeFileSync(file, changed),
    g2p: (...args) => g2p(args, settings),
    json: (...args) => g2pJson(args, settings),
    remove: async () => {
      await g2p(["down"], settings);
      const left = serverProcesses(dir);
      if (left.length > 0) throw new Error(`servers of ${dir} still run: ${left.join(", ")}`);
      rmSync(dir, { recursive: true });
    },
  };
  place.write(text);
  return place;
}

/** Writes an environment file of one embedded server; `sandboxes` maps sandbox to its entries in YAML. */
export function environmentFile(
  sandboxes: Readonly<Record<string, readonly string[]>>,
  { name = "test", postgresql = "{mode: embedded}" } = {},
): string {
  const lines = Object.entries(sandboxes).flatMap(([sandbox, modules]) => [
    `  - name: ${sandbox}`,
    `    modules:${modules.length === 0 ? " []" : ""}`,
    ...modules.map((entry) => `      - ${entry}`),
  ]);
  const head = [
    "apiVersion: g2p.dev/v1",
    `environment: ${name}`,
    "commons:",
    `  postgresql: ${postgresql}`,
    `  elsewhere: [s3, keycloak, keymanager, redis]`,
  ];
  return [...head, `sandboxes:${lines.length === 0 ? " []" : ""}`, ...lines, ""].join("\n");
}

/** Process ids of the PostgreSQL servers whose data is below a folder. */
export function serverProcesses(dir: string): number[] {
  const pidFiles = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith("postmaster.pid"),
  );
  return pidFiles
    .map((path) => Number(readFileSync(join(dir, path), "utf8").split("\n", 1)[0]))
    .filter((pid) => pid > 0 && existsSync(`/proc/${pid}`));
}

/** Binding fields as `g2p bindings --json --reveal` shows them. */
export interface Binding {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly username: string;
  readonly password: string;
  readonly uri: string;
}

/** The bindings of an instance by claim or access, passwords and all. */
export async function bindingsOf(place: Place, instance: string): Promise<Record<string, Binding>> {
  const { code, data } = await place.json<{ bindings: Record<string, Binding> }>("bindings", instance, "--reveal");
  if (code !== 0) throw new Error(`bindings ${instance}: ${JSON.stringify(data)}`);
  return data.bindings;
}

/** Runs statements as the login of a binding; gives the rows of the last one. */
export async function query(binding: Binding, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const { host, port, database, username: user, password } = binding;
  const client = new pg.Client({ host, port: Number(port), database, user, password });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

/** Writes a file with its folders. */
export function writeTo(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
