import type { Depth } from "../contract.ts";
import { type Api, isRefusal } from "./api.ts";
import type { Database } from "./database.ts";
import { type Desired, EVERYBODY } from "./desired.ts";
import { type Mark, parseMark } from "./mark.ts";

/** A row of `key_policy_def`. */
export interface ObservedPolicy {
  readonly applicationId: string;
  readonly validityDays: number;
  readonly preExpireDays: number;
  readonly active: boolean;
  readonly access: string;
  readonly mark: Mark | undefined;
  /** Its keys were complete once: a missing one is a loss. */
  readonly complete: boolean;
}

/** Keys that the database knows of one application id. */
export interface ObservedKeys {
  /** Master keys, expired ones, too; ids of those that count now, the oldest first. */
  readonly masters: number;
  readonly currentMasters: readonly string[];
  /** By reference id. */
  readonly base: ReadonlyMap<string, { readonly current: readonly string[]; readonly withoutKey: number }>;
}

/** What was seen on one server; plain data. */
export interface Observed {
  readonly policies: ReadonlyMap<string, ObservedPolicy>;
  readonly keys: ReadonlyMap<string, ObservedKeys>;
  /** Has the server a root key? */
  readonly root: boolean;
  /** Application ids whose policy the server still uses in an older, open form; looked at by `deep` only. */
  readonly open: ReadonlySet<string>;
}

/** Keys of an application nobody has made. */
export const NO_KEYS: ObservedKeys = { masters: 0, currentMasters: [], base: new Map() };

interface PolicyRow {
  app_id: string;
  key_validity_duration: number;
  pre_expire_days: number;
  is_active: boolean;
  access_allowed: string | null;
  cr_by: string | null;
  upd_by: string | null;
  complete: boolean;
}

interface KeyRow {
  app_id: string;
  ref_id: string;
  all: number;
  current: string[] | null;
  without_key: number;
}

/** Looks at the policies and keys of all applications in two statements; `deep` also asks the server by which policy it decides. */
export async function observe(database: Database, api: Api, desired: Desired, depth: Depth): Promise<Observed> {
  const doing = "looking at key policies and keys";
  const policyRows = await database.query<PolicyRow>(
    `SELECT app_id, key_validity_duration, pre_expire_days, is_active, access_allowed, cr_by, upd_by,
            upd_dtimes IS NOT NULL AS complete
       FROM keymgr.key_policy_def`,
    [],
    doing,
  );
  const keyRows = await database.query<KeyRow>(
    `SELECT a.app_id, coalesce(a.ref_id, '') AS ref_id, count(*)::int AS "all",
            array_agg(a.id ORDER BY a.key_gen_dtimes, a.id) FILTER (WHERE a.key_expire_dtimes > now() AT TIME ZONE 'UTC') AS current,
            (count(*) FILTER (WHERE s.id IS NULL))::int AS without_key
       FROM keymgr.key_alias a LEFT JOIN keymgr.key_store s USING (id)
      GROUP BY 1, 2`,
    [],
    doing,
  );
  const policies = new Map(policyRows.map((row) => [row.app_id, toPolicy(row)]));
  const keys = new Map(
    [...Map.groupBy(keyRows, (row) => row.app_id)].map(([application, rows]) => [application, toKeys(rows)]),
  );
  const root = (keys.get("ROOT")?.currentMasters.length ?? 0) > 0;
  const open = depth === "deep" ? await openOnes(api, desired, policies, keys) : new Set<string>();
  return { policies, keys, root, open };
}

/**
 * The server keeps every policy it has read for as long as it runs. Asked to decrypt what is no data, it refuses the administrator, who is
 * not on the list, if it decides by the wanted policy, and complains about the data if it decides by an open one.
 */
async function openOnes(
  api: Api,
  desired: Desired,
  policies: Observed["policies"],
  keys: Observed["keys"],
): Promise<Set<string>> {
  const asked = desired.applications.filter((one) => {
    const policy = policies.get(one.applicationId);
    const hasKeys = (keys.get(one.applicationId)?.currentMasters.length ?? 0) > 0;
    return one.access !== EVERYBODY && policy?.mark?.environment === desired.environment.id && hasKeys;
  });
  const open = await Promise.all(asked.map((one) => isOpen(api, one.applicationId)));
  return new Set(asked.filter((_, index) => open[index]).map((one) => one.applicationId));
}

/** Does the server let somebody use this application's keys who is on no list? */
export async function isOpen(api: Api, applicationId: string): Promise<boolean> {
  return !isRefusal(await api.admin("POST", "/decrypt", decryption(applicationId)));
}

/** A request to decrypt what is no data. */
export function decryption(applicationId: string) {
  return { applicationId, referenceId: "g2p", data: "AAAA", timeStamp: new Date().toISOString() };
}

function toPolicy(row: PolicyRow): ObservedPolicy {
  return {
    applicationId: row.app_id,
    validityDays: row.key_validity_duration,
    preExpireDays: row.pre_expire_days,
    active: row.is_active,
    access: row.access_allowed ?? "",
    mark: parseMark(row.cr_by, row.upd_by),
    complete: row.complete,
  };
}

function toKeys(rows: readonly KeyRow[]): ObservedKeys {
  const master = rows.find((row) => row.ref_id === "");
  return {
    masters: master?.all ?? 0,
    currentMasters: master?.current ?? [],
    base: new Map(
      rows
        .filter((row) => row.ref_id !== "")
        .map((row) => [row.ref_id, { current: row.current ?? [], withoutKey: row.without_key }]),
    ),
  };
}
