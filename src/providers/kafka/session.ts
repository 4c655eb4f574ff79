import { apiVersionsV3, describeLogDirsV4, metadataV12 } from "@platformatic/kafka";
import pLimit from "p-limit";
import { credentialKey, type Credential } from "../../model/credential.ts";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import type { CommonsError } from "../../model/error.ts";
import type { Cell, PlanItem } from "../../model/plan.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Depth, Found, Placement, Policy, ProviderContext, Removal, ServerSession } from "../contract.ts";
import { catchUp, dropBarriers } from "./catch-up.ts";
import { Link } from "./connection.ts";
import { type Desired, desiredOf, type Prefixes, prefixesOf } from "./desired.ts";
import { diff, type KafkaChange } from "./diff.ts";
import { isServerWide, toFailure } from "./failure.ts";
import { found, type Holding, holdingItem, holdingsOf } from "./holding.ts";
import { observe, type Observed, type ObservedServer, observeServer } from "./observe.ts";
import { carryOut } from "./reconcile.ts";
import { dataOf, removeHolding } from "./remove.ts";
import { versionOf } from "./version.ts";
import { verifyServer } from "./verify.ts";

/** Kafka's side of the provider contract, for one cluster. */
export class KafkaSession implements ServerSession<Observed, KafkaChange> {
  readonly #link: Link;
  readonly #endpoint: KafkaEndpoint;
  readonly #placement: Placement<"kafka">;
  readonly #desired: Desired;
  readonly #context: ProviderContext;

  private constructor(link: Link, endpoint: KafkaEndpoint, placement: Placement<"kafka">, context: ProviderContext) {
    this.#link = link;
    this.#endpoint = endpoint;
    this.#placement = placement;
    this.#desired = desiredOf(placement);
    this.#context = context;
  }

  /**
   * Signs in as the administrator.
   *
   * @throws ServiceError or TimeoutError that says why it is not let in
   */
  static async open(
    endpoint: KafkaEndpoint,
    placement: Placement<"kafka">,
    context: ProviderContext,
  ): Promise<KafkaSession> {
    try {
      return new KafkaSession(await Link.open(endpoint, endpoint), endpoint, placement, context);
    } catch (error) {
      throw toFailure(error, `login of "${endpoint.user}" at ${addressOf(endpoint)}`, context.server);
    }
  }

  observe(depth: Depth): Promise<Observed> {
    return this.#named(`looking at ${this.#context.server}`, () =>
      observe(this.#link, this.#endpoint, this.#desired, depth, this.#context),
    );
  }

  diff(observed: Observed, policy: Policy): KafkaChange[] {
    return diff(this.#desired, observed, policy, { server: this.#context.server, admin: this.#endpoint.user });
  }

  /** Nothing: runs at the same time need no lock, since every step can be repeated and marks decide. */
  async prepare(): Promise<void> {}

  async reconcile(changes: readonly KafkaChange[]): Promise<PlanItem[]> {
    const todo = changes.filter((one) => !["unchanged", "retain", "refuse"].includes(one.item.action));
    if (todo.length === 0) return changes.map((one) => settled(one.item));
    const wanted = todo.flatMap((one) => one.wanted ?? []);
    const names = new Map(wanted.map((one) => [credentialKey(one.ref), one.user]));
    const aborted = this.#context.signal.aborted;
    const credentials = aborted
      ? new Map<string, Credential>()
      : await this.#context.credentials.getOrCreate(
          wanted.map((one) => one.ref),
          (ref) => names.get(credentialKey(ref)) ?? "",
        );
    const leaving = todo.some((one) => one.holding !== undefined) ? await this.#look() : undefined;
    const results = await this.#each(
      "apply",
      todo.map((one) => one.item),
      async (item) => {
        const change = todo.find((one) => one.item.id === item.id);
        if (change?.holding !== undefined && leaving !== undefined) await this.#take(change.holding, leaving, false);
        const credential = change?.wanted === undefined ? undefined : credentials.get(credentialKey(change.wanted.ref));
        if (change?.wanted !== undefined && credential !== undefined)
          await carryOut(this.#link, this.#endpoint, change.wanted, change.drifts, credential);
        return item;
      },
    );
    if (results.some((one) => one.outcome === "done")) await this.#settle();
    const byId = new Map(results.map((one) => [one.id, one]));
    return changes.map((one) => byId.get(one.item.id) ?? settled(one.item));
  }

  async planRemoval(removal: Removal): Promise<PlanItem[]> {
    const server = await this.#look();
    const affected = this.#affected(server, removal);
    const sizes = await this.#sizes();
    return affected.map((holding) =>
      holdingItem(holding, this.#context.server, "remove", this.#describe(holding, server, sizes)),
    );
  }

  async remove(removal: Removal): Promise<PlanItem[]> {
    await this.#named(`looking at ${this.#context.server}`, async () => {
      await dropBarriers(this.#link, this.#desired.environment.id);
      await this.#catchUp();
    });
    const server = await this.#look();
    const affected = this.#affected(server, removal);
    const items = affected.map((holding) => holdingItem(holding, this.#context.server, "remove", undefined));
    const results = await this.#each("remove", items, async (item) => {
      const holding = affected[items.indexOf(item)];
      if (holding === undefined) return item;
      const kept = await this.#take(holding, server, removal.deleteData);
      if (!kept) return item;
      const reason = `${this.#describe(holding, server, undefined)} kept; its user and rights are gone`;
      return { ...item, action: "retain", reason };
    });
    await this.#settle();
    return results;
  }

