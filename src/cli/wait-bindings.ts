import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { WaitTarget } from "../engine/wait.ts";
import { ConfigError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import { databaseTarget, parsePort, tlsOf, type Env } from "./wait-targets.ts";

/**
 * One target for each PostgreSQL binding of a servicebinding.io directory: the directory itself, or those of its
 * subdirectories that hold a file `type`. Bindings of other types are not waited for. Files used: `type`, `host`,
 * `port` (5432 if absent), `database`, `username`, `password`.
 *
 * @throws ConfigError where the directory cannot be read or holds no PostgreSQL binding.
 */
export function bindingTargets(directory: string, env: Env, initialisation?: number): readonly WaitTarget[] {
  const tls = tlsOf(env);
  const found = bindingDirectories(directory);
  const ours = found.filter((binding) => binding.type === "postgresql");
  if (ours.length === 0) {
    const types = found.map((binding) => binding.type).join(", ") || "no file named type in it or one level below";
    throw new ConfigError(
      `No PostgreSQL binding in ${directory}: expected a file type with postgresql, found ${types}.`,
      [],
      {
        code: "BINDING_MISSING",
        hint: "Point --binding or SERVICE_BINDING_ROOT to the mounted binding Secret.",
      },
    );
  }
  return ours.map(({ path }) =>
    databaseTarget(basename(path), () => {
      const entry = (name: string) => readFileSync(join(path, name), "utf8").replace(/\r?\n$/, "");
      return {
        server: { host: entry("host"), port: portEntry(path), ...tls },
        database: entry("database"),
        user: entry("username"),
        password: new Secret(entry("password")),
        ...(initialisation === undefined ? {} : { initialisation }),
      };
    }),
  );
}

function bindingDirectories(directory: string): { path: string; type: string }[] {
  try {
    if (isFile(join(directory, "type"))) return [{ path: directory, type: typeOf(directory) }];
    return readdirSync(directory)
      .filter((name) => !name.startsWith(".")) // Kubernetes keeps the real files of a Secret in ..data
      .map((name) => join(directory, name))
      .filter((path) => isFile(join(path, "type")))
      .sort()
      .map((path) => ({ path, type: typeOf(path) }));
  } catch (error) {
    throw new ConfigError(`Cannot read the binding directory ${directory}: ${(error as Error).message}.`, [], {
      code: "BINDING_MISSING",
      hint: "Point --binding or SERVICE_BINDING_ROOT to the mounted binding Secret.",
      cause: error,
    });
  }
}

function typeOf(path: string): string {
  return readFileSync(join(path, "type"), "utf8").trim();
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function portEntry(path: string): number {
  const file = join(path, "port");
  if (!isFile(file)) return 5432;
  const text = readFileSync(file, "utf8").trim();
  const port = parsePort(text);
  if (port === undefined) throw new Error(`file ${file} should hold a port number, not ${JSON.stringify(text)}`);
  return port;
}
