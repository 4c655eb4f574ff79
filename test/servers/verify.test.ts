import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Credential } from "../../src/model/credential.ts";
import type { EngineEvent } from "../../src/model/event.ts";
import type { Cell } from "../../src/model/plan.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { refKey } from "../../src/providers/postgresql/desired.ts";
import {
  ACCESSES,
  CREDENTIALS,
  DATABASES,
  DESIRED,
  type IsolatedServer,
  LEDGER,
  startIsolatedServer,
  wrong,
} from "../support/isolation.ts";

describe.each([15, 16, 18] as const)("PostgreSQL %i", (version) => {
  let isolated: IsolatedServer;
  const undo: string[] = [];
  const verify: IsolatedServer["verify"] = (changes) => isolated.verify(changes);

  beforeAll(async () => {
    isolated = await startIsolatedServer(version);
  }, 90_000);

  afterEach(async () => {
    await isolated.run(undo.splice(0).reverse());
  });

  afterAll(async () => {
    await isolated?.stop();
  }, 60_000);

  test("a server as wanted passes every attempt, and nothing is left behind", async () => {
    const before = await isolated.everything();
    const events: EngineEvent[] = [];
    const cells = await verify({ emit: (event) => events.push(event) });

    expect(wrong(cells)).toEqual([]);
    expect(await isolated.everything()).toEqual(before);

    const connects = cells
      .filter((cell) => cell.attempt === "connect")
      .map((cell) => `${cell.from} ${cell.to} ${cell.actual}`);
    const targets = [...DATABASES.map(refKey), LEDGER, "postgres", "template1"];
    expect(new Set(connects).size).toBe(connects.length);
    expect(connects.length).toBe((DATABASES.length + ACCESSES.length) * targets.length);

    expect(accepted(cells)).toEqual([
      "dev/pbms/main > dev/pbms2/main: NOTIFY",
      "dev/pbms/main > postgres: connect",
      "dev/pbms/registry > dev/registry/main: NOTIFY",
      "dev/pbms/registry > dev/registry/main: make large objects",
      "dev/pbms2/main > dev/pbms/main: NOTIFY",
      "dev/pbms2/main > postgres: connect",
    ]);
    expect(
      cells
        .filter((cell) => cell.how === "asked")
        .map((cell) => cell.attempt)
        .sort(),
    ).toEqual(["read future tables", "write future tables"]);

    expect(events[0]).toMatchObject({ type: "step-start", step: "verify" });
    const last = events.filter((event) => event.type === "step-progress").at(-1);
    expect(last).toMatchObject({ done: last?.total });
    expect(events.at(-1)).toMatchObject({
      type: "step-end",
      outcome: "done",
      detail: `${cells.length} attempts, all as expected`,
    });
    const printed = JSON.stringify({ cells, events });
    for (const { password } of CREDENTIALS.values()) expect(printed).not.toContain(password.reveal());
  });

  test("a large object of the owner stays closed, and its SECURITY DEFINER functions are printed", async () => {
    await isolated.inside("registry", [
      "SET ROLE registry_owner",
      "SELECT lo_create(4242)",
      "CREATE FUNCTION app.fix() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.people'",
    ]);
    const cells = await verify();
    await isolated.inside("registry", ["SET ROLE registry_owner", "SELECT lo_unlink(4242)", "DROP FUNCTION app.fix()"]);
    expect(wrong(cells)).toEqual([]);
    const of = (attempt: string) => cells.find((cell) => cell.attempt === attempt);
    expect(of("read the owner's large objects")).toMatchObject({ actual: "refused", how: "tried" });
    expect(of("run the owner's SECURITY DEFINER functions")).toMatchObject({
      accepted: true,
      detail: expect.stringContaining("app.fix"),
    });
  });

  test("on a server that is not the environment's, open maintenance databases are an accepted exception", async () => {
    undo.push("REVOKE ALL ON DATABASE postgres FROM PUBLIC", "REVOKE ALL ON DATABASE template1 FROM PUBLIC");
    await isolated.run([
      "GRANT CONNECT, TEMP ON DATABASE postgres TO PUBLIC",
      "GRANT CONNECT ON DATABASE template1 TO PUBLIC",
    ]);
    const cells = await verify({ desired: { ...DESIRED, closeMaintenance: false } });
    expect(wrong(cells)).toEqual([]);
    const maintenance = cells.filter(
      (cell) => ["postgres", "template1"].includes(cell.to) && cell.attempt === "connect",
    );
    expect(maintenance.filter((cell) => cell.accepted !== true)).toEqual([]);
    expect(maintenance.filter((cell) => cell.to === "template1").map((cell) => cell.how)).toEqual(
      Array(5).fill("asked"),
    );
  });

  test("with a sample, near databases and so many others are tried and the rest is asked", async () => {
    undo.push("REVOKE CONNECT ON DATABASE spar FROM pbms_registry");
    await isolated.run(["GRANT CONNECT ON DATABASE spar TO pbms_registry"]);
    const cells = await verify({ sample: 0 });
    expect(wrong(cells)).toEqual(["dev/pbms/registry > dev/spar/main: connect allowed"]);
    const how = new Map(
      cells.filter((cell) => cell.attempt === "connect").map((cell) => [`${cell.from} > ${cell.to}`, cell.how]),
    );
    expect(how.get("dev/pbms/main > dev/registry/main")).toBe("tried");
    expect(how.get("dev/pbms/main > dev/spar/main")).toBe("asked");
    expect(how.get("dev/spar/main > dev/registry/main")).toBe("asked");
    expect(how.get("dev/spar/main > postgres")).toBe("tried");

    const drawn = (await verify({ sample: 1 })).filter(
      (cell) => cell.attempt === "connect" && cell.from === "dev/spar/main" && cell.to.endsWith("/main"),
    );
    expect(drawn.filter((cell) => cell.how === "tried").length).toBe(2);
  });

  test("a full connection limit is an error, not a refusal", async () => {
    undo.push("ALTER ROLE spar CONNECTION LIMIT 20");
    await isolated.run(["ALTER ROLE spar CONNECTION LIMIT 1"]);
    const { password } = CREDENTIALS.get("dev/spar/main") as Credential;
    const busy = await connect({ server: isolated.server.admin, database: "spar", user: "spar", password });
    const cells = await verify();
    await busy.end();
    const connects = cells.filter((cell) => cell.from === "dev/spar/main" && cell.attempt === "connect");
    expect(new Set(connects.map((cell) => cell.actual))).toEqual(new Set(["error"]));
    expect(connects[0]?.detail).toContain("53300");
  }, 20_000);

  test("a connection limit of one is enough for verify itself", async () => {
    undo.push("ALTER ROLE spar CONNECTION LIMIT 20");
    await isolated.run(["ALTER ROLE spar CONNECTION LIMIT 1"]);
    expect(wrong(await verify())).toEqual([]);
  }, 20_000);

  test("a login without a stored password is an error in all its cells", async () => {
    const credentials = new Map([...CREDENTIALS].filter(([key]) => key !== "dev/registry/main"));
    const cells = await verify({ credentials });
    const own = cells.filter((cell) => cell.from === "dev/registry/main" && cell.attempt === "connect");
    expect(own.every((cell) => cell.actual === "error" && !cell.ok)).toBe(true);
    expect(own[0]?.detail).toContain("no password is stored");
    expect(wrong(cells)).toContain("dev/pbms/registry > dev/registry/main: read future tables error");
  });

  test("an abort ends it with the signal's reason", async () => {
    const stop = new AbortController();
    const reason = new Error("stopped by the test");
    const emit = (event: EngineEvent) => event.type === "step-progress" && stop.abort(reason);
    await expect(verify({ emit, signal: stop.signal })).rejects.toBe(reason);
  });
});

function accepted(cells: readonly Cell[]): string[] {
  const short = (cell: Cell) =>
    cell.attempt.startsWith("NOTIFY ") ? `${cell.attempt.slice(7)}: NOTIFY` : `${cell.to}: ${cell.attempt}`;
  return cells
    .filter((cell) => cell.accepted === true)
    .map((cell) => `${cell.from} > ${short(cell)}`)
    .sort();
}
