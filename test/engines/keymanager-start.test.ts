import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ServiceError, TimeoutError } from "../../src/model/error.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import type { Engine } from "../../src/targets/embedded/engine-definition.ts";
import { keymanagerEngine, type KeymanagerInput } from "../../src/targets/embedded/keymanager.ts";
import { databaseFor } from "../contract/keymanager.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";

/** Its process lives on when it cannot start, so waiting for its end would take as long as it is given at most. */
describe("a Keymanager that cannot start", () => {
  let server: TestServer;
  let dir: string;
  let options: { stateDir: string; scope: string; input: KeymanagerInput; emit: () => void };

  beforeAll(async () => {
    server = await startTestServer();
    dir = await mkdtemp(join(tmpdir(), "g2p-keymanager-start-"));
    await chmod(dir, 0o755);
    const input = { database: await databaseFor(server, "km") };
    options = { stateDir: join(dir, "state"), scope: "", input, emit: () => {} };
  });

  afterAll(async () => {
    await stopEngine(keymanagerEngine, options);
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** The engine with a password that its database refuses. */
  const failing: Engine<"keymanager", KeymanagerInput> = {
    ...keymanagerEngine,
    prepare: async (setup) => {
      const command = await keymanagerEngine.prepare(setup);
      return { ...command, args: [...command.args, "--keymanager_database_password=wrong"] };
    },
  };

  test("is told at once, with the reason, and stopped", async () => {
    const error = await startEngine(failing, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).code).toBe("EMBEDDED_START_FAILED");
    expect((error as ServiceError).message).toContain("Application run failed");
    expect((error as ServiceError).message).toContain('password authentication failed for user "km"');
    expect((error as ServiceError).message).not.toContain("\tat ");
    expect(await stopEngine(keymanagerEngine, options)).toBe(false);
  });

  test("by whomever it was started, is stopped and started anew", async () => {
    const impatient = { ...failing, readyTimeoutMs: 1 };
    expect(await startEngine(impatient, options).catch((thrown: unknown) => thrown)).toBeInstanceOf(TimeoutError);
    const started = await startEngine(keymanagerEngine, options);
    expect(started.started).toBe(true);
    expect((await startEngine(keymanagerEngine, options)).pid).toBe(started.pid);
  });
});
