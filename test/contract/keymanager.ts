import { join } from "node:path";
import type pg from "pg";
import type { ServiceClaim } from "../../src/model/claim.ts";
import { credentialKey } from "../../src/model/credential.ts";
import type { KeymanagerEndpoint, TokenSource } from "../../src/model/endpoint.ts";
import type { ClaimRef } from "../../src/model/environment.ts";
import { Secret } from "../../src/model/secret.ts";
import { name } from "../../src/naming/name.ts";
import type { Placement, Provider } from "../../src/providers/contract.ts";
import { keymanager } from "../../src/providers/keymanager/provider.ts";
import { connect } from "../../src/providers/postgresql/connection.ts";
import { startEngine, stopEngine } from "../../src/targets/embedded/engine.ts";
import { keycloakEngine } from "../../src/targets/embedded/keycloak.ts";
import { keymanagerEngine } from "../../src/targets/embedded/keymanager.ts";
import { randomPassword } from "../../src/targets/random-password.ts";
import { startTestServer, type TestServer } from "../support/postgres.ts";
import { letsIn, makeRealm, setClient } from "./keymanager-realm.ts";
import type { Damage, Subject } from "./subject.ts";

const CLAIM = "keys";
const VICTIM = "keymanager/dev/farmers/keys";
const quiet = { emit: () => {} };

/** Ids of the keys that {@link Subject.writeData} used. */
const written = new Map<string, string>();

/**
 * Keymanager with Keycloak before it. The clients that sign in are Keycloak's matter; here they are made along with the keys, under the
 * claim's own name, so that the laws find one credential for each claim.
 */
const provider: Provider<"keymanager"> = {
  ...keymanager,
  open: async (endpoint, placement, context) => {
    const inner = await keymanager.open(endpoint, placement, context);
    const admin = adminOf(endpoint);
    const clients = new Map(placement.claims.map((one) => [credentialKey(one), clientIdOf(placement.prefix, one)]));
    const ref = ({ sandbox, instance, claim }: ClaimRef) => ({ sandbox, instance, claim });
    let strange = new Set<string>();
    return {
      ...inner,
      observe: async (depth) => {
        const observed = await inner.observe(depth);
        const stored = depth === "deep" ? await context.credentials.read(placement.claims.map(ref)) : new Map();
        const tried = [...stored].map(async ([key, { password }]) => ({
          key,
          ok: await letsIn(admin, clients.get(key) ?? "", password as Secret),
        }));
        strange = new Set((await Promise.all(tried)).flatMap(({ key, ok }) => (ok ? [] : [`keymanager/${key}`])));
        return observed;
      },
      diff: (observed, policy) =>
        inner.diff(observed, policy).map((change) => {
          if (!strange.has(change.item.id) || change.item.action !== "unchanged") return change;
          const finding = { aspect: "client-secret", expected: "stored", actual: "another", repair: "apply" as const };
          return { ...change, item: { ...change.item, action: "update", findings: [finding] } };
        }),
      reconcile: async (changes, policy) => {
        const todo = changes
          .filter(({ item }) => ["create", "update"].includes(item.action))
          .map(({ item }) => ref(item));
        if (!context.signal.aborted) {
          const made = await context.credentials.getOrCreate(todo, (one) => clients.get(credentialKey(one)) ?? "");
          for (const { username, password } of made.values()) await setClient(admin, username, password);
        }
        return inner.reconcile(changes, policy);
      },
      remove: async (removal) => {
        const items = await inner.remove(removal);
        const { sandbox, instance } = removal.scope;
        const inScope = placement.claims.filter(
          (one) => one.sandbox === sandbox && (instance ?? one.instance) === one.instance,
        );
        const left = await inner.list();
        // A run that was killed between the two leaves a credential of what is gone.
        for (const one of inScope)
          if (!left.some((other) => credentialKey(other) === credentialKey(one)))
            await context.credentials.remove(ref(one));
        return items;
      },
    };
  },
};

