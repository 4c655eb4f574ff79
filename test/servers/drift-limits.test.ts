import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { formatMark } from "../../src/providers/postgresql/mark.ts";
import { ident, literal } from "../../src/providers/postgresql/sql.ts";
import { combinations } from "../support/combinations.ts";
import {
  ACCESS,
  ENVIRONMENT_ID,
  FARMERS,
  named,
  PBMS,
  type Scene,
  STAGING,
  startScene,
  STRANGER,
} from "../support/drift/scene.ts";

/** Roles by the item that they belong to. */
const MARKED: readonly {
  readonly what: string;
  readonly role: string;
  readonly item: string;
  readonly mark: string;
}[] = [
  { what: "an owner role", role: FARMERS.owner, item: FARMERS.id, mark: markOf(FARMERS.uuid, "dev/farmers/main") },
  { what: "a login", role: FARMERS.login, item: FARMERS.id, mark: markOf(FARMERS.uuid, "dev/farmers/main") },
  { what: "a reader role", role: FARMERS.reader, item: FARMERS.id, mark: markOf(FARMERS.uuid, "dev/farmers/main") },
  { what: "an access login", role: ACCESS.login, item: ACCESS.id, mark: markOf(ACCESS.uuid, "dev/pbms/registry") },
];

function markOf(claim: string, path: string): string {
  return formatMark({ environment: ENVIRONMENT_ID, claim, label: `test/${path}` });
}

const login = ident(FARMERS.login);
const database = ident(FARMERS.database);

