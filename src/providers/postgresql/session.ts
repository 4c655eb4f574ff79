import type { ServerAddress } from "../../model/environment.ts";
import { type CommonsError, RefusedError } from "../../model/error.ts";
import type { Cell, PlanItem } from "../../model/plan.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Depth, Found, Policy, ProviderContext, Removal, ServerSession } from "../contract.ts";
import { Admin, LEDGER_DATABASE } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { diff, type PostgresChange } from "./diff.ts";
import { isServerWide, toFailure } from "./failure.ts";
import {
  ensureLedger,
  entryKey,
  type LedgerContent,
  type LedgerEntry,
  lockEnvironment,
  refuseOtherEnvironment,
} from "./ledger.ts";
import { observe, type Observed } from "./observe.ts";
import { observeCluster } from "./observe-cluster.ts";
import { Reconciler } from "./reconcile.ts";
import { dropAccess, dropDatabase } from "./remove.ts";
import { literal } from "./sql.ts";
import { verifyServer } from "./verify.ts";

/** PostgreSQL's side of the provider contract, for one server. */
export class PostgresSession implements ServerSession<Observed, PostgresChange> {
  #admin: Admin;
  readonly #desired: Desired;
  readonly #context: ProviderContext;
  #unlock: (() => Promise<void>) | undefined;
  #last: Observed | undefined;

  private constructor(admin: Admin, desired: Desired, context: ProviderContext) {
    this.#admin = admin;
    this.#desired = desired;
    this.#context = context;
  }

  /** Connects the admin; see {@link Admin.open} for what it throws. */
  static async open(address: ServerAddress, desired: Desired, context: ProviderContext): Promise<PostgresSession> {
    return new PostgresSession(await Admin.open(address, context.concurrency), desired, context);
  }

  async observe(depth: Depth): Promise<Observed> {
    try {
      const found = await observe(this.#admin, this.#desired, depth, this.#context);
      const ledger = found.cluster.ledger;
      const sameName = [...(ledger?.environments ?? [])].filter(([, name]) => name === this.#desired.environment.name);
      refuseOtherEnvironment(
        sameName.map(([id]) => id),
        this.#desired,
        this.#admin.server,
      );
      if (found.passwordsChecked === false)
        this.#context.emit({
          type: "note",
          level: "warning",
          text: `${this.#context.server} lets wrong passwords in (pg_hba.conf "trust"): passwords are not checked here`,
        });
      this.#last = found;
      return found;
    } catch (error) {
      throw toFailure(error, `looking at ${this.#context.server}`);
    }
  }

