import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadEnvironment } from "../../../src/config/load.ts";
import { environmentTemplate } from "../../../src/config/template.ts";
import { SERVICES } from "../../../src/model/service.ts";
import { builtinModules } from "../../../src/modules/builtin.ts";
import { claim, folder, instance, load, problemsOf } from "./loading.ts";

const EXAMPLES = join(import.meta.dirname, "../../../examples");
const EMBEDDED =
  "apiVersion: g2p.dev/v1\nenvironment: staging\ncommons: {postgresql: {}, elsewhere: [s3, keycloak, keymanager, redis]}\n";

describe("the example of two sandboxes", () => {
  it("places every claim, access and reader", async () => {
    const environment = await loadEnvironment(join(EXAMPLES, "two-sandboxes/g2p.yaml"));
    const ids = environment.instances.flatMap(({ claims }) =>
      claims.map((one) => `${one.kind} ${one.sandbox}/${one.instance}/${one.claim}`),
    );
    expect(ids.filter((id) => id.includes(" dev/"))).toEqual([
      "database dev/farmers/main",
      "database dev/farmers/idgenerator",
      "database dev/students/main",
      "database dev/students/idgenerator",
      "database dev/pbms/main",
      "database dev/pbms/bgtask",
      "access dev/pbms/registry",
      "database dev/g2p-bridge/main",
      "database dev/g2p-bridge/example-bank",
      "access dev/g2p-bridge/pbms",
      "access dev/g2p-bridge/registry",
      "database dev/spar/main",
    ]);
    expect(ids).toContain("access staging/farmers/superset");
    expect(environment.commons.postgresql).toEqual({
      mode: "embedded",
      sharing: "environment",
      version: 18,
      prefix: "",
      closeMaintenance: true,
    });
  });

  it("resolves uses inside the sandbox and tells accesses whom they read", async () => {
    const environment = await loadEnvironment(join(EXAMPLES, "two-sandboxes/g2p.yaml"));
    const bridge = instance(environment, "staging", "g2p-bridge");
    expect(bridge.uses).toEqual({
      pbms: { sandbox: "staging", instance: "pbms" },
      registry: { sandbox: "staging", instance: "farmers" },
      spar: { sandbox: "staging", instance: "spar" },
    });
    expect(claim(bridge, "registry")).toMatchObject({
      mode: "read",
      target: { sandbox: "staging", instance: "farmers", claim: "main" },
    });
    expect(claim(instance(environment, "staging", "farmers"), "superset")).toMatchObject({
      kind: "access",
      target: { sandbox: "staging", instance: "farmers", claim: "main" },
      connectionLimit: 10,
    });
  });
});

describe("the example of legacy names", () => {
  it("keeps fixed names, adds variables and resolves paths from the file", async () => {
    const environment = await loadEnvironment(join(EXAMPLES, "legacy-names/g2p.yaml"));
    expect(environment.commons.postgresql).toEqual({
      mode: "external",
      sharing: "environment",
      prefix: "legacy",
      closeMaintenance: false,
      servers: {
        "": {
          host: "db.example.org",
          port: 5432,
          sslmode: "verify-full",
          caFile: join(EXAMPLES, "legacy-names/ca.pem"),
          admin: { user: "g2p_admin", database: "postgres", passwordFrom: { env: "G2P_POSTGRESQL_PASSWORD" } },
        },
      },
    });
    const spar = instance(environment, "prod", "spar");
    expect(claim(spar, "main")).toMatchObject({
      spec: { fixedName: { database: "openg2p_spar_db", login: "spardbuser" }, settings: { statement_timeout: "30s" } },
    });
    expect(spar.variables).toContainEqual({
      name: "SPAR_MAPPER_DB_HOSTNAME",
      template: "${main.host}",
      component: "",
    });
  });
});

