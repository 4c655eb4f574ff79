import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { resolveVariables } from "../../engine/variables.ts";
import { ServiceError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import type { Io } from "../context.ts";
import { instanceBindings } from "../instance-bindings.ts";
import type { CommonOptions } from "../options.ts";
import { Servers } from "../servers.ts";
import { findInstance, loadSession } from "../session.ts";

/** Signals that are passed on to the program; it decides what they mean. */
const FORWARDED = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** Signals of the keyboard: a terminal sends them to the program as well, which must not get them twice. */
const FROM_KEYBOARD = ["SIGINT", "SIGQUIT"] as const;

const CANNOT_RUN: Readonly<Record<string, number>> = { ENOENT: 127, EACCES: 126 };

/**
 * `g2p exec SANDBOX/INSTANCE -- CMD`: runs a program with the instance's variables over our own environment. Its exit code is ours;
 * ended by signal N it is 128 + N; as in a shell it is 127 for a program that is not found and 126 for one that cannot be run.
 */
export async function run(args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const [name = "", command = "", ...words] = args;
  const session = await loadSession(options, io, false);
  const instance = findInstance(session.environment, name);
  const bindings = await instanceBindings(session, new Servers(session, io.env), instance);
  const variables = resolveVariables(instance.variables, bindings);
  const env = { ...io.env };
  // What the environment file says comes last and wins over the descriptor's components.
  for (const { name: key, value } of [...variables].sort(
    (a, b) => Number(a.component === "") - Number(b.component === ""),
  ))
    env[key] = value instanceof Secret ? value.reveal() : value;

  // Before the program starts, which may be told to end at once. Handlers run only after this function has paused, with the child known.
  let child: ChildProcess | undefined;
  const forward = [
    ...FORWARDED.map((signal) => [signal, () => void child?.kill(signal)] as const),
    ...FROM_KEYBOARD.map((signal) => [signal, () => void (io.stdin.isTTY === true || child?.kill(signal))] as const),
  ];
  for (const [signal, pass] of forward) process.on(signal, pass);
  try {
    const started = spawn(command, words, { stdio: "inherit", env });
    child = started;
    return await new Promise<number>((resolve, reject) => {
      started.on("error", (error: NodeJS.ErrnoException) => {
        const code = CANNOT_RUN[error.code ?? ""];
        if (code === undefined) {
          reject(
            new ServiceError(`Program "${command}" cannot be started (${error.code ?? error.message}).`, {
              code: "EXEC_FAILED",
              cause: error,
            }),
          );
          return;
        }
        io.stderr.write(
          `g2p exec: program "${command}" ${code === 127 ? "was not found" : "cannot be run: permission denied"}\n`,
        );
        resolve(code);
      });
      started.on("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const [signal, pass] of forward) process.off(signal, pass);
  }
}