  diff(observed: Observed, policy: Policy): PostgresChange[] {
    return diff(this.#desired, observed, policy, this.#context.server);
  }

  async prepare(): Promise<void> {
    this.#admin = await ensureLedger(this.#admin, this.#desired);
    this.#unlock = await lockEnvironment(this.#admin, this.#desired.environment.id, () =>
      this.#context.emit({
        type: "note",
        level: "info",
        text: `another run works on ${this.#context.server}; waiting for it to end`,
      }),
    );
  }

  async reconcile(changes: readonly PostgresChange[], policy: Policy): Promise<PlanItem[]> {
    const observed = this.#last ?? (await this.observe("quick"));
    const reconciler = new Reconciler(this.#admin, this.#desired, this.#context, policy);
    reconciler.admins = observed.cluster.ledger?.admins ?? [];
    return reconciler.run(changes, observed);
  }

  async planRemoval(removal: Removal): Promise<PlanItem[]> {
    const { databases, accesses } = await this.#affected(removal);
    const sizes = await this.#sizes(databases);
    return [
      ...accesses.map((entry) => this.#item(entry, "")),
      ...databases.map((entry) => this.#item(entry, sizes.get(entry.id) ?? "")),
    ];
  }

  async remove(removal: Removal): Promise<PlanItem[]> {
    const { databases, accesses, all } = await this.#affected(removal);
    if (databases.length > 0 && !removal.deleteData)
      throw new RefusedError(`Removing would delete the data of ${databases.length} databases. Nothing was removed.`, {
        code: "DATA_WOULD_BE_LOST",
        hint: "A run at the same time may have made them; look at them with --dry-run.",
      });
    const items: PlanItem[] = [];
    let stopped: CommonsError | undefined;
    const attempt = async (
      entry: LedgerEntry,
      gone: readonly LedgerEntry[],
      work: (forget: () => Promise<void>) => Promise<void>,
    ) => {
      const item = this.#item(entry, "");
      if (stopped !== undefined || this.#context.signal.aborted) {
        items.push({ ...item, outcome: "not started", reason: stopped?.message ?? "the run was stopped" });
        return;
      }
      try {
        await work(async () => {
          for (const one of gone) await this.#context.credentials.remove(one);
        });
        items.push({ ...item, outcome: "done" });
      } catch (error) {
        const failure = toFailure(error, `removing ${item.id}`, item.id);
        if (isServerWide(failure)) stopped = failure;
        items.push({
          ...item,
          outcome: "failed",
          reason: failure.message,
          ...(failure.hint === undefined ? {} : { hint: failure.hint }),
        });
      }
      this.#context.emit({
        type: "step-progress",
        step: `remove ${this.#context.server}`,
        done: items.length,
        total: databases.length + accesses.length,
        doing: item.id,
      });
    };
    const environmentId = this.#desired.environment.id;
    const dying = new Set(databases.map((entry) => entry.id));
    for (const entry of accesses)
      // Those on a database that goes as well are dropped together with it.
      if (entry.target === undefined || !dying.has(entry.target))
        await attempt(entry, [entry], (forget) => dropAccess(this.#admin, environmentId, entry, forget));
    for (const entry of databases) {
      const readers = all.filter((one) => one.target === entry.id);
      await attempt(entry, [entry, ...readers], (forget) =>
        dropDatabase(this.#admin, environmentId, entry, readers, forget),
      );
      const last = items.at(-1);
      for (const one of readers)
        if (last?.outcome !== undefined) items.push({ ...this.#item(one, ""), outcome: last.outcome });
    }
    return items;
  }

  async verify(options: { readonly sample?: number }): Promise<Cell[]> {
    const credentials = await this.#context.credentials.read([...this.#desired.databases, ...this.#desired.accesses]);
    return verifyServer({
      server: this.#admin.server,
      desired: this.#desired,
      credentials,
      ledgerDatabase: LEDGER_DATABASE,
      concurrency: this.#context.concurrency,
      emit: this.#context.emit,
      signal: this.#context.signal,
      step: `verify ${this.#context.server}`,
      ...(options.sample === undefined ? {} : { sample: options.sample }),
    });
  }

  async list(): Promise<Found[]> {
    const ledger = await this.#ledger();
    const { rows } = await this.#admin.main.query<{ name: string }>("SELECT datname::text AS name FROM pg_database");
    const present = new Set(rows.map((row) => row.name));
    return this.#own(ledger).map((entry) => {
      const name = mainName(entry);
      return {
        sandbox: entry.sandbox,
        instance: entry.instance,
        claim: entry.claim,
        kind: entry.kind,
        name,
        inLedger: true,
        onServer: entry.kind === "access" || present.has(name),
      };
    });
  }

  async status(): Promise<ServerStatus> {
    const { server, facts } = this.#admin;
    const { rows } = await this.#admin.main.query<{ used: number }>(
      "SELECT count(*)::int AS used FROM pg_stat_activity WHERE backend_type = 'client backend'",
    );
    return {
      id: this.#context.server,
      service: "postgresql",
      address: `${server.host}:${server.port}`,
      version: facts.version,
      state: "ready",
      connections: { used: rows[0]?.used ?? 0, max: facts.maxConnections },
    };
  }

  async close(): Promise<void> {
    await this.#unlock?.();
    await this.#admin.close();
  }

  async #ledger(): Promise<LedgerContent | undefined> {
    return (await observeCluster(this.#admin, { ...this.#desired, databases: [], accesses: [] })).ledger;
  }

  #own(ledger: LedgerContent | undefined): LedgerEntry[] {
    return [...(ledger?.entries.values() ?? [])].filter((entry) => entry.environment === this.#desired.environment.id);
  }

  async #affected(
    removal: Removal,
  ): Promise<{ databases: LedgerEntry[]; accesses: LedgerEntry[]; all: LedgerEntry[] }> {
    const all = this.#own(await this.#ledger());
    const { sandbox, instance } = removal.scope;
    const inScope = all.filter(
      (entry) => entry.sandbox === sandbox && (instance === undefined || entry.instance === instance),
    );
    const databases = inScope.filter((entry) => entry.kind === "database");
    const ids = new Set(databases.map((entry) => entry.id));
    const accesses = all.filter(
      (entry) =>
        entry.kind === "access" && (inScope.includes(entry) || (entry.target !== undefined && ids.has(entry.target))),
    );
    return { databases, accesses, all };
  }

  async #sizes(entries: readonly LedgerEntry[]): Promise<Map<string, string>> {
    const names = entries.map((entry) => `(${literal(entry.id)}, ${literal(mainName(entry))})`);
    if (names.length === 0) return new Map();
    const { rows } = await this.#admin.main.query<{ id: string; size: string | null; sessions: number }>(
      `SELECT v.id, CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_size_pretty(pg_database_size(d.oid)) END AS size,
         (SELECT count(*)::int FROM pg_stat_activity a WHERE a.datid = d.oid) AS sessions
       FROM (VALUES ${names.join(",")}) v(id, name) JOIN pg_database d ON d.datname::text = v.name`,
    );
    return new Map(
      rows.map((row) => [
        row.id,
        [row.size === null ? "" : row.size, row.sessions > 0 ? `${row.sessions} open sessions` : ""]
          .filter((text) => text !== "")
          .join(", "),
      ]),
    );
  }

  #item(entry: LedgerEntry, reason: string): PlanItem {
    return {
      id: `postgresql/${entryKey(entry)}`,
      service: "postgresql",
      kind: entry.kind,
      sandbox: entry.sandbox,
      instance: entry.instance,
      claim: entry.claim,
      server: this.#context.server,
      name: mainName(entry),
      action: "remove",
      findings: [],
      ...(reason === "" ? {} : { reason }),
    };
  }
}

function mainName(entry: LedgerEntry): string {
  return entry.names.find((held) => held.kind === (entry.kind === "database" ? "database" : "role"))?.name ?? "";
}
