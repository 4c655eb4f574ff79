import { RefusedError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { ProviderContext, Removal } from "../contract.ts";
import type { Database } from "./database.ts";
import type { Desired } from "./desired.ts";
import { itemOf, ownPolicies } from "./diff.ts";
import type { Observed } from "./observe.ts";
import { waitForRequests } from "./in-flight.ts";
import { commons, deleteKeys, failure } from "./reconcile.ts";

/** The applications of a sandbox or instance that carry this environment's mark; all of them are data. */
export function planRemoval(desired: Desired, observed: Observed, { scope }: Removal, server: string): PlanItem[] {
  return ownPolicies(desired, observed)
    .filter(({ claim }) => claim.sandbox === scope.sandbox)
    .filter(({ claim }) => scope.instance === undefined || claim.instance === scope.instance)
    .map(({ applicationId, claim }) => ({ ...itemOf(claim, applicationId, server), action: "remove", findings: [] }));
}

/**
 * Deletes policy and keys of each application, together or not at all; nothing without our mark is touched.
 *
 * Keymanager cannot delete from its key store: the entries of master keys stay there, and without the rows deleted here nobody can
 * use them.
 *
 * @throws RefusedError `DATA_WOULD_BE_LOST` where data may not be deleted
 */
export async function remove(
  database: Database,
  desired: Desired,
  items: readonly PlanItem[],
  removal: Removal,
  context: ProviderContext,
): Promise<PlanItem[]> {
  if (items.length > 0 && !removal.deleteData)
    throw new RefusedError(
      `Removing would delete the keys of ${items.length} applications of keymanager. Nothing was removed.`,
      { code: "DATA_WOULD_BE_LOST", hint: "What they encrypted can then never be read again; look with --dry-run." },
    );
  if (items.length > 0 && !context.signal.aborted) await waitForRequests(database);
  const results: PlanItem[] = [];
  for (const item of items) {
    if (context.signal.aborted) {
      results.push({ ...item, outcome: "not started", reason: "the run was stopped" });
      continue;
    }
    try {
      await database.transaction(async () => {
        const gone = await database.query(
          `DELETE FROM keymgr.key_policy_def WHERE app_id = $1 AND starts_with(cr_by, $2) RETURNING app_id`,
          [item.name, `g2p:${desired.environment.id}:`],
          `removing ${item.id}`,
        );
        if (gone.length > 0) await deleteKeys(database, [item.name]);
      });
      results.push({ ...item, outcome: "done" });
    } catch (error) {
      results.push(failure(item, commons(error)));
    }
  }
  return results;
}