describe("a module of the user's own", () => {
  it("is read from its file, with its access consented to by the owner", async () => {
    const environment = await loadEnvironment(join(EXAMPLES, "own-module/g2p.yaml"));
    const grievance = instance(environment, "dev", "grievance");
    expect(grievance.claims.map(({ kind, claim: name }) => [kind, name])).toEqual([
      ["database", "main"],
      ["access", "registry"],
    ]);
    expect(grievance.variables).toEqual([
      { name: "GRIEVANCE_DATABASE_URL", template: "${main.uri}", component: "api" },
      { name: "GRIEVANCE_REGISTRY_URL", template: "${registry.uri}", component: "api" },
    ]);
  });

  it("may have claims and roles named like what every object has", async () => {
    writeFileSync(
      join(folder(), "odd.yaml"),
      "apiVersion: g2p.dev/v1\nkind: Module\nmodule: odd\ntitle: Odd\nuses: {constructor: {module: registry, optional: true}}\nclaims: {constructor: {}}\n",
    );
    const environment = await load(`${EMBEDDED}sandboxes: [{name: constructor, modules: [./odd.yaml, registry]}]\n`);
    const odd = instance(environment, "constructor", "odd");
    expect(odd.uses).toEqual({ constructor: { sandbox: "constructor", instance: "registry" } });
    expect(claim(odd, "constructor")).toMatchObject({ spec: { fixedName: {} }, accept: [] });
  });
});

describe("an optional use", () => {
  it("that nobody can fill takes its access and variables with it", async () => {
    const environment = await load(`${EMBEDDED}sandboxes: [{name: dev, modules: [g2p-bridge]}]\n`);
    const bridge = instance(environment, "dev", "g2p-bridge");
    expect(bridge.claims.map(({ claim: name }) => name)).toEqual(["main", "example-bank"]);
    expect(bridge.variables.filter(({ name }) => /_PBMS$|_REGISTRY$/.test(name))).toEqual([]);
  });

  it("can be done without although it could be filled", async () => {
    const environment = await load(
      `${EMBEDDED}sandboxes: [{name: dev, modules: [registry, {module: g2p-bridge, uses: {registry: false}}]}]\n`,
    );
    expect(instance(environment, "dev", "g2p-bridge").uses).toEqual({});
  });
});

describe("consent", () => {
  const across = (shares: string) =>
    `${EMBEDDED}sandboxes:
  - {name: dev, modules: [{module: registry${shares}}]}
  - {name: test, modules: [{module: pbms, uses: {registry: dev/registry}}]}
`;

  it("of the owner lets an instance of another sandbox read", async () => {
    const environment = await load(across(", shares: {main: [test/pbms]}"));
    expect(claim(instance(environment, "test", "pbms"), "registry")).toMatchObject({
      target: { sandbox: "dev", instance: "registry", claim: "main" },
    });
  });

  it("given to an instance of the owner's sandbox does not reach its namesake in another", async () => {
    const text = across(", shares: {main: [pbms]}").replace("[{module: registry,", "[pbms, {module: registry,");
    expect(await problemsOf(text)).toEqual([
      "`test/pbms` would read `dev/registry/main`, whose owner does not consent; add `test/pbms` to `shares.main` (instance `dev/registry`, g2p.yaml line 5)",
    ]);
  });

  it("in `shares` only adds to what built-in modules grant each other", async () => {
    const environment = await load(
      `${EMBEDDED}sandboxes: [{name: dev, modules: [{module: registry, shares: {main: [spar]}}, pbms, spar]}]\n`,
    );
    expect(claim(instance(environment, "dev", "pbms"), "registry").kind).toBe("access");
  });
});

