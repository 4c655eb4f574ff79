import pLimit from "p-limit";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { CommonsError, ServiceError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import { type Answer, type Api, failed } from "./api.ts";
import type { Database } from "./database.ts";
import { type DesiredApplication, EVERYBODY } from "./desired.ts";
import { differences, type KeymanagerChange } from "./diff.ts";
import { waitForRequests } from "./in-flight.ts";
import { markColumns } from "./mark.ts";
import { decryption, isOpen, NO_KEYS, type Observed } from "./observe.ts";

/** Keymanager answers so for an application id without policy. */
const UNKNOWN_APPLICATION = "KER-KMS-002";

/** Its answer to every failure of its own, such as one of its database. */
const FAILED = "KER-KMS-500";
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 50;

/** The server keeps 20 policies; so many others, each asked for so often, push out one that was seldom used. */
const FLUSH = { ids: 100, times: 3, rounds: 3 };

/** What reconciling works with. */
export interface Reconciling {
  readonly database: Database;
  readonly api: Api;
  readonly context: ProviderContext;
  /** Looks again at policies and keys. */
  readonly look: () => Promise<Observed>;
}

/**
 * Carries out changes: writes the policies (marked, not yet complete) in one statement, has the server make the keys that are missing, and
 * only then marks the policies complete. Call it while holding the server's lock.
 *
 * @returns every item with its outcome; one that failed does not hold up the others
 */
export async function reconcile(
  work: Reconciling,
  changes: readonly KeymanagerChange[],
  first: Observed,
): Promise<PlanItem[]> {
  const { context } = work;
  const todo = changes.filter(({ item }) => item.action === "create" || item.action === "update");
  const results = new Map<string, PlanItem>();
  if (todo.length > 0 && !context.signal.aborted) {
    try {
      await waitForRequests(work.database);
      await begin(work, todo);
      if (!first.root) await makeKey(work, "ROOT", "ROOT");
      const observed = await work.look();
      const failures = new Map<string, CommonsError>();
      await pLimit(Math.max(1, context.concurrency)).map(todo, async (change) => {
        if (context.signal.aborted || change.wanted === undefined) return;
        try {
          await makeKeys(work, change.wanted, change.item, observed);
          results.set(change.item.id, { ...change.item, outcome: "done" });
        } catch (error) {
          failures.set(change.item.id, commons(error));
          results.set(change.item.id, failure(change.item, commons(error)));
        }
      });
      await complete(work, todo, results);
    } catch (error) {
      for (const { item } of todo) results.set(item.id, failure(item, commons(error)));
    }
  }
  return changes.map(({ item }) => results.get(item.id) ?? untouched(item));
}

/**
 * Writes all policies; where keys are lost and may be made anew, what is left of them goes first. A policy that was complete stays so, or a loss
 * after an interrupted run would be taken for a beginning.
 */
async function begin({ database }: Reconciling, todo: readonly KeymanagerChange[]): Promise<void> {
  const doing = "writing key policies";
  const lost = todo.flatMap(({ wanted, recreate }) => (recreate && wanted !== undefined ? [wanted.applicationId] : []));
  const all = todo.flatMap(({ wanted }) => wanted ?? []);
  await database.transaction(async () => {
    if (lost.length > 0) {
      await deleteKeys(database, lost);
      await database.query("UPDATE keymgr.key_policy_def SET upd_dtimes = NULL WHERE app_id = ANY($1)", [lost], doing);
    }
    const marks = all.map((one) => markColumns(one.mark));
    await database.query(
      `INSERT INTO keymgr.key_policy_def AS p
         (app_id, key_validity_duration, pre_expire_days, is_active, access_allowed, cr_by, cr_dtimes, upd_by, is_deleted)
       SELECT app, validity, expire, true, access, env, now() AT TIME ZONE 'UTC', claim, false
         FROM unnest($1::text[], $2::int[], $3::int[], $4::text[], $5::text[], $6::text[]) AS w (app, validity, expire, access, env, claim)
       ON CONFLICT (app_id) DO UPDATE SET
         key_validity_duration = excluded.key_validity_duration, pre_expire_days = excluded.pre_expire_days, is_active = true,
         access_allowed = excluded.access_allowed, cr_by = excluded.cr_by, upd_by = excluded.upd_by,
         upd_dtimes = CASE WHEN p.cr_by = excluded.cr_by AND p.upd_by = excluded.upd_by THEN p.upd_dtimes END,
         is_deleted = false, del_dtimes = NULL`,
      [
        all.map((one) => one.applicationId),
        all.map((one) => one.validityDays),
        all.map((one) => one.preExpireDays),
        all.map((one) => one.access),
        marks.map((one) => one.environment),
        marks.map((one) => one.claim),
      ],
      doing,
    );
  });
}

async function makeKeys(
  work: Reconciling,
  wanted: DesiredApplication,
  item: PlanItem,
  observed: Observed,
): Promise<void> {
  const { applicationId } = wanted;
  const keys = observed.keys.get(applicationId) ?? NO_KEYS;
  if (keys.masters === 0) await makeKey(work, applicationId, item.id);
  await retire(work, keys.currentMasters);
  for (const reference of wanted.baseKeys)
    if (!keys.base.has(reference)) await makeBaseKey(work, applicationId, reference, item.id);
  for (const key of keys.base.values()) await retire(work, key.current);
  const stale = wanted.access !== EVERYBODY && (await isOpen(work.api, applicationId));
  if (stale) await flushUntil(work, item.id, async () => !(await isOpen(work.api, applicationId)));
}

/** Has the server make a master key, if it has none; also where it remembers that there was no such application id. */
async function makeKey(work: Reconciling, applicationId: string, resource: string): Promise<void> {
  const make = () =>
    work.api.admin("POST", "/generateMasterKey/CERTIFICATE", { applicationId, referenceId: "", force: false });
  let answer = await repeated(make);
  if (answer.error === UNKNOWN_APPLICATION)
    await flushUntil(work, resource, async () => (answer = await make()).error !== UNKNOWN_APPLICATION);
  if (answer.error !== undefined)
    throw failed(work.context.server, `making the master key of "${applicationId}"`, answer, resource);
}

async function makeBaseKey(work: Reconciling, applicationId: string, reference: string, resource: string) {
  const query = new URLSearchParams({ applicationId, referenceId: reference });
  const answer = await repeated(() => work.api.admin("GET", `/getCertificate?${query.toString()}`));
  if (answer.error !== undefined)
    throw failed(work.context.server, `making the base key ${reference} of "${applicationId}"`, answer, resource);
}

/** Where two make a key at a time, the server lets one of them fail; asked again, it gives what the other one made. */
async function repeated(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask();
    if (answer.error !== FAILED || attempt >= ATTEMPTS) return answer;
    await delay(FIRST_PAUSE_MS * 2 ** attempt);
  }
}

