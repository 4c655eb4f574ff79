import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import {
  type Binding,
  bindingsOf,
  environmentFile,
  makePlace,
  onTerminal,
  type Place,
  query,
  startG2p,
  writeTo,
} from "./harness.ts";

const SANDBOXES = {
  dev: [
    "{module: registry, claims: {main: {readers: [superset]}}}",
    "pbms",
    "{module: spar, env: {SPAR_URL: '${main.uri}', QUOTES: \"it's $HOME\", MARKS: '\"$5\" # \\', WORD: \"it's\"}}",
  ],
};

let place: Place;
beforeAll(async () => {
  place = makePlace(environmentFile(SANDBOXES));
  expect(await place.g2p("up", "--detach")).toMatchObject({ code: 0 });
});
afterAll(() => place?.remove());

describe("bindings", () => {
  test("hide passwords unless asked to reveal them", async () => {
    const { registry } = (await bindingsOf(place, "dev/pbms")) as { registry: Binding };
    for (const format of ["env", "dotenv", "json", "secret"]) {
      const masked = await place.g2p("bindings", "dev/pbms", "--format", format);
      expect([masked.code, masked.stdout]).toEqual([0, expect.stringContaining("********")]);
      expect(masked.stdout).not.toContain(registry.password);
      const revealed = await place.g2p("bindings", "dev/pbms", "--format", format, "--reveal");
      expect([revealed.code, revealed.stdout]).toEqual([0, expect.stringContaining(registry.password)]);
      expect(revealed.stdout).not.toContain("********");
    }
  });

  test("as env are evaluated by a shell, and their login works", async () => {
    const { stdout } = await place.g2p("bindings", "dev/spar", "--reveal");
    const script = `${stdout}\nfor v in HOSTNAME PORT DBNAME USERNAME PASSWORD; do eval "echo \\$SPAR_MAPPER_PARTNER_API_DB_$v"; done; echo "$QUOTES"`;
    const shell = spawnSync("sh", ["-euc", script], { encoding: "utf8" });
    const [host, port, database, username, password, quotes] = shell.stdout.split("\n");
    expect(quotes).toBe("it's $HOME");
    const rows = await query(
      { host, port, database, username, password, uri: "" } as Binding,
      "SELECT session_user::text AS login, current_user::text AS role",
    );
    expect(rows).toEqual([{ login: "dev__spar___a", role: "dev__spar___owner" }]);
  });

  test("as dotenv are read by Node.js, which other readers of such files agree with", async () => {
    const { stdout } = await place.g2p("bindings", "dev/spar", "--format", "dotenv", "--reveal");
    const { main } = (await bindingsOf(place, "dev/spar")) as { main: Binding };
    expect(parseEnv(stdout)).toMatchObject({
      SPAR_MAPPER_PARTNER_API_DB_HOSTNAME: "127.0.0.1",
      SPAR_MAPPER_PARTNER_API_DB_PORT: main.port,
      SPAR_MAPPER_PARTNER_API_DB_DBNAME: "dev__spar",
      SPAR_MAPPER_PARTNER_API_DB_PASSWORD: main.password,
      SPAR_URL: main.uri,
      MARKS: '"$5" # \\',
      WORD: "it's",
    });
  });

  test("as JSON give all fields of each binding and all variables", async () => {
    const { data } = await place.json<unknown[]>("bindings");
    expect(data).toHaveLength(3);
    const one = await place.json("bindings", "dev/registry", "--claim", "superset");
    expect(one).toMatchObject({ code: 0, data: { sandbox: "dev", instance: "registry", module: "registry" } });
    expect(one.data["bindings"]).toEqual({
      superset: {
        type: "postgresql",
        host: "127.0.0.1",
        port: expect.stringMatching(/^\d+$/),
        database: "dev__registry",
        username: "dev__registry__superset___access_a",
        password: "********",
        uri: "********",
        sslmode: "disable",
      },
    });
  });

  test("as secret are Kubernetes Secrets as the Service Binding specification has them", async () => {
    const { stdout } = await place.g2p("bindings", "dev/pbms", "--format", "secret", "--reveal");
    const secrets = parseAllDocuments(stdout).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Record<string, unknown>;
    });
    const bindings = await bindingsOf(place, "dev/pbms");
    expect(secrets).toHaveLength(Object.keys(bindings).length);
    expect(new Set(secrets.map((secret) => (secret["metadata"] as { name: string }).name)).size).toBe(secrets.length);
    for (const secret of secrets) {
      expect(secret).toMatchObject({
        apiVersion: "v1",
        kind: "Secret",
        type: "servicebinding.io/postgresql",
        metadata: { namespace: "dev" },
      });
      const { stringData } = secret as { stringData: Record<string, string> };
      for (const key of ["type", "provider", "host", "port", "database", "username", "password", "uri"])
        expect(stringData).toHaveProperty(key, expect.any(String));
      expect(Object.values(bindings)).toContainEqual(
        expect.objectContaining({ username: stringData["username"], password: stringData["password"] }),
      );
    }
  });

  test.each([
    [["dev/sapr"], "UNKNOWN_INSTANCE", "dev/registry, dev/pbms, dev/spar"],
    [["dev/spar", "--claim", "nix"], "UNKNOWN_CLAIM", "main"],
    [["dev/spar", "--component", "nix"], "UNKNOWN_COMPONENT", "mapper-api, bene-portal-api"],
  ])("of %j are an error that lists the choices", async (args, code, choices) => {
    const ended = await place.json("bindings", ...args);
    expect(ended).toMatchObject({ code: 1, data: { code, hint: expect.stringContaining(choices) } });
  });
});

