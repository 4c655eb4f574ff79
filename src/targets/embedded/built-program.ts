import { constants } from "node:fs";
import { copyFile, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { ServiceError } from "../../model/error.ts";
import type { Emit } from "../../model/event.ts";
import { cacheDir } from "./cache-dir.ts";
import { fillEngineFolder } from "./engine-folder.ts";
import { findProgram } from "./find-program.ts";
import { canPass, runAs } from "./run-as.ts";
import { spawnTied } from "./tied-process.ts";

const LINES_SHOWN = 6;

/** A server program that is taken from PATH, or else built from its published source. */
export interface BuiltProgram {
  /** Of the file, e.g. `minio`. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** The compiler's program, e.g. `go`. */
  readonly compiler: string;
  /** How to get that, e.g. `Go 1.24 or newer`. */
  readonly compilerTitle: string;
  /** About how many lines of progress a whole build prints. */
  readonly lines: number;
  /** Arguments and variables with which the compiler puts the program into `<folder>/bin/<name>`. */
  readonly build: (folder: string) => {
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
}

/** One line that says what is missing on this machine to have the program, or undefined. */
export async function programMissing(program: BuiltProgram): Promise<string | undefined> {
  const found = await Promise.all([program.name, program.compiler].map(findProgram));
  if (found.some((path) => path !== undefined)) return undefined;
  return `needs \`${program.name}\` or ${program.compilerTitle} on PATH; with the latter it is built once, which takes some minutes`;
}

/**
 * The program's folder: where PATH finds it, where the user that servers run as may not go a copy of it, and without one on PATH what
 * the compiler made once. The compiler checks the sources against their published checksums and keeps what it downloaded and
 * built below our cache, so an interrupted build goes on where it stopped.
 *
 * @returns folder with the program in it, readable by that user
 * @throws ServiceError `BUILD_FAILED` with the compiler's last words
 */
export async function installProgram(program: BuiltProgram, emit: Emit): Promise<string> {
  const onWait = () =>
    emit({ type: "note", level: "info", text: `another process builds ${program.title}; waiting for it` });
  const onPath = await findProgram(program.name);
  if (onPath !== undefined) {
    const file = await realpath(onPath);
    const user = await runAs(undefined);
    if (user === undefined || (await canPass(user, file))) return dirname(file);
    const { size, mtimeMs } = await stat(file);
    const copy = (folder: string) => copyFile(file, join(folder, program.name), constants.COPYFILE_FICLONE);
    return fillEngineFolder(`${program.name}-copy`, `${size}-${Math.round(mtimeMs)}`, copy, onWait);
  }
  const home = await fillEngineFolder(program.name, program.version, (folder) => build(program, folder, emit), onWait);
  return join(home, "bin");
}

async function build(program: BuiltProgram, folder: string, emit: Emit): Promise<void> {
  const step = `install ${program.name}`;
  const total = program.lines;
  const begun = performance.now();
  const end = (outcome: "done" | "failed") => emit({ type: "step-end", step, outcome, ms: performance.now() - begun });
  emit({ type: "step-start", step, title: `Building ${program.title} (once; some minutes)`, total });
  const { args, env } = program.build(folder);
  await mkdir(join(folder, "bin"), { recursive: true });
  const said: string[] = [];
  try {
    const child = spawnTied(program.compiler, args, { cwd: cacheDir(), env: { ...process.env, ...env } });
    child.stdout.resume();
    const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      emit({ type: "step-progress", step, done: Math.min(said.length, total), total, doing: line.trim().slice(0, 80) });
    }
    const code = await ended;
    if (code !== 0) throw buildFailed(program, code, said);
    end("done");
  } catch (error) {
    end("failed");
    throw error;
  }
}

function buildFailed(program: BuiltProgram, code: number | null, said: readonly string[]): ServiceError {
  // A proxy's user and password never reach a message.
  const last = said.slice(-LINES_SHOWN).map((line) => line.replaceAll(/\/\/[^/@\s]+@/g, "//"));
  return new ServiceError(
    `${program.compiler} could not build ${program.title} (exit code ${code}): ${last.join("\n") || "it said nothing"}`,
    {
      code: "BUILD_FAILED",
      hint: `Check the network and the compiler's version, or install \`${program.name}\` yourself; what was built already is kept.`,
    },
  );
}