/**
 * Of several keys in use, which the server refuses to choose from, the first stays and the others expire now. They are not deleted:
 * what was encrypted with them stays readable. Two come about when a run is killed while the server makes one.
 */
async function retire({ database }: Reconciling, current: readonly string[]): Promise<void> {
  if (current.length < 2) return;
  await database.query(
    `UPDATE keymgr.key_alias SET key_expire_dtimes = (now() AT TIME ZONE 'UTC') - interval '1 minute' WHERE id = ANY($1)`,
    [current.slice(1)],
    "retiring a second key",
  );
}

/** Makes the server read a policy again, by pushing what it remembers out. */
async function flushUntil(work: Reconciling, resource: string, isDone: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < FLUSH.rounds; round++) {
    const run = randomBytes(4).toString("hex");
    const ids = Array.from({ length: FLUSH.ids }, (_, index) => `g2p-${run}-${index}`);
    await pLimit(Math.max(2, work.context.concurrency)).map(
      ids.flatMap((id) => Array<string>(FLUSH.times).fill(id)),
      (id) => work.api.admin("POST", "/decrypt", decryption(id)),
    );
    if (await isDone()) return;
  }
  throw new ServiceError(
    `Keymanager ${work.context.server} still decides by an older key policy of ${resource}, which it keeps while it runs. The new policy is in its database.`,
    { code: "KEYMANAGER_POLICY_KEPT", resource, hint: "Restart Keymanager, then run the command again." },
  );
}

/** Marks what is whole as complete; what a look shows still differing has failed. */
async function complete(
  work: Reconciling,
  todo: readonly KeymanagerChange[],
  results: Map<string, PlanItem>,
): Promise<void> {
  const done = todo.flatMap(({ item, wanted }) =>
    results.get(item.id)?.outcome === "done" && wanted !== undefined ? [{ item, wanted }] : [],
  );
  if (done.length === 0) return;
  let observed = await work.look();
  for (const { wanted } of done) {
    const keys = observed.keys.get(wanted.applicationId) ?? NO_KEYS;
    await retire(work, keys.currentMasters);
    for (const key of keys.base.values()) await retire(work, key.current);
  }
  observed = await work.look();
  const whole = done.filter(({ item, wanted }) => {
    const left = differences(wanted, observed).filter((one) => one.aspect !== "complete");
    if (left.length === 0) return true;
    const text = left.map((one) => `${one.aspect} is ${one.actual}, expected ${one.expected}`).join("; ");
    results.set(item.id, { ...item, outcome: "failed", reason: `after the change, ${text}` });
    return false;
  });
  await work.database.query(
    "UPDATE keymgr.key_policy_def SET upd_dtimes = now() AT TIME ZONE 'UTC' WHERE app_id = ANY($1)",
    [whole.map(({ wanted }) => wanted.applicationId)],
    "completing key policies",
  );
}

/** Deletes what the database knows of these applications' keys; inside a transaction. */
export async function deleteKeys(database: Database, applicationIds: readonly string[]): Promise<void> {
  await database.query(
    `WITH gone AS (DELETE FROM keymgr.key_alias WHERE app_id = ANY($1) RETURNING id)
     DELETE FROM keymgr.key_store WHERE id IN (SELECT id FROM gone)`,
    [applicationIds],
    "deleting keys",
  );
}

/** An error of ours as it is; anything else is a fault and goes on. */
export function commons(error: unknown): CommonsError {
  if (error instanceof CommonsError) return error;
  throw error;
}

/** An item that failed. */
export function failure(item: PlanItem, error: CommonsError): PlanItem {
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return { ...item, outcome: "failed", reason: error.message, ...hint };
}

function untouched(item: PlanItem): PlanItem {
  if (item.action === "unchanged" || item.action === "retain") return { ...item, outcome: "done" };
  if (item.action === "refuse") return { ...item, outcome: "failed" };
  return { ...item, outcome: "not started", reason: "the run was stopped" };
}