describe("exec", () => {
  const exec = (...command: string[]) => place.g2p("exec", "dev/spar", "--", ...command);

  test("hands on variables, standard input and outputs", async () => {
    const { main } = (await bindingsOf(place, "dev/spar")) as { main: Binding };
    const running = await startG2p(
      [
        "exec",
        "dev/spar",
        "--",
        "sh",
        "-c",
        'cat; echo "$SPAR_MAPPER_PARTNER_API_DB_PASSWORD"; echo "$OWN $QUOTES" >&2',
      ],
      {
        cwd: place.dir,
        env: { OWN: "mine", QUOTES: "outer" },
        input: "from outside\n",
      },
    );
    expect(await running.ended).toEqual({
      code: 0,
      stdout: `from outside\n${main.password}\n`,
      stderr: "mine it's $HOME\n",
    });
  });

  test("ends as the program does", async () => {
    expect(await exec("sh", "-c", "exit 42")).toEqual({ code: 42, stdout: "", stderr: "" });
    expect(await exec("sh", "-c", "kill -TERM $$")).toMatchObject({ code: 143 });
    expect(await exec("no-such-program")).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('"no-such-program" was not found'),
    });
    expect(await exec("/etc/passwd")).toMatchObject({
      code: 126,
      stderr: expect.stringContaining('"/etc/passwd" cannot be run'),
    });
    expect(await place.g2p("exec", "dev/nix", "--", "true")).toMatchObject({ code: 1 });
  });

  test("passes signals on and leaves their meaning to the program", async () => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      const script = `trap 'echo got it; exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      const running = await startG2p(["exec", "dev/spar", "--", "sh", "-c", script], { cwd: place.dir });
      await running.until("ready");
      running.signal(signal);
      expect(await running.ended).toEqual({ code: 9, stdout: "ready\ngot it\n", stderr: "" });
    }
  });

  test("on a terminal lets Ctrl-C reach the program once, and the program have the terminal", async () => {
    const script =
      "trap 'n=$((n+1))' INT; test -t 0 && echo ready; while [ -z \"$n\" ]; do sleep 0.05; done; sleep 0.3; echo caught $n";
    const terminal = await onTerminal(["exec", "dev/spar", "--", "sh", "-c", script], { cwd: place.dir });
    await terminal.until("ready");
    terminal.type("\u0003");
    const { code, screen } = await terminal.ended;
    expect([code, screen]).toEqual([0, expect.stringContaining("caught 1")]);
  });
});

describe("wait", () => {
  test("returns at once for what is ready, by name, by binding directory and by flags", async () => {
    expect(await place.g2p("wait", "dev/spar", "dev/pbms", "--timeout", "20s")).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^ready after/),
    });
    const all = await place.json<{ ready: boolean; targets: { name: string }[] }>("wait");
    expect([all.code, all.data.ready, all.data.targets.length]).toEqual([0, true, 7]);

    const { main } = (await bindingsOf(place, "dev/spar")) as { main: Binding };
    for (const [key, value] of Object.entries(main)) writeTo(join(place.dir, "bindings/spar", key), value);
    expect(await place.g2p("wait", "--binding", "bindings", "--timeout", "20s")).toMatchObject({ code: 0 });

    const { host, port, database, username } = main;
    const running = await startG2p(
      ["wait", "--host", host, "--port", port, "--database", database, "--user", username, "--timeout", "20s"],
      {
        cwd: place.dir,
        env: { PGPASSWORD: main.password },
      },
    );
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  test("times out with exit code 4 and the last reason, and ends at once with --fail-fast", async () => {
    const { main } = (await bindingsOf(place, "dev/spar")) as { main: Binding };
    const flags = [
      "wait",
      "--host",
      main.host,
      "--port",
      main.port,
      "--database",
      "absent",
      "--user",
      main.username,
      "--timeout",
    ];
    const wait = async (...more: string[]) =>
      (await startG2p([...flags, ...more], { env: { PGPASSWORD: main.password } })).ended;
    expect(await wait("400ms")).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/error WAIT_TIMEOUT[\s\S]*absent.*does not exist/),
    });
    const wrong = await startG2p(
      [
        "wait",
        "--host",
        main.host,
        "--port",
        main.port,
        "--database",
        main.database,
        "--user",
        main.username,
        "--fail-fast",
      ],
      {
        env: { PGPASSWORD: "wrong" },
      },
    );
    expect(await wrong.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("error WAIT_UNHEALTHY") });
  });

  test("waits through a stop of the server until it is up again", async () => {
    expect(await place.g2p("down")).toMatchObject({
      code: 0,
      stdout: "Stopped postgresql. Data and credentials stay.\n",
    });
    const waiting = await startG2p(["wait", "dev/spar", "--timeout", "60s"], { cwd: place.dir });
    await waiting.until("waiting for dev/spar main");
    expect(await place.g2p("up", "--detach")).toMatchObject({ code: 0 });
    expect(await waiting.ended).toMatchObject({ code: 0 });
  });
});