  verify(options: { readonly sample?: number }): Promise<Cell[]> {
    return this.#named(`verifying ${this.#context.server}`, () =>
      verifyServer(this.#link, this.#endpoint, this.#desired, this.#context, options.sample),
    );
  }

  async list(): Promise<Found[]> {
    return holdingsOf(await this.#look(), this.#desired.environment.id).map(found);
  }

  status(): Promise<ServerStatus> {
    return this.#named(`asking ${this.#context.server} for its state`, async () => {
      const [{ finalizedFeatures }, { brokers }] = await Promise.all([
        this.#link.call(apiVersionsV3.api, "g2p-commons", "1"),
        this.#link.call(metadataV12.api, [], false, false),
      ]);
      const level = finalizedFeatures?.find((one) => one.name === "metadata.version")?.maxVersionLevel;
      return {
        id: this.#context.server,
        service: "kafka",
        address: addressOf(this.#endpoint),
        ...(level === undefined ? {} : { version: versionOf(level) }),
        ...(brokers.length === 0 ? { state: "waiting", reason: "no broker is registered" } : { state: "ready" }),
      };
    });
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #catchUp(): Promise<void> {
    return catchUp(this.#link, this.#desired.environment.id);
  }

  /** Lets the next look find what was done. Whatever fails here was told by the items already, or is by that look. */
  async #settle(): Promise<void> {
    if (!this.#context.signal.aborted) await this.#catchUp().catch(() => {});
  }

  #look(): Promise<ObservedServer> {
    return this.#named(`looking at ${this.#context.server}`, () => observeServer(this.#link, []));
  }

  async #named<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.#context.signal.aborted) throw error;
      throw toFailure(error, doing, this.#context.server);
    }
  }

  #take(holding: Holding, server: ObservedServer, deleteData: boolean): Promise<boolean> {
    const { credentials } = this.#context;
    return removeHolding(this.#link, holding, this.#prefixes(holding), server, deleteData, credentials);
  }

  #prefixes({ mark }: Holding): Prefixes {
    return prefixesOf(this.#placement, mark.ref, mark.kind);
  }

  /** Works on items in parallel; one that fails does not hide the others, one that shows the server in trouble stops what is left. */
  async #each(
    verb: string,
    items: readonly PlanItem[],
    work: (item: PlanItem) => Promise<PlanItem>,
  ): Promise<PlanItem[]> {
    const { signal, emit, server, concurrency } = this.#context;
    let stopped: CommonsError | undefined;
    let done = 0;
    return pLimit(Math.max(1, concurrency)).map(items, async (item): Promise<PlanItem> => {
      if (stopped !== undefined || signal.aborted)
        return {
          ...item,
          outcome: "not started",
          reason: stopped?.message ?? "the run was stopped",
          ...(stopped?.hint === undefined ? {} : { hint: stopped.hint }),
        };
      try {
        const result = await work(item);
        return { ...result, outcome: "done" };
      } catch (error) {
        const failure = toFailure(error, `${verb} of ${item.id}`, item.id);
        if (isServerWide(failure)) stopped ??= failure;
        return {
          ...item,
          outcome: "failed",
          reason: failure.message,
          ...(failure.hint === undefined ? {} : { hint: failure.hint }),
        };
      } finally {
        emit({ type: "step-progress", step: `${verb} ${server}`, done: ++done, total: items.length, doing: item.id });
      }
    });
  }

  /** Accesses first: those of the scope, and those to claims of the scope, which would be left with nothing. */
  #affected(server: ObservedServer, { scope }: Removal): Holding[] {
    const isInside = (ref: { readonly sandbox: string; readonly instance: string } | undefined) =>
      ref?.sandbox === scope.sandbox && (scope.instance === undefined || ref.instance === scope.instance);
    return holdingsOf(server, this.#desired.environment.id)
      .filter(({ mark }) => isInside(mark.ref) || isInside(mark.target))
      .toReversed();
  }

  #describe(
    holding: Holding,
    server: ObservedServer,
    sizes: ReadonlyMap<string, number> | undefined,
  ): string | undefined {
    const { topics, ownTopics } = dataOf(holding, this.#prefixes(holding), server);
    const all = [...topics, ...ownTopics];
    if (all.length === 0) return undefined;
    const bytes = all.reduce((sum, topic) => sum + (sizes?.get(topic) ?? 0), 0);
    const made = ownTopics.length === 0 ? "" : `, ${ownTopics.length} of them made by the module itself`;
    return `${all.length} topic${all.length === 1 ? "" : "s"}${made}${bytes === 0 ? "" : `, ${bytes} bytes`}`;
  }

  /** Bytes of each topic at the broker that was asked, which in a cluster of several holds some of the partitions. */
  async #sizes(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    const { results } = await this.#link.call(describeLogDirsV4.api, null);
    for (const { name, partitions } of results.flatMap((one) => one.topics))
      sizes.set(
        name,
        partitions.reduce((sum, one) => sum + Number(one.partitionSize), sizes.get(name) ?? 0),
      );
    return sizes;
  }
}

function settled(item: PlanItem): PlanItem {
  return item.action === "refuse" ? { ...item, outcome: "failed" } : item;
}

function addressOf(endpoint: KafkaEndpoint): string {
  return endpoint.hosts.map(({ host, port }) => `${host}:${port}`).join(",");
}
