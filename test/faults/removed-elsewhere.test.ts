import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { Secret } from "../../src/model/secret.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { COMBINATIONS, leftAfterRemove, said } from "../support/kill.ts";
import { fingerprint, openWorld, type World } from "../support/world.ts";

const FARM = { database: "faults___dev__farm", owner: "faults___dev__farm___owner", login: "faults___dev__farm___a" };
const ACCESS = "faults___dev__case__registry___access_a";

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld({ version, as });
  }, 90_000);

  beforeEach(async () => {
    await world.reset();
    expect((await world.g2p("apply")).code).toBe(0);
  });

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  /** A session of a module, as its binding gives it. */
  async function sessionOf(claim: string, user: string, database: string): Promise<pg.Client> {
    const { password } = JSON.parse(await readFile(join(world.state, "credentials/dev", `${claim}.json`), "utf8")) as {
      password: string;
    };
    return connect({ server: world.server.admin, database, user, password: new Secret(password) });
  }

  test("a sandbox whose modules have open sessions is removed, and the sessions end", async () => {
    const sessions = [
      await sessionOf("farm/main", FARM.login, FARM.database),
      await sessionOf("case/registry", ACCESS, FARM.database),
    ];
    await sessions[0]?.query("BEGIN; CREATE TABLE public.half (n int)");
    expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
    for (const session of sessions) await expect(session.query("SELECT 1")).rejects.toThrow();
  }, 60_000);

  test("an access that owns a large object in the database it reads is removed, and the object is the owner's", async () => {
    const reader = await sessionOf("case/registry", ACCESS, FARM.database);
    await reader.query("SELECT lo_create(4711)");
    await reader.end();
    const removed = await world.g2p("remove", "dev/case", "--delete-data", "--yes");
    expect(removed.code, said("remove", removed)).toBe(0);
    const owner = await world.sql(
      "SELECT lomowner::regrole::text AS owner FROM pg_largeobject_metadata WHERE oid = 4711",
      FARM.database,
    );
    expect(owner).toEqual([{ owner: FARM.owner }]);
    expect(await world.sql(`SELECT FROM pg_roles WHERE rolname = '${ACCESS}'`)).toEqual([]);
  }, 60_000);

  test("roles that were granted rights and members in other databases and roles are dropped, and nothing else is changed", async () => {
    const qa = "faults___qa__plain";
    await world.sql(
      "CREATE TABLE public.shared (n int); INSERT INTO public.shared VALUES (1); ALTER TABLE public.shared OWNER TO faults___qa__plain___owner",
      qa,
    );
    const before = await fingerprint(world);
    await world.sql(
      `SET ROLE faults___qa__plain___owner; GRANT SELECT ON public.shared TO ${FARM.login}; GRANT USAGE ON SCHEMA public TO ${FARM.owner};
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${ACCESS}; GRANT CONNECT ON DATABASE ${qa} TO ${FARM.login}`,
      qa,
    );
    await world.sql(`GRANT ${FARM.owner} TO faults___qa__plain___a; GRANT pg_monitor TO ${FARM.login}`);
    expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
    const rest = (text: string) =>
      text.split("\n").filter((line) => !/__dev__|^member|^setting|^database postgres/.test(line));
    expect(rest(await fingerprint(world))).toEqual(rest(before));
    expect(await world.sql("SELECT n, relacl::text FROM public.shared, pg_class WHERE relname = 'shared'", qa)).toEqual(
      [
        {
          n: 1,
          relacl: expect.stringMatching(
            /^{faults___qa__plain___owner=[a-zA-Z]+\/faults___qa__plain___owner}$/,
          ) as string,
        },
      ],
    );
  }, 60_000);

  test("rights that a superuser gave elsewhere are taken back by a superuser; others are told, and lose no data before", async () => {
    await world.sql(`CREATE TABLE public.given (n int); GRANT SELECT ON public.given TO ${FARM.login}`, "postgres");
    try {
      const removed = await world.g2p("remove", "dev/farm", "--delete-data", "--yes");
      expect(removed.code, said("remove", removed)).toBe(as === "superuser" ? 0 : 1);
      if (as === "superuser") return;
      expect(removed.stdout.replace(/\s+/g, " ")).toMatch(
        /hold rights in database "postgres" that only a superuser .* Let a superuser run, in database "postgres": DROP OWNED BY/,
      );
      expect(await world.sql(`SELECT datallowconn FROM pg_database WHERE datname = '${FARM.database}'`)).toEqual([
        { datallowconn: true },
      ]);
      await world.sql(`DROP OWNED BY ${FARM.login}`, "postgres");
      expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
    } finally {
      await world.sql("DROP TABLE public.given", "postgres");
    }
  }, 60_000);

  test("a role that was made owner of a further database keeps its claim from being removed", async () => {
    await world.sql("CREATE DATABASE precious");
    await world.sql(`ALTER DATABASE precious OWNER TO ${FARM.owner}`);
    const before = await fingerprint(world);
    const refused = await world.g2p("remove", "dev/farm", "--delete-data", "--yes");
    expect(refused.code).not.toBe(0);
    expect(refused.stdout.replace(/\s+/g, " ")).toMatch(
      /Role "faults___dev__farm___owner" owns database "precious" as well\. Nothing was removed/,
    );
    expect(await fingerprint(world)).toBe(before);
    await world.sql(`ALTER DATABASE precious OWNER TO ${world.server.admin.user}`);
    expect((await world.g2p("remove", "dev/farm", "--delete-data", "--yes")).code).toBe(0);
  }, 60_000);

  test("a database that strangers have sessions in is named, stays removable, and goes when they are gone", async () => {
    const stranger = await connect({
      server: world.server.admin,
      database: FARM.database,
      user: world.server.admin.user,
      password: world.server.admin.password,
    });
    const removed = await world.g2p("remove", "dev/farm", "--delete-data", "--yes");
    if (as === "superuser") {
      // FORCE ends them.
      expect(removed.code, said("remove", removed)).toBe(0);
      return;
    }
    expect(removed.code, said("remove", removed)).toBe(1);
    expect(removed.stdout.replace(/\s+/g, " ")).toMatch(
      /in use by other sessions .*End these sessions, then run it again/,
    );
    await stranger.end();
    expect(await leftAfterRemove(world, "dev", 1)).toEqual([]);
  }, 60_000);
});
