import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../support/port.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";
import { type Binding, bindingsOf, environmentFile, makePlace, type Place, query, ROOT } from "./harness.ts";

const PASSWORD = "G2P_POSTGRESQL_PASSWORD";

let server: TestServer;
let admin: Binding;
const places: Place[] = [];
beforeAll(async () => {
  server = await startTestServer();
  const { host, port, user, database, password } = server.admin;
  admin = { host, port: String(port), username: user, database, password: password.reveal(), uri: "" };
});
afterAll(async () => {
  for (const place of places) await place.remove();
  await server?.stop();
});

/** An environment on the test's own server, which already runs. */
function external(name: string, sandboxes: Parameters<typeof environmentFile>[0], more = ""): Place {
  const postgresql = `{mode: external, host: ${admin.host}, port: ${admin.port}, admin: {user: ${admin.username}, passwordFrom: {env: ${PASSWORD}}}${more}}`;
  const place = makePlace(environmentFile(sandboxes, { name, postgresql }), { [PASSWORD]: admin.password });
  places.push(place);
  return place;
}

const SANDBOXES = { dev: ["registry", "pbms"] };

describe("two environments with the same sandboxes on one server", () => {
  let alpha: Place;
  let beta: Place;
  beforeAll(() => {
    alpha = external("alpha", SANDBOXES);
    beta = external("beta", SANDBOXES);
  });

  test("come up side by side, each under its prefix, and up does not stay where it runs no server", async () => {
    for (const place of [alpha, beta]) {
      const up = await place.g2p("up");
      expect(up, up.stderr).toMatchObject({ code: 0, stdout: expect.not.stringContaining("Ctrl-C") });
    }
    const names = await query(admin, "SELECT datname FROM pg_database WHERE datname LIKE '%dev__registry' ORDER BY 1");
    expect(names).toEqual([{ datname: "alpha___dev__registry" }, { datname: "beta___dev__registry" }]);
    for (const place of [alpha, beta]) expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  });

  test("cannot reach each other", async () => {
    const [mine, theirs] = await Promise.all(
      [alpha, beta].map(async (place) => (await bindingsOf(place, "dev/registry"))["main"]!),
    );
    expect(await query(mine!, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await expect(query({ ...mine!, database: theirs!.database }, "SELECT 1")).rejects.toThrow(
      "permission denied for database",
    );
  });

  test("without prefixes the second is refused what the first holds, and told who that is and since when", async () => {
    const plain = ', prefix: ""';
    expect(await external("first", { plain: ["spar"] }, plain).g2p("apply")).toMatchObject({ code: 0 });
    const { code, data } = await external("second", { plain: ["spar"], free: ["spar"] }, plain).json<{
      items: { name: string; action: string; reason?: string }[];
    }>("apply");
    expect(code).toBe(3);
    expect(data.items).toMatchObject([
      {
        name: "plain__spar",
        action: "refuse",
        reason: expect.stringMatching(/held by first\/plain\/spar\/main since \d{4}-/),
      },
      { name: "free__spar", action: "create", outcome: "done" },
    ]);
  });

  test("another one of the same name is refused, since it would be taken for it", async () => {
    const { code, data } = await external("alpha", { another: ["spar"] }).json("up");
    expect(code).toBe(3);
    expect(data).toMatchObject({
      error: "refused",
      code: "ENVIRONMENT_TAKEN",
      message: expect.stringContaining("alpha"),
    });
    expect(await query(admin, "SELECT 1 FROM pg_database WHERE datname LIKE '%another__spar'")).toEqual([]);
  });

  test("removing a sandbox of one leaves the other's", async () => {
    const removed = await alpha.g2p("remove", "dev", "--delete-data", "--yes");
    expect(removed, removed.stderr).toMatchObject({ code: 0 });
    expect(await query(admin, "SELECT 1 FROM pg_roles WHERE rolname LIKE 'alpha%'")).toEqual([]);
    expect(await beta.g2p("plan")).toMatchObject({ code: 0 });
    expect(await beta.g2p("verify")).toMatchObject({ code: 0 });
  });

  test("says which variable with the administrator's password is not set", async () => {
    const forgetful = makePlace(readFileSync(beta.file, "utf8"));
    places.push(forgetful);
    expect(await forgetful.json("plan")).toMatchObject({
      code: 1,
      data: { code: "SECRET_MISSING", message: expect.stringContaining(PASSWORD) },
    });
  });
});

test("a server that nobody answers for is an error, and for status a state", async () => {
  const place = makePlace(
    environmentFile(
      { dev: ["spar"] },
      {
        postgresql: `{mode: external, host: 127.0.0.1, port: ${await freePort()}, admin: {user: postgres, passwordFrom: {env: ${PASSWORD}}}}`,
      },
    ),
    { [PASSWORD]: "any" },
  );
  places.push(place);
  for (const command of ["plan", "apply", "verify", "up"]) {
    const { code, data } = await place.json(command);
    expect([code, data["error"]], command).toEqual([1, "service"]);
    expect(data["message"]).toContain("127.0.0.1");
  }
  const { code, data } = await place.json("status");
  expect(code).toBe(2);
  expect(data).toMatchObject({
    servers: [{ id: "postgresql", state: "unhealthy", reason: expect.stringContaining("127.0.0.1") }],
    items: [{ state: "unknown" }],
  });
});

describe("examples/legacy-names", () => {
  test("takes over databases of an older installation under their names, with their data", async () => {
    for (const [database, login] of [
      ["registry", "registry_user"],
      ["registry_idgenerator", "registry_idgenerator_user"],
      ["openg2p_spar_db", "spardbuser"],
    ] as const) {
      await query(
        admin,
        `CREATE ROLE "${login}" LOGIN PASSWORD 'old'`,
        `CREATE DATABASE "${database}" OWNER "${login}"`,
      );
      await query(
        { ...admin, database, username: login, password: "old" },
        `CREATE TABLE kept AS SELECT '${database}' AS name`,
      );
    }
    const example = readFileSync(join(ROOT, "examples/legacy-names/g2p.yaml"), "utf8");
    const text = example
      .replace(/host: .*\n(\s*)ca: .*/, `host: ${admin.host}\n$1port: ${admin.port}`)
      .replace("user: g2p_admin", `user: ${admin.username}`);
    expect(text).not.toContain("db.example.org");
    const place = makePlace(text, { [PASSWORD]: admin.password });
    places.push(place);
    const old = { ...admin, database: "registry", username: "registry_user", password: "old" };

    const refused = await place.g2p("apply");
    expect([refused.code, refused.stdout]).toEqual([3, expect.stringMatching(/not ours[\s\S]*3 refused/)]);
    expect(await query(old, "SELECT name FROM kept")).toEqual([{ name: "registry" }]);

    const adopt = ["--adopt", "registry", "registry_idgenerator", "openg2p_spar_db"];
    expect(await place.g2p("plan", ...adopt)).toMatchObject({ code: 2 });
    const adopted = await place.g2p("apply", ...adopt);
    expect(adopted, adopted.stdout + adopted.stderr).toMatchObject({ code: 0 });
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
    expect(await place.g2p("verify")).toMatchObject({ code: 0 });

    const { main } = (await bindingsOf(place, "prod/registry")) as { main: Binding };
    expect(main).toMatchObject({ database: "registry", username: "registry_user" });
    expect(
      await query(
        main,
        "SELECT name FROM kept",
        "INSERT INTO kept VALUES ('new')",
        "CREATE TABLE more ()",
        "SELECT name FROM kept",
      ),
    ).toHaveLength(2);
    await expect(query(old, "SELECT 1")).rejects.toThrow("password authentication failed");
    const spar = await place.g2p(
      "exec",
      "prod/spar",
      "--",
      "sh",
      "-c",
      "echo $SPAR_MAPPER_DB_DBNAME $SPAR_MAPPER_DB_USERNAME",
    );
    expect(spar.stdout).toBe("openg2p_spar_db spardbuser\n");
  });
});
