import { spawn } from "node:child_process";
import { constants } from "node:os";
import { resolveVariables } from "../../engine/variables.ts";
import { ServiceError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import type { Io } from "../context.ts";
import { instanceBindings } from "../instance-bindings.ts";
import type { CommonOptions } from "../options.ts";
import { findInstance, loadSession, serverAddresses } from "../session.ts";

/** Signals that are passed on to the program; it decides what they mean. */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/**
 * `g2p exec SANDBOX/INSTANCE -- CMD`: runs a program with the instance's variables over our own environment. Its exit code is ours;
 * ended by signal N it is 128 + N; 127 when it is not found.
 */
export async function run(args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const [name = "", command = "", ...words] = args;
  const session = await loadSession(options, io, false);
  const instance = findInstance(session.environment, name);
  const bindings = await instanceBindings(session, await serverAddresses(session, io.env), instance);
  const variables = resolveVariables(instance.variables, bindings);
  const env = { ...io.env };
  // What the environment file says comes last and wins over the descriptor's components.
  for (const { name: key, value } of [...variables].sort((a, b) => Number(a.component === "") - Number(b.component === "")))
    env[key] = value instanceof Secret ? value.reveal() : value;

  const child = spawn(command, words, { stdio: "inherit", env });
  const forward = FORWARDED.map((signal) => [signal, () => child.kill(signal)] as const);
  for (const [signal, pass] of forward) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") {
          io.stderr.write(`g2p exec: program "${command}" was not found\n`);
          resolve(127);
        } else reject(new ServiceError(`Program "${command}" cannot be started (${error.code ?? error.message}).`, { code: "EXEC_FAILED", cause: error }));
      });
      child.on("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const [signal, pass] of forward) process.off(signal, pass);
  }
}