describe("an entry's changes", () => {
  it("go over the descriptor's", async () => {
    const environment = await load(`${EMBEDDED}id: 6F9619FF-8B86-4D01-B42D-00CF4FC964FF
sandboxes:
  - name: dev
    modules:
      - module: registry
        claims:
          main:
            connectionLimit: 7
            extensions: [postgis, pg_trgm]
            settings: {timezone: Africa/Nairobi}
            readers: [superset]
            accept: ["password"]
        accesses: {superset: {connectionLimit: 3, accept: ["membership:*"]}}
        env: {PGHOST: "\${idgenerator.host}", EXTRA: constant}
`);
    const registry = instance(environment, "dev", "registry");
    expect(environment.id).toBe("6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
    expect(claim(registry, "main")).toMatchObject({
      spec: { connectionLimit: 7, extensions: ["pg_trgm", "postgis"], settings: { TimeZone: "Africa/Nairobi" } },
      accept: ["password"],
      position: { line: 10, column: 11 },
    });
    expect(claim(registry, "superset")).toMatchObject({
      connectionLimit: 3,
      accept: ["membership:*"],
      position: { line: 14, column: 23 },
    });
    expect(registry.variables.filter(({ name }) => name === "PGHOST" || name === "EXTRA")).toEqual([
      { name: "PGHOST", template: "${idgenerator.host}", component: "" },
      { name: "EXTRA", template: "constant", component: "" },
    ]);
  });

  it("may give one fixed name twice on different servers", async () => {
    const text = `sandboxes:
  - {name: dev, modules: [{module: spar, claims: {main: {name: spar}}}]}
  - {name: test, modules: [{module: spar, claims: {main: {name: spar}}}]}
`;
    expect(await problemsOf(EMBEDDED + text)).toHaveLength(1);
    const apart = EMBEDDED.replace("{postgresql: {}", "{postgresql: {sharing: sandbox}");
    expect((await load(apart + text)).instances).toHaveLength(2);
  });
});

describe("external servers", () => {
  const server = (host: string) => `{host: ${host}, admin: {user: g2p, passwordFrom: {file: secret.txt}}}`;
  const environment = (servers: string) => `apiVersion: g2p.dev/v1
environment: staging
commons: {postgresql: {mode: external, sharing: sandbox, prefix: "", servers: ${servers}}, elsewhere: [keycloak, keymanager]}
sandboxes:
  - {name: dev, modules: [{module: spar, claims: {main: {name: spar}}}]}
  - {name: test, modules: [{module: spar, claims: {main: {name: spar}}}]}
`;

  it("are listed by scope, without TLS on this machine only", async () => {
    const { commons } = await load(environment(`{dev: ${server("127.0.0.1")}, test: ${server("db.example.org")}}`));
    expect(commons.postgresql).toMatchObject({
      prefix: "",
      servers: {
        dev: { sslmode: "disable", admin: { passwordFrom: { file: join(folder(), "secret.txt") } } },
        test: { sslmode: "verify-full", port: 5432 },
      },
    });
  });

  it("at one address cannot hold one fixed name twice, whatever their scopes", async () => {
    const text = environment(`{dev: ${server("db.example.org")}, test: ${server("DB.example.org")}}`);
    expect(await problemsOf(text)).toEqual([
      "database name `spar` is taken on the same server by `dev/spar/main` (line 5, column 64)",
    ]);
  });
});

describe("a missing environment file", () => {
  it("is told with the way to make one", async () => {
    const error: unknown = await loadEnvironment(join(folder(), "nowhere.yaml")).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "CONFIG_NOT_FOUND", hint: expect.stringContaining("g2p init") as string });
  });

  it("is told apart from one that cannot be read", async () => {
    await expect(loadEnvironment(folder())).rejects.toMatchObject({ code: "CONFIG_UNREADABLE" });
  });
});

describe("the template of g2p init", () => {
  for (const postgresql of ["embedded", "external"] as const) {
    it(`loads without problems: ${postgresql}`, async () => {
      const modules = [...builtinModules().keys()];
      const text = environmentTemplate({ environment: "my-env", sandboxes: ["dev", "1e3"], modules, postgresql });
      const environment = await load(text);
      expect(environment.commons.postgresql?.mode).toBe(postgresql);
      expect(environment.instances).toHaveLength(8);
      expect(text).toContain("\n  elsewhere: [s3, keymanager, keycloak, redis]\n");
      expect(text.split("\n")[0]).toMatch(/^# yaml-language-server: \$schema=/);
    });

    it(`loads without problems with all services: ${postgresql}`, async () => {
      const modules = [...builtinModules().keys()];
      const answers = { environment: "my-env", sandboxes: ["dev", "1e3"], modules, postgresql, withServices: true };
      const text = environmentTemplate(answers);
      const { commons, instances } = await load(text);
      expect(Object.keys(commons).toSorted()).toEqual(SERVICES.filter((one) => one !== "kubernetes").toSorted());
      expect(instances.map(({ sandbox, instance: name }) => `${sandbox}/${name}`)).toContain("commons/keycloak");
      expect(text).not.toContain("elsewhere");
    });
  }

  it("names only services that the chosen modules claim", () => {
    const answers = { environment: "my-env", sandboxes: ["dev"], postgresql: "embedded" } as const;
    expect(environmentTemplate({ ...answers, modules: ["spar"] })).toContain("elsewhere: [keymanager, keycloak]\n");
    expect(environmentTemplate({ ...answers, modules: [] })).not.toContain("elsewhere");
  });

  it("loads without any sandbox, and with an empty one", async () => {
    const answers = { environment: "my-env", modules: [], postgresql: "embedded" } as const;
    expect((await load(environmentTemplate({ ...answers, sandboxes: [] }))).instances).toEqual([]);
    expect((await load(environmentTemplate({ ...answers, sandboxes: ["dev"] }))).instances).toEqual([]);
  });
});
