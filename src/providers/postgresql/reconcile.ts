import pLimit from "p-limit";
import type pg from "pg";
import { type Credential, credentialKey } from "../../model/credential.ts";
import { type CommonsError, ServiceError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { Policy, ProviderContext } from "../contract.ts";
import { type Admin, batch, type Row } from "./admin.ts";
import { errorCode } from "./connection.ts";
import type { Desired, DesiredAccess, DesiredDatabase } from "./desired.ts";
import { diff, type PostgresChange, toFinding } from "./diff.ts";
import { diffDatabase } from "./diff-database.ts";
import { diffInside } from "./diff-inside.ts";
import { diffRole, rolesOfAccess, rolesOfDatabase } from "./diff-roles.ts";
import { withoutAccepted } from "../accept.ts";
import type { Drift } from "./drift.ts";
import { compile, mustBeGone, persistently, stepsOf } from "./execute.ts";
import { isServerWide, toFailure } from "./failure.ts";
import { audit, intend, settle } from "./ledger.ts";
import { loginWorks, type Observed } from "./observe.ts";
import { clusterQueries, namesOf, observeCluster, type ObservedCluster, parseCluster } from "./observe-cluster.ts";
import { insideQueries, parseInside } from "./observe-inside.ts";
import { dropAccess, dropBroken } from "./remove.ts";
import { ident } from "./sql.ts";

/** Items whose statements share one transaction; small enough to show progress, large enough to save commits. */
const CHUNK = 8;

/** Most chunks worked on at once: CREATE DATABASE keeps the server busy, and more of them only stand in each other's way. */
const WRITERS = 4;

type Work = PostgresChange & { readonly wanted: DesiredDatabase | DesiredAccess };

/** Carries out changes on one server; see {@link Reconciler.run}. */
export class Reconciler {
  readonly #admin: Admin;
  readonly #desired: Desired;
  readonly #context: ProviderContext;
  readonly #policy: Policy;
  readonly #compared: ReadonlySet<string>;
  readonly #results = new Map<string, PlanItem>();
  #credentials: ReadonlyMap<string, Credential> = new Map();
  #stopped: CommonsError | undefined;
  #total = 0;

  constructor(admin: Admin, desired: Desired, context: ProviderContext, policy: Policy) {
    this.#admin = admin;
    this.#desired = desired;
    this.#context = context;
    this.#policy = policy;
    this.#compared = new Set(namesOf(desired).roles);
  }

  /**
   * One flow for making and repairing: intent in the ledger, roles, databases, their rights and opening, the inside, then `ready` in
   * the ledger in the same transaction as the last change. Every transaction reads back what it did before it commits. A
   * process killed anywhere leaves what the next run completes.
   *
   * @returns every item with its outcome; after a failure that concerns the whole server the rest is "not started"
   */
  async run(changes: readonly PostgresChange[], observed: Observed): Promise<PlanItem[]> {
    const todo = changes.filter((one) => !["unchanged", "retain", "refuse"].includes(one.item.action));
    const work = todo.filter((one): one is Work => one.wanted !== undefined);
    this.#total = todo.length;
    try {
      await this.#begin(work);
      const databases = work.filter((one) => one.wanted.kind === "database");
      const accesses = work.filter((one) => one.wanted.kind === "access");
      await this.#inChunks(databases, observed.cluster);
      // Logins of accesses join reader roles, which the first wave made.
      await this.#inChunks(
        accesses.filter((one) => this.#targetStands(one)),
        observed.cluster,
      );
      for (const one of todo.filter((change) => change.item.action === "remove"))
        await this.#guard(one, () => this.#removeAccess(one));
      for (const one of todo.filter((change) => change.item.kind === "server"))
        await this.#guard(one, () => this.#server(one, observed.cluster));
    } catch (error) {
      this.#stopped ??= toFailure(error, "applying");
    }
    return changes.map((one) => this.#results.get(one.item.id) ?? this.#untouched(one, todo));
  }

  /** False, and said so, for an access to a database that could not be made. */
  #targetStands(one: Work): boolean {
    const target = one.wanted.kind === "access" ? this.#results.get(one.wanted.target.id) : undefined;
    if (target?.outcome !== "failed" || target.action !== "create") return true;
    this.#record({ ...one.item, outcome: "not started", reason: `it reads ${target.id}, which failed` });
    return false;
  }

  #untouched(one: PostgresChange, todo: readonly PostgresChange[]): PlanItem {
    if (!todo.includes(one)) return one.item.action === "refuse" ? { ...one.item, outcome: "failed" } : one.item;
    const reason = this.#stopped === undefined ? "the run was stopped" : this.#stopped.message;
    return {
      ...one.item,
      outcome: "not started",
      reason,
      ...(this.#stopped?.hint === undefined ? {} : { hint: this.#stopped.hint }),
    };
  }

  async #begin(work: readonly Work[]): Promise<void> {
    if (work.length === 0) return;
    const logins = new Map(work.map((one) => [credentialKey(one.wanted), one.wanted.login]));
    this.#credentials = await this.#context.credentials.getOrCreate(
      work.map((one) => one.wanted),
      (ref) => logins.get(credentialKey(ref)) ?? "",
    );
    const begun = work.filter((one) => one.intend).map((one) => one.wanted);
    if (begun.length === 0) return;
    // Databases before accesses: a row of an access refers to its target's.
    const ordered = [
      ...begun.filter((one) => one.kind === "database"),
      ...begun.filter((one) => one.kind === "access"),
    ];
    try {
      await persistently(this.#admin.main, intend(this.#desired.environment.id, ordered));
    } catch (error) {
      if (errorCode(error) !== "23505" && errorCode(error) !== "23503")
        throw toFailure(error, "recording the intent in the ledger");
      // Somebody took a name meanwhile: each item alone, so that only the losers are refused.
    }
  }

  async #inChunks(work: readonly Work[], cluster: ObservedCluster): Promise<void> {
    const writers = pLimit(Math.min(WRITERS, this.#context.concurrency));
    const size = Math.max(1, Math.min(CHUNK, Math.ceil(work.length / writers.concurrency)));
    const chunks: Work[][] = [];
    for (let at = 0; at < work.length; at += size) chunks.push(work.slice(at, at + size));
    await Promise.all(
      chunks.map((chunk) =>
        writers(async () => {
          try {
            await this.#admin.worker(async (client) => {
              if (!this.#proceeds()) return;
              for (const one of await this.#carryOut(client, chunk, cluster)) await this.#finish(one);
            });
          } catch (error) {
            if (isServerWide(error)) this.#stopped ??= toFailure(error, "applying");
            // One item's trouble must not fail its neighbours: each again, alone, judged anew.
            for (const one of chunk) if (this.#proceeds()) await this.#guard(one, () => this.#alone(one, error));
          }
        }),
      ),
    );
  }

  #proceeds(): boolean {
    return this.#stopped === undefined && !this.#context.signal.aborted;
  }

  async #guard(one: PostgresChange, work: () => Promise<void>): Promise<void> {
    if (!this.#proceeds()) return;
    try {
      await work();
    } catch (error) {
      const failure = toFailure(
        error,
        `${one.item.action === "create" ? "creating" : "changing"} ${one.item.id}`,
        one.item.id,
      );
      if (isServerWide(failure)) this.#stopped ??= failure;
      this.#record({
        ...one.item,
        outcome: "failed",
        reason: failure.message,
        ...(failure.hint === undefined ? {} : { hint: failure.hint }),
      });
    }
  }

  /** Observes one item again, judges it by the mark, and carries it out; repeated while another run keeps winning the race. */
  async #alone(one: Work, first: unknown): Promise<void> {
    let last = first;
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const fresh = await this.#again(one);
      if (fresh === undefined) return;
      if (fresh.item.action === "unchanged") {
        this.#record({ ...one.item, outcome: "done" });
        return;
      }
      if (fresh.item.action === "refuse") {
        this.#record({ ...fresh.item, outcome: "failed" });
        return;
      }
      try {
        await this.#admin.worker(async (client) => {
          const cluster = await observeCluster(this.#admin, this.#subset(one.wanted));
          if (fresh.intend) await persistently(client, intend(this.#desired.environment.id, [one.wanted]));
          for (const done of await this.#carryOut(client, [fresh], cluster))
            await this.#finish({ ...done, item: { ...done.item, action: one.item.action } });
        });
        return;
      } catch (error) {
        last = error;
        if (!["42P04", "42710", "23505", "XX000", "3D000"].includes(errorCode(error) ?? "")) break;
      }
    }
    throw last;
  }

  async #again(one: Work): Promise<Work | undefined> {
    const subset = this.#subset(one.wanted);
    const cluster = await observeCluster(this.#admin, subset);
    // Findings that only the deep look shows are taken from the change itself.
    const observed: Observed = {
      depth: "quick",
      cluster,
      logins: new Map(),
      insides: new Map(),
      passwordsChecked: undefined,
    };
    const fresh = diff(subset, observed, this.#policy, this.#context.server, this.#desired).find(
      (change): change is Work => change.item.id === one.item.id,
    );
    if (fresh === undefined || fresh.item.action === "create" || fresh.item.action === "refuse") return fresh;
    const known = new Set(fresh.drifts.map((drift) => drift.aspect));
    const deep = one.drifts.filter(
      (drift) =>
        !known.has(drift.aspect) && drift.fix.some((fix) => fix.phase === "inside" || fix.passwordFor !== undefined),
    );
    const drifts = [...fresh.drifts, ...deep.filter((drift) => !drift.aspect.startsWith("role:"))];
    return {
      ...fresh,
      drifts,
      lookInside: fresh.lookInside || one.lookInside,
      item: drifts.length > 0 ? { ...fresh.item, action: "update" } : fresh.item,
    };
  }

  #subset(wanted: DesiredDatabase | DesiredAccess): Desired {
    const target = wanted.kind === "access" ? wanted.target : wanted;
    return {
      ...this.#desired,
      closeMaintenance: false,
      databases: [target],
      accesses: this.#desired.accesses.filter((one) => one.target.uuid === target.uuid),
    };
  }

  /** @returns the chunk, with what was found and repaired inside databases that could not be seen into before */
  async #carryOut(client: pg.Client, chunk: readonly Work[], cluster: ObservedCluster): Promise<Work[]> {
    const { facts } = this.#admin;
    const credential = (login: string) => this.#credentialOf(chunk, login);
    const roleSteps = chunk.flatMap((one) => stepsOf(one.drifts, ownerOf(one.wanted), "roles"));
    let seen = cluster;
    if (roleSteps.length > 0) {
      const statements = await compile(roleSteps, facts, cluster, credential);
      await this.#transact(client, statements, chunk, (one, now) => {
        seen = now;
        return this.#roleDrifts(one, now).filter((drift) => drift.fix.every((fix) => fix.phase === "roles"));
      });
    }
    for (const one of chunk)
      if (one.createDatabase && one.wanted.kind === "database") await this.#create(client, one, one.wanted);

    const visits = chunk.filter(
      (one) => one.lookInside || stepsOf(one.drifts, ownerOf(one.wanted), "inside").length > 0,
    );
    const plain = chunk.filter((one) => !visits.includes(one));
    const databaseSteps = chunk.flatMap((one) => stepsOf(one.drifts, ownerOf(one.wanted), "database"));
    await this.#transact(
      client,
      [
        ...(await compile(databaseSteps, facts, seen, credential)),
        ...settle(this.#desired.environment.id, plain.map(settlement)),
      ],
      databaseSteps.length === 0 ? [] : chunk,
      (one, now) => [...this.#roleDrifts(one, now), ...this.#databaseDrifts(one, now)],
    );
    const visited: Work[] = [];
    for (const one of visits) {
      if (one.wanted.kind !== "database") continue;
      const found = await this.#visit(one, one.wanted, { ...seen, extensions: cluster.extensions });
      visited.push({
        ...one,
        drifts: [...one.drifts, ...found],
        item: { ...one.item, findings: [...one.item.findings, ...found.map(toFinding)] },
      });
      await persistently(client, settle(this.#desired.environment.id, visited.slice(-1).map(settlement)));
    }
    return [...plain, ...visited];
  }

  /** Runs statements and, before COMMIT, reads the roles and databases of `chunk` back; what `remaining` still finds rolls back. */
  async #transact(
    client: pg.Client,
    statements: readonly string[],
    chunk: readonly Work[],
    remaining: (one: Work, now: ObservedCluster) => ReturnType<typeof diffRole>,
  ): Promise<void> {
    if (statements.length === 0) return;
    if (chunk.length === 0) return persistently(client, statements);
    const desired = mergeDesired(chunk.map((one) => this.#subset(one.wanted)));
    const { databases, roles } = namesOf(desired);
    const queries = clusterQueries(databases, roles, this.#admin.facts.major, false);
    await persistently(client, [...statements, ...queries], (_, all) => {
      const now = parseCluster(this.#admin.facts, all.slice(-queries.length), desired.environment.id);
      mustBeGone(chunk.flatMap((one) => withoutAccepted(remaining(one, now), one.wanted.accept)));
    });
  }

  #roleDrifts(one: Work, now: ObservedCluster): ReturnType<typeof diffRole> {
    const { id, name } = this.#desired.environment;
    const { wanted } = one;
    const admins = this.#admins();
    if (wanted.kind === "access")
      return rolesOfAccess(wanted, id, name).flatMap((role) => diffRole(role, now, admins, this.#compared));
    const readers = this.#desired.accesses
      .filter((access) => access.target.uuid === wanted.uuid)
      .map((access) => access.login);
    return rolesOfDatabase(wanted, id, name, readers).flatMap((role) => diffRole(role, now, admins, this.#compared));
  }

  #databaseDrifts(one: Work, now: ObservedCluster): ReturnType<typeof diffRole> {
    if (one.wanted.kind === "access") return [];
    const found = now.databases.get(one.wanted.database);
    return found === undefined ? [] : diffDatabase(one.wanted, found, now, this.#admins());
  }

  /** Roles that administer this environment, once {@link run} knows the ledger. */
  admins: readonly string[] = [];

  #admins(): readonly string[] {
    return [...this.admins, this.#admin.facts.user];
  }

  async #create(client: pg.Client, one: Work, wanted: DesiredDatabase): Promise<void> {
    const { facts } = this.#admin;
    const database = ident(wanted.database);
    if (one.dropBroken) await dropBroken(this.#admin, client, wanted.database);
    const owner = facts.superuser || facts.major >= 16 ? ` OWNER ${ident(wanted.owner)}` : "";
    // Made closed, so that nobody slips in while PUBLIC still has CONNECT; template0, so that no session in template1 is in the way.
    await client.query(
      `CREATE DATABASE ${database}${owner} TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false`,
    );
  }

  /** @returns what was found only now, when the database could not be seen into before */
  async #visit(one: Work, wanted: DesiredDatabase, seen: ObservedCluster): Promise<Drift[]> {
    const queries = insideQueries(wanted.owner, wanted.reader, this.#admin.facts.user);
    const drifts = (rows: readonly Row[][]) =>
      withoutAccepted(diffInside(wanted, parseInside(rows), seen), wanted.accept);
    return this.#admin.visitFromWorker(wanted.database, async (client) => {
      const found = one.lookInside ? drifts(await batch(client, queries)) : [];
      const steps = stepsOf(one.lookInside ? found : one.drifts, wanted.owner, "inside");
      if (steps.length === 0) return found;
      const statements = await compile(steps, this.#admin.facts, seen, (login) => this.#credentialOf([one], login));
      await persistently(client, ["SET LOCAL client_min_messages = warning", ...statements, ...queries], (_, all) => {
        mustBeGone(drifts(all.slice(-queries.length)));
      });
      return found;
    });
  }

  #credentialOf(chunk: readonly Work[], login: string): Credential {
    const one = chunk.find((work) => work.wanted.login === login);
    const found = one === undefined ? undefined : this.#credentials.get(credentialKey(one.wanted));
    if (found === undefined)
      throw new ServiceError(`No stored password for login "${login}".`, {
        code: "CREDENTIAL_MISSING",
        hint: "Run the command again.",
      });
    return found;
  }

  /** Records success, after proving by login that a password which was reset, or had expired, works. */
  async #finish(one: Work): Promise<void> {
    const restored = (drift: PostgresChange["drifts"][number]) =>
      drift.aspect.startsWith("valid-until:") || drift.fix.some((fix) => fix.passwordFor !== undefined);
    const reset =
      one.item.action === "update" && one.drifts.some((drift) => drift.repair === "apply" && restored(drift));
    const credential = this.#credentials.get(credentialKey(one.wanted));
    const proof = reset && credential !== undefined ? await loginWorks(this.#admin, one.wanted, credential) : "works";
    const open = one.drifts.filter((drift) => drift.repair !== "apply");
    const problems = [
      ...(proof === "works" || proof === "limit reached"
        ? []
        : [`login "${one.wanted.login}" does not work: ${proof}`]),
      ...open.map((drift) => `${drift.repair}: ${drift.aspect}${drift.note === undefined ? "" : ` (${drift.note})`}`),
    ];
    this.#record({
      ...one.item,
      outcome: problems.length === 0 ? "done" : "failed",
      ...(problems.length === 0 ? {} : { reason: problems.join("; ") }),
    });
  }

  #record(item: PlanItem): void {
    this.#results.set(item.id, item);
    this.#context.emit({
      type: "step-progress",
      step: `apply ${this.#context.server}`,
      done: this.#results.size,
      total: this.#total,
      doing: item.id,
    });
  }

  async #removeAccess(one: PostgresChange): Promise<void> {
    if (one.entry === undefined) return;
    const { entry } = one;
    await dropAccess(this.#admin, this.#desired.environment.id, entry, () => this.#context.credentials.remove(entry));
    this.#record({ ...one.item, outcome: "done" });
  }

  async #server(one: PostgresChange, cluster: ObservedCluster): Promise<void> {
    const open = one.drifts.filter((drift) => drift.repair !== "apply");
    const statements = await compile(stepsOf(one.drifts, "", "database"), this.#admin.facts, cluster, (login) =>
      this.#credentialOf([], login),
    );
    const environmentId = this.#desired.environment.id;
    if (statements.length > 0)
      await this.#admin.worker((client) =>
        persistently(client, [...statements, audit(environmentId, [settlement(one)])]),
      );
    this.#record({
      ...one.item,
      outcome: open.length === 0 ? "done" : "failed",
      ...(open.length === 0
        ? {}
        : { reason: open.map((drift) => `${drift.repair}: ${drift.aspect} (${drift.note ?? ""})`).join("; ") }),
    });
  }
}

function ownerOf(wanted: DesiredDatabase | DesiredAccess): string {
  return wanted.kind === "database" ? wanted.owner : wanted.target.owner;
}

function settlement(one: PostgresChange): { uuid: string; id: string; action: string; detail: string } {
  return {
    uuid: one.wanted?.uuid ?? "",
    id: one.item.id,
    action: one.item.action,
    detail: one.drifts.map((drift) => drift.aspect).join(" "),
  };
}

function mergeDesired(parts: readonly Desired[]): Desired {
  const [first] = parts;
  if (first === undefined) throw new Error("nothing to merge");
  const unique = <T extends { uuid: string }>(all: readonly T[]) => [
    ...new Map(all.map((one) => [one.uuid, one])).values(),
  ];
  return {
    ...first,
    databases: unique(parts.flatMap((part) => part.databases)),
    accesses: unique(parts.flatMap((part) => part.accesses)),
  };
}