/** Three instances in two sandboxes, with and without base keys. */
export const subject: Subject<"keymanager"> = {
  service: "keymanager",
  module: import.meta.url,
  provider,
  start: async (dir) => {
    const postgres = await startTestServer();
    const options = { stateDir: join(dir, "state"), scope: "" };
    const stop = async () => {
      await stopEngine(keymanagerEngine, options);
      await stopEngine(keycloakEngine, options);
      await postgres.stop();
    };
    try {
      const login = { database: await databaseFor(postgres, "kc") };
      const keycloak = await startEngine(keycloakEngine, { ...options, ...quiet, input: login });
      const { realmUrl, admin } = await makeRealm(keycloak.endpoint);
      const input = { database: await databaseFor(postgres, "km"), issuer: { realmUrl, admin } };
      const { endpoint } = await startEngine(keymanagerEngine, { ...options, ...quiet, input });
      // An empty secret would be found in every text.
      return { endpoint: { ...endpoint, password: admin.clientSecret }, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
  placement: (id, prefix) => ({
    environment: { id, name: "test" },
    prefix,
    claims: [
      claim(prefix, "dev", "farmers", ["ENCRYPT"]),
      claim(prefix, "dev", "pbms", []),
      claim(prefix, "test", "farmers", ["ENCRYPT", "SYNC"]),
    ],
    accesses: [],
  }),
  damages: [
    damage(
      "its keys were opened to everybody",
      /^access$/,
      "UPDATE keymgr.key_policy_def SET access_allowed = 'NA' WHERE app_id = $1",
    ),
    damage(
      "somebody else was let use its keys",
      /^access$/,
      "UPDATE keymgr.key_policy_def SET access_allowed = access_allowed || ',eve' WHERE app_id = $1",
    ),
    damage(
      "its policy was switched off",
      /^active$/,
      "UPDATE keymgr.key_policy_def SET is_active = false WHERE app_id = $1",
    ),
    damage(
      "its keys' validity was changed",
      /^validity$/,
      "UPDATE keymgr.key_policy_def SET key_validity_duration = 1 WHERE app_id = $1",
    ),
    damage(
      "its keys' end was changed",
      /^pre-expire$/,
      "UPDATE keymgr.key_policy_def SET pre_expire_days = 1 WHERE app_id = $1",
    ),
    damage(
      "it has two master keys in use",
      /^master-key$/,
      `INSERT INTO keymgr.key_alias (id, app_id, ref_id, key_gen_dtimes, key_expire_dtimes, cr_by, cr_dtimes)
       SELECT 'twin', app_id, ref_id, key_gen_dtimes + interval '1 second', key_expire_dtimes, 'hand', now() FROM keymgr.key_alias
        WHERE app_id = $1 AND ref_id = ''`,
    ),
    damage(
      "a base key is gone altogether",
      /^base-key:ENCRYPT$/,
      `WITH gone AS (DELETE FROM keymgr.key_alias WHERE app_id = $1 AND ref_id = 'ENCRYPT' RETURNING id)
       DELETE FROM keymgr.key_store WHERE id IN (SELECT id FROM gone)`,
    ),
    loss("its master key is gone", "DELETE FROM keymgr.key_alias WHERE app_id = $1 AND ref_id = ''"),
    loss(
      "a base key's private half is gone",
      "DELETE FROM keymgr.key_store WHERE id IN (SELECT id FROM keymgr.key_alias WHERE app_id = $1 AND ref_id <> '')",
    ),
  ],
  foreign: async (endpoint, placement) => {
    const id = applicationIdOf(placement);
    await sql(
      endpoint,
      `INSERT INTO keymgr.key_policy_def (app_id, key_validity_duration, is_active, pre_expire_days, access_allowed, cr_by, cr_dtimes)
       VALUES ($1, 365, true, 30, 'NA', 'somebody', now())`,
      [id],
    );
    const remove = () => sql(endpoint, "DELETE FROM keymgr.key_policy_def WHERE app_id = $1", [id]);
    return { item: VICTIM, remove: async () => void (await remove()) };
  },
  writeData: async (endpoint, placement) => {
    const id = applicationIdOf(placement);
    const [row] = await sql(endpoint, "SELECT id FROM keymgr.key_alias WHERE app_id = $1 AND ref_id = ''", [id]);
    written.set(id, String(row?.["id"]));
  },
  hasData: async (endpoint, placement) => {
    const id = written.get(applicationIdOf(placement));
    return (await sql(endpoint, "SELECT FROM keymgr.key_alias WHERE id = $1", [id])).length === 1;
  },
  snapshot: async (endpoint) => ({
    policies: await sql(
      endpoint,
      `SELECT app_id, key_validity_duration, is_active, pre_expire_days, access_allowed, cr_by, upd_by, upd_dtimes IS NOT NULL AS complete
         FROM keymgr.key_policy_def WHERE app_id NOT IN ('ROOT', 'BASE') ORDER BY 1`,
    ),
    keys: await sql(
      endpoint,
      `SELECT app_id, ref_id, count(*) AS keys FROM keymgr.key_alias LEFT JOIN keymgr.key_store USING (id)
        WHERE app_id <> 'ROOT' AND key_expire_dtimes > now() AT TIME ZONE 'UTC' GROUP BY 1, 2 ORDER BY 1, 2`,
    ),
    loose: await sql(endpoint, "SELECT id FROM keymgr.key_store WHERE id NOT IN (SELECT id FROM keymgr.key_alias)"),
  }),
  wrongAdmin: (endpoint) => ({
    ...endpoint,
    auth: { ...adminOf(endpoint), clientSecret: new Secret("not-the-administrators-1") },
  }),
};

/** The application id of the placement's first claim. */
export function applicationIdOf(placement: Placement<"keymanager">): string {
  const { prefix } = placement;
  const ref = { sandbox: "dev", instance: "farmers", claim: CLAIM };
  return name({ prefix, service: "keymanager", kind: "application-id", ...ref }).name;
}

/** Runs one statement in Keymanager's database. */
export async function sql(
  endpoint: KeymanagerEndpoint,
  text: string,
  values: readonly unknown[] = [],
): Promise<pg.QueryResultRow[]> {
  const client = await connect({ server: endpoint.database, ...endpoint.database });
  try {
    return (await client.query<pg.QueryResultRow>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** A database with an owner role and a login in it, as a claim on a database gets one. */
export async function databaseFor(postgres: TestServer, database: string) {
  const password = randomPassword();
  const client = await connect({ server: postgres.admin, ...postgres.admin });
  try {
    await client.query(`CREATE ROLE ${database}_owner NOLOGIN`);
    await client.query(`CREATE ROLE ${database} LOGIN PASSWORD '${password.reveal()}' IN ROLE ${database}_owner`);
    await client.query(`CREATE DATABASE ${database} OWNER ${database}_owner`);
    await client.query(`ALTER ROLE ${database} IN DATABASE ${database} SET role = ${database}_owner`);
  } finally {
    await client.end();
  }
  return { host: "127.0.0.1", port: postgres.admin.port, database, username: database, password };
}

function claim(
  prefix: string,
  sandbox: string,
  instance: string,
  baseKeys: readonly string[],
): ServiceClaim<"keymanager"> {
  const ref = { sandbox, instance, claim: CLAIM };
  return {
    ...ref,
    kind: "key-application",
    service: "keymanager",
    spec: {
      validityDays: 1095,
      preExpireDays: 60,
      baseKeys,
      client: { claim: CLAIM, clientId: clientIdOf(prefix, ref) },
    },
    accept: [],
    position: { file: "g2p.yaml", line: 1, column: 1 },
  };
}

function clientIdOf(prefix: string, { sandbox, instance, claim: word }: ClaimRef): string {
  return name({ prefix, service: "keycloak", kind: "client-id", sandbox, instance, claim: word }).name;
}

function adminOf({ auth }: KeymanagerEndpoint): TokenSource {
  if (auth === undefined) throw new Error("this Keymanager asks nobody who he is");
  return auth;
}

function damage(what: string, aspect: RegExp, text: string): Damage<"keymanager"> {
  return {
    name: what,
    item: VICTIM,
    shows: "update",
    aspect,
    make: (endpoint, placement) => byHand(endpoint, placement, text),
  };
}

function loss(what: string, text: string): Damage<"keymanager"> {
  return {
    name: what,
    item: VICTIM,
    shows: "refuse",
    make: (endpoint, placement) => byHand(endpoint, placement, text),
  };
}

async function byHand(endpoint: KeymanagerEndpoint, placement: Placement<"keymanager">, text: string): Promise<void> {
  await sql(endpoint, text, [applicationIdOf(placement)]);
}
