import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "./database.ts";

/** Making a key takes a second, on a busy machine several. */
const PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

const TRANSACTIONS = `
  SELECT DISTINCT virtualtransaction AS id FROM pg_locks
   WHERE pid <> pg_backend_pid() AND virtualtransaction = ANY(coalesce($1, ARRAY[virtualtransaction]))
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND relation IN ('keymgr.key_policy_def'::regclass, 'keymgr.key_alias'::regclass, 'keymgr.key_store'::regclass)`;

/**
 * Waits until every transaction has ended that works on key policies and keys now. The server makes a key in one transaction, and goes on with it when
 * the run that asked for it was killed: what is looked at or deleted before that would be outrun by the key. Later transactions are not waited for.
 */
export async function waitForRequests(database: Database): Promise<void> {
  const look = async (ids: readonly string[] | null) => {
    const rows = await database.query<{ id: string }>(TRANSACTIONS, [ids], "looking at requests under way");
    return rows.map((row) => row.id);
  };
  const deadline = performance.now() + PATIENCE_MS;
  let left = await look(null);
  for (let pause = FIRST_PAUSE_MS; left.length > 0 && performance.now() < deadline; pause *= 1.5) {
    await delay(Math.min(pause, LONGEST_PAUSE_MS));
    left = await look(left);
  }
}
