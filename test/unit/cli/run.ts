import { spawn } from "node:child_process";
import { join } from "node:path";

/** Root of the package. */
export const ROOT = join(import.meta.dirname, "../../..");

/** How a process ended and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Settings of {@link run}. */
export interface RunSettings {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Called with all of stderr each time more of it is there. */
  readonly onStderr?: (text: string, pid: number) => void;
}

/** Runs a program to its end. Its environment holds only a PATH unless given. */
export function run(program: string, args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: settings.cwd ?? ROOT,
      env: { PATH: process.env["PATH"] ?? "", ...settings.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
      settings.onStderr?.(stderr, child.pid ?? 0);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs `g2p` from source. */
export function g2p(args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  return run(process.execPath, [join(ROOT, "src/cli/main.ts"), ...args], settings);
}
