import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { spawnTied } from "../../../src/targets/embedded/tied-process.ts";
import { until } from "../../../src/targets/embedded/until.ts";

const MODULE = fileURLToPath(new URL("../../../src/targets/embedded/tied-process.ts", import.meta.url));

async function run(...command: readonly [string, ...string[]]) {
  const child = spawnTied(command[0], command.slice(1), { cwd: "/" });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}

test("a program's output and exit code are its own, and its input is empty", async () => {
  const script = 'echo "$1"; cat; echo worse >&2; exit 7';
  expect(await run("/bin/sh", "-c", script, "sh", "a 'b' $c")).toEqual({
    stdout: "a 'b' $c\n",
    stderr: "worse\n",
    code: 7,
  });
});

test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)("a program ends when its parent ends by %s", async (signal) => {
  const parent = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `const { spawnTied } = await import(${JSON.stringify(MODULE)});
       spawnTied("/bin/sh", ["-c", "echo $$; exec sleep 600"], { cwd: "/" }).stdout.pipe(process.stdout);`,
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (data) => resolve(Number(data))));
  expect(isAlive(pid)).toBe(true);
  parent.kill(signal);
  expect(await until(async () => (isAlive(pid) ? undefined : true), 10_000)).toBe(true);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
