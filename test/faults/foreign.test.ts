import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Ended } from "../support/cli.ts";
import { COMBINATIONS, runKilled, said } from "../support/kill.ts";
import { fingerprint, openWorld, type World } from "../support/world.ts";

/** A claim that is to take over a database and a login by their old names, with somebody who reads it. */
const LEGACY =
  "[{name: dev, modules: [{module: ./plain.yaml, claims: {main: {name: legacy, login: legacy_user, readers: [report]}}}]}]";
const ITEM = "postgresql/dev/plain/main";

/** What is in it, and whose it is to be. */
const KEPT = {
  people: "Asha,Tomás",
  archived: 2,
  others: 42,
  function: 8,
  names: 2,
  owners: "faults___dev__plain___owner",
};

describe.each(COMBINATIONS)("PostgreSQL %i, %s", (version, as) => {
  let world: World;
  let before = "";

  beforeAll(async () => {
    world = await openWorld({ version, as, sandboxes: LEGACY });
  }, 90_000);

  beforeEach(async () => {
    await world.reset();
    await world.write(LEGACY, { closeMaintenance: false });
  });

  afterAll(async () => {
    await world?.close();
  }, 60_000);

  async function refused(ended: Ended, says: RegExp): Promise<void> {
    expect(ended.code, said("it", ended)).toBe(3);
    expect((ended.stdout + ended.stderr).replace(/\s+/g, " ")).toMatch(says);
    expect(await fingerprint(world)).toBe(before);
  }

  /** What somebody else has made: a database with tables of two owners, a view, a sequence, a function, a schema, data and a login. */
  async function makeLegacy(): Promise<void> {
    await world.sql("CREATE ROLE legacy_user LOGIN PASSWORD 'of old' CONNECTION LIMIT 7; CREATE ROLE legacy_other");
    await world.sql("CREATE DATABASE legacy OWNER legacy_user");
    await world.sql(
      `SET search_path = public; SET ROLE legacy_user; CREATE TABLE people (id serial PRIMARY KEY, name text); INSERT INTO people (name) VALUES ('Asha'), ('Tomás');
       CREATE VIEW names AS SELECT name FROM people; CREATE SCHEMA archive; CREATE TABLE archive."Old People" AS TABLE people;
       CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'; CREATE TYPE mood AS ENUM ('good', 'bad'); RESET ROLE;
       GRANT CREATE ON SCHEMA public TO legacy_other; SET ROLE legacy_other; CREATE TABLE public.others (n int); INSERT INTO public.others VALUES (42)`,
      "legacy",
    );
    before = await fingerprint(world);
  }

  /** From version 16 on only an admin with ADMIN on a role may change it, and these it did not make (PostgreSQL docs, CREATE ROLE). */
  async function letAdminAdopt(): Promise<void> {
    if (version >= 16 && as === "lesser")
      await world.sql(
        `GRANT legacy_user, legacy_other TO ${world.admin.user} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
      );
  }

  test("a foreign database of a claim's name is refused and left as it is", async () => {
    await world.sql("CREATE DATABASE legacy");
    before = await fingerprint(world);
    await refused(await world.g2p("plan"), /database "legacy" exists already and is not ours: it belongs to .*--adopt/);
    await refused(await world.g2p("apply"), /database "legacy" exists already and is not ours/);
  }, 90_000);

  test("a foreign role of a login's name is refused and left as it is", async () => {
    await world.sql("CREATE ROLE legacy_user LOGIN");
    before = await fingerprint(world);
    await refused(
      await world.g2p("plan"),
      /role "legacy_user" exists already and is not ours: it carries no mark of ours .*--adopt/,
    );
    await refused(await world.g2p("apply"), /role "legacy_user" exists already and is not ours/);
  }, 90_000);

  test("a name that another environment of this server holds is refused, and its holder named", async () => {
    const first = ["-f", join(world.dir, "first.yaml"), "--state", join(world.dir, "first-state")];
    await world.write(LEGACY, { file: join(world.dir, "first.yaml"), environment: "first", closeMaintenance: false });
    expect((await world.g2p("apply", ...first)).code).toBe(0);
    before = await fingerprint(world);
    await refused(
      await world.g2p("apply"),
      /the database name "legacy" is held by first\/dev\/plain\/main since \d{4}-/,
    );
    expect((await world.g2p("plan", ...first)).code).toBe(0);
  }, 90_000);

  test("--adopt takes a foreign database over with all that is in it, or says before it begins what needs a superuser", async () => {
    await makeLegacy();
    await refused(await world.g2p("apply"), /exists already and is not ours/);
    if (version >= 16 && as === "lesser") {
      await refused(await world.g2p("plan", "--adopt", ITEM), /needs superuser/);
      await refused(await world.g2p("apply", "--adopt", ITEM), /needs superuser/);
    }
    await letAdminAdopt();
    expect((await world.g2p("plan", "--adopt", ITEM)).code).toBe(2);
    const adopted = await world.g2p("apply", "--adopt", ITEM);
    expect(adopted.code, said("apply", adopted)).toBe(0);
    for (const command of ["plan", "verify"]) {
      const ended = await world.g2p(command);
      expect(ended.code, said(command, ended)).toBe(0);
    }
    expect(await legacyData()).toEqual(KEPT);
  }, 60_000);

  test("an adoption killed after any side effect is completed by the next, and no data is lost", async () => {
    await makeLegacy();
    await letAdminAdopt();
    const wrong: string[] = [];
    for (let at = 1, more = true; more; at += 1) {
      const killed = await runKilled(world, { at, when: "after" }, "apply", "--adopt", ITEM, "--concurrency", "1");
      more = killed.code === null;
      const adopted = await world.g2p("apply", "--adopt", ITEM);
      if (adopted.code !== 0) wrong.push(`${at}: ${said("apply", adopted)}`);
      expect(await legacyData()).toEqual(KEPT);
      await world.reset();
      await makeLegacy();
      await letAdminAdopt();
    }
    expect(wrong).toEqual([]);
  }, 300_000);

  async function legacyData(): Promise<unknown> {
    const [data] = await world.sql(
      `SELECT (SELECT string_agg(name, ',' ORDER BY id) FROM public.people) AS people, (SELECT count(*)::int FROM archive."Old People") AS archived,
         (SELECT n FROM public.others) AS others, public.twice(4) AS function, (SELECT count(*)::int FROM public.names) AS names,
         (SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v', 'S')) AS owners`,
      "legacy",
    );
    return data;
  }
});