describe.each(combinations("What drift repair leaves alone"))("PostgreSQL $version, $admin", (on) => {
  let scene: Scene;
  /** Statements of the superuser that take a test's doing back, with their database. */
  const undo: [statement: string, database?: string][] = [];

  beforeAll(async () => {
    scene = await startScene(on);
  });

  afterEach(async () => {
    for (const [statement, where] of undo.splice(0)) await scene.run([statement], where);
    expect(await scene.fingerprint()).toEqual(scene.wanted);
  });

  afterAll(() => scene?.stop());

  test("after an apply nothing differs, and another one writes nothing", async () => {
    const unable = on.admin === "superuser" ? [] : ["postgresql/server"];
    expect(scene.first.items.filter((item) => item.outcome !== "done").map((item) => item.id)).toEqual(unable);
    expect(named(await scene.model.plan())).toEqual({});
    const before = await scene.nextTransaction();
    const again = await scene.model.apply();
    expect(again.summary).toEqual({ created: 0, updated: 0, unchanged: 4, removed: 0, failed: 0 });
    expect(await scene.nextTransaction()).toBe(before);
    expect(await scene.fingerprint()).toEqual(scene.wanted);
  });

  describe("marks", () => {
    for (const { what, role, item, mark } of MARKED) {
      test(`${what} without its mark is refused as not ours, and marked again when adopted`, async () => {
        await scene.run([`COMMENT ON ROLE ${ident(role)} IS NULL`]);
        const before = await scene.fingerprint();
        const plan = await scene.model.plan();
        expect(named(plan)).toEqual({ [item]: ["refuse"] });
        const refused = plan.items.find((one) => one.id === item);
        expect(refused?.reason).toBe(`role "${role}" exists already and is not ours: it carries no mark of ours`);
        expect(refused?.hint).toContain(`--adopt ${item}`);
        expect((await scene.model.apply()).items.find((one) => one.id === item)).toMatchObject({
          action: "refuse",
          outcome: "failed",
        });
        expect(await scene.fingerprint()).toEqual(before);

        const adopted = await scene.model.apply({ policy: { adopt: [item] } });
        expect(named(adopted)).toEqual({ [item]: [`mark:${role}`] });
        expect(adopted.summary.failed).toBe(0);
        expect(named(await scene.model.plan())).toEqual({});
      });

      test(`${what} with another environment's mark is held by it, and cannot be adopted`, async () => {
        const other = formatMark({
          environment: "11111111-1111-8111-8111-111111111111",
          claim: "22222222-2222-8222-8222-222222222222",
          label: "other/x/y/main",
        });
        await scene.run([`COMMENT ON ROLE ${ident(role)} IS ${literal(other)}`]);
        undo.push([`COMMENT ON ROLE ${ident(role)} IS ${literal(mark)}`]);
        const before = await scene.fingerprint();
        const applied = await scene.model.apply({ policy: { adopt: [item, "all"] } });
        expect(named(applied)).toEqual({ [item]: ["refuse"] });
        expect(applied.items.find((one) => one.id === item)?.reason).toContain(
          `role "${role}" carries the mark of other/x/y/main`,
        );
        expect(await scene.fingerprint()).toEqual(before);
      });
    }
  });

  describe("accepted findings", () => {
    test("they are neither named nor repaired", async () => {
      const model = await scene.accepting([
        `createdb:${FARMERS.login}`,
        `grant:database:${STRANGER}:*`,
        `grant:table:public.people:*:SELECT`,
        "extension:*",
        `setting:${FARMERS.login}:statement_timeout`,
      ]);
      await scene.run([
        `ALTER ROLE ${login} CREATEDB`,
        `GRANT CONNECT, TEMP ON DATABASE ${database} TO ${STRANGER}`,
        `ALTER ROLE ${login} IN DATABASE ${database} SET statement_timeout = '1h'`,
      ]);
      await scene.run([`GRANT SELECT ON public.people TO ${STRANGER}`, "DROP EXTENSION pg_trgm"], FARMERS.database);
      const before = await scene.fingerprint();
      const number = await scene.nextTransaction();
      expect(named(await model.plan())).toEqual({});
      expect((await model.apply()).summary).toMatchObject({ updated: 0, unchanged: 4, failed: 0 });
      expect(await scene.nextTransaction()).toBe(number);
      expect(await scene.fingerprint()).toEqual(before);
      expect((await scene.model.apply()).summary).toMatchObject({ updated: 1, failed: 0 });
    });

    test("beside them everything else is repaired, at every level", async () => {
      const model = await scene.accepting([
        `createdb:${FARMERS.login}`,
        "grant:database:PUBLIC:CONNECT",
        `grant:table:public.people:${STRANGER}:SELECT`,
      ]);
      await scene.run([
        `ALTER ROLE ${login} CREATEDB CREATEROLE`,
        `GRANT CONNECT, TEMP ON DATABASE ${database} TO PUBLIC`,
        `ALTER ROLE ${login} IN DATABASE ${database} RESET ALL`,
      ]);
      await scene.run([`GRANT SELECT, INSERT ON public.people TO ${STRANGER}`], FARMERS.database);
      const expected = [
        `createrole:${FARMERS.login}`,
        "grant:database:PUBLIC:TEMPORARY",
        `grant:table:public.people:${STRANGER}:INSERT`,
        ...["idle_in_transaction_session_timeout", "role", "statement_timeout"].map(
          (name) => `setting:${FARMERS.login}:${name}`,
        ),
      ];
      expect(named(await model.plan())).toEqual({ [FARMERS.id]: expected });
      expect((await model.apply()).summary).toMatchObject({ updated: 1, failed: 0 });
      expect(named(await model.plan())).toEqual({});
      const left = [
        `createdb:${FARMERS.login}`,
        "grant:database:PUBLIC:CONNECT",
        `grant:table:public.people:${STRANGER}:SELECT`,
      ];
      expect(named(await scene.model.plan())).toEqual({ [FARMERS.id]: left });
      expect((await scene.model.apply()).summary).toMatchObject({ updated: 1, failed: 0 });
    });

    test("they are accepted for their own claim only, and no character but `*` is special", async () => {
      const model = await scene.accepting(["grant:database:.*", "grant.database*", "grant:database:PUBLIC:CONNEC"]);
      for (const one of [FARMERS, STAGING])
        await scene.run([`GRANT CONNECT ON DATABASE ${ident(one.database)} TO PUBLIC`]);
      const both = { [FARMERS.id]: ["grant:database:PUBLIC:CONNECT"], [STAGING.id]: ["grant:database:PUBLIC:CONNECT"] };
      expect(named(await model.plan())).toEqual(both);
      const accepting = await scene.accepting(["grant:database:PUBLIC:CONNECT"]);
      expect(named(await accepting.apply())).toEqual({ [STAGING.id]: ["grant:database:PUBLIC:CONNECT"] });
      expect(named(await scene.model.apply())).toEqual({ [FARMERS.id]: ["grant:database:PUBLIC:CONNECT"] });
    });
  });

  test("a quick look sees and repairs what the cluster-wide catalogues show, and logs in nowhere", async () => {
    await scene.run([`ALTER ROLE ${login} CREATEDB`, `GRANT CONNECT ON DATABASE ${database} TO PUBLIC`]);
    await scene.run([`GRANT SELECT ON public.people TO ${STRANGER}`], FARMERS.database);
    const quick = { [FARMERS.id]: [`createdb:${FARMERS.login}`, "grant:database:PUBLIC:CONNECT"] };
    expect(named(await scene.model.plan({ depth: "quick" }))).toEqual(quick);
    expect(named(await scene.model.apply({ depth: "quick" }))).toEqual(quick);
    expect(named(await scene.model.plan({ depth: "quick" }))).toEqual({});
    const inside = { [FARMERS.id]: [`grant:table:public.people:${STRANGER}:SELECT`] };
    expect(named(await scene.model.apply())).toEqual(inside);
  });

  test("many drifts of many claims are repaired in one apply", async () => {
    await scene.run([
      `ALTER ROLE ${login} CREATEDB NOLOGIN`,
      `GRANT CONNECT ON DATABASE ${database} TO PUBLIC, ${ident(PBMS.login)}`,
      `ALTER DATABASE ${ident(STAGING.database)} OWNER TO ${ident(PBMS.owner)}`,
      `ALTER ROLE ${ident(PBMS.owner)} NOLOGIN`,
      `ALTER ROLE ${ident(ACCESS.login)} CONNECTION LIMIT 3`,
      `ALTER DATABASE ${ident(PBMS.database)} ALLOW_CONNECTIONS false`,
    ]);
    await scene.run(
      [`GRANT ${ident(FARMERS.owner)} TO ${ident(PBMS.login)}`, `GRANT ${ident(PBMS.owner)} TO ${login}`],
      "postgres",
      "admin",
    );
    await scene.run(
      [
        `ALTER TABLE public.people OWNER TO ${login}`,
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "DROP EXTENSION pg_trgm",
      ],
      FARMERS.database,
    );
    expect(named(await scene.model.apply())).toEqual({
      [FARMERS.id]: [
        `createdb:${FARMERS.login}`,
        "extension:pg_trgm",
        "grant:database:PUBLIC:CONNECT",
        `grant:database:${PBMS.login}:CONNECT`,
        "grant:schema:public:PUBLIC:CREATE",
        `login:${FARMERS.login}`,
        `membership:${FARMERS.owner}:${PBMS.login}`,
        "owner:table:public.people",
      ].sort(),
      [PBMS.id]: ["database-open", `login:${PBMS.owner}`, `membership:${PBMS.owner}:${FARMERS.login}`],
      [ACCESS.id]: [`connection-limit:${ACCESS.login}`],
      [STAGING.id]: ["database-owner"],
    });
    expect(named(await scene.model.plan())).toEqual({});
  });

  test("an access login that is gone is made again", async () => {
    await scene.run([`DROP ROLE ${ident(ACCESS.login)}`]);
    expect(named(await scene.model.plan())).toEqual({ [ACCESS.id]: ["create"] });
    expect((await scene.model.apply()).summary).toMatchObject({ created: 1, updated: 0, failed: 0 });
    expect(named(await scene.model.plan())).toEqual({});
    scene.wanted = { ...scene.wanted, passwords: (await scene.fingerprint())["passwords"] ?? [] };
  });

  test("when nobody asks for an access any more, its login goes, and with it every right of the reader role", async () => {
    const alone = await scene.withoutAccess();
    const applied = await alone.apply();
    expect(applied.items.filter((item) => item.outcome === "done").map((item) => [item.id, item.action])).toEqual([
      [FARMERS.id, "update"],
      [ACCESS.id, "remove"],
    ]);
    expect(applied.summary).toMatchObject({ failed: 0 });
    expect(named(await alone.plan())).toEqual({});
    const parts = Object.entries(await scene.fingerprint());
    expect(parts.flatMap(([, lines]) => lines).filter((line) => line.includes(ACCESS.login))).toEqual([]);
    // The reader role itself stays, empty, for whoever asks next.
    const holding = parts
      .filter(([, lines]) => lines.some((line) => line.includes(FARMERS.reader)))
      .map(([part]) => part);
    expect(holding.filter((part) => !["roles", "passwords", "memberships"].includes(part))).toEqual([]);
    expect((await scene.model.apply()).summary).toMatchObject({ created: 1, updated: 1, failed: 0 });
    scene.wanted = { ...scene.wanted, passwords: (await scene.fingerprint())["passwords"] ?? [] };
  });

  test("a module that has to enter `postgres` may do so where others closed it, and is not asked about where it is open", async () => {
    const open = await scene.notClosing();
    expect(named(await open.plan())).toEqual({});
    await scene.run([`REVOKE CONNECT ON DATABASE postgres FROM ${ident(PBMS.owner)}`]);
    expect(named(await open.plan())).toEqual({ "postgresql/server": [`grant:postgres:${PBMS.owner}:CONNECT`] });
    await scene.run(["GRANT CONNECT ON DATABASE postgres TO PUBLIC"]);
    expect(named(await open.plan())).toEqual({});
    undo.push(
      ["REVOKE CONNECT ON DATABASE postgres FROM PUBLIC"],
      [`GRANT CONNECT ON DATABASE postgres TO ${ident(PBMS.owner)}`],
    );
  });

  if (on.admin === "lesser admin")
    test("rights on a database that a superuser took are left to a superuser with it", async () => {
      await scene.run([
        `ALTER DATABASE ${database} OWNER TO postgres`,
        `GRANT CONNECT ON DATABASE ${database} TO PUBLIC`,
      ]);
      await scene.run(["DROP EXTENSION pg_trgm", "GRANT CREATE ON SCHEMA public TO PUBLIC"], FARMERS.database);
      await scene.run([`ALTER ROLE ${login} CREATEDB`]);
      undo.push([`ALTER DATABASE ${database} OWNER TO ${ident(FARMERS.owner)}`]);
      const superusers = [
        "database-owner",
        "extension:pg_trgm",
        "grant:database:PUBLIC:CONNECT",
        "grant:schema:public:PUBLIC:CREATE",
      ];
      const applied = await scene.model.apply();
      expect(named(applied)).toEqual({ [FARMERS.id]: [`createdb:${FARMERS.login}`, ...superusers] });
      expect(applied.items.find((item) => item.id === FARMERS.id)).toMatchObject({ outcome: "failed" });
      expect(named(await scene.model.plan())).toEqual({ [FARMERS.id]: superusers });
      await scene.run([`ALTER DATABASE ${database} OWNER TO ${ident(FARMERS.owner)}`]);
      expect((await scene.model.apply()).summary).toMatchObject({ updated: 1, failed: 0 });
    });

  if (on.admin === "lesser admin")
    test("what only a superuser may repair does not keep the rest from being repaired, and fails its item alone", async () => {
      await scene.run([`ALTER ROLE ${login} REPLICATION`, `ALTER ROLE ${ident(PBMS.login)} CREATEDB`]);
      await scene.run([`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`]);
      await scene.run(
        ["ALTER TABLE public.people OWNER TO postgres", `GRANT INSERT ON public.people TO ${STRANGER}`],
        FARMERS.database,
      );
      await scene.run([`GRANT SELECT ON public.names TO ${STRANGER}`], FARMERS.database);
      undo.push(
        [`ALTER ROLE ${login} NOREPLICATION`],
        [`ALTER TABLE public.people OWNER TO ${ident(FARMERS.owner)}`, FARMERS.database],
        [`REVOKE INSERT ON public.people FROM ${STRANGER}`, FARMERS.database],
      );
      const superusers = [
        `grant:table:public.people:${STRANGER}:INSERT`,
        "owner:table:public.people",
        `replication:${FARMERS.login}`,
      ];
      const applied = await scene.model.apply();
      expect(
        applied.items.map((item) => [item.id, item.outcome]).filter(([, outcome]) => outcome !== undefined),
      ).toEqual([
        [FARMERS.id, "failed"],
        [PBMS.id, "done"],
      ]);
      const reason = applied.items.find((item) => item.id === FARMERS.id)?.reason ?? "";
      expect(
        reason
          .split("; ")
          .map((part) => /^needs superuser: (.*) \(/.exec(part)?.[1])
          .sort(),
      ).toEqual(superusers);
      expect(named(await scene.model.plan())).toEqual({ [FARMERS.id]: superusers });
    });
});
