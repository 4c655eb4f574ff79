import type { RedisEndpoint } from "../../model/endpoint.ts";
import type { Cell, PlanItem } from "../../model/plan.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Depth, Found, Placement, Policy, ProviderContext, Removal, ServerSession } from "../contract.ts";
import { type DesiredKeyspace, desiredOf } from "./desired.ts";
import { diff, ownMarks, type RedisChange } from "./diff.ts";
import { toFailure } from "./failure.ts";
import { countKeys } from "./keys.ts";
import { apart, observe, type Observed } from "./observe.ts";
import { MEMORY_ONLY, reconcile } from "./reconcile.ts";
import { planRemoval, remove } from "./remove.ts";
import { addressOf, openServer, type Server } from "./server.ts";
import { verifyServer } from "./verify.ts";
import { mapOf, textOf } from "./connection.ts";

/** Redis' side of the provider contract, for one server. */
export class RedisSession implements ServerSession<Observed, RedisChange> {
  readonly #server: Server;
  readonly #placement: Placement<"redis">;
  readonly #desired: readonly DesiredKeyspace[];
  readonly #context: ProviderContext;

  private constructor(server: Server, placement: Placement<"redis">, context: ProviderContext) {
    this.#server = server;
    this.#placement = placement;
    this.#desired = desiredOf(placement);
    this.#context = context;
  }

  /** Connects the administrator; see {@link openServer} for what it throws. */
  static async open(
    endpoint: RedisEndpoint,
    placement: Placement<"redis">,
    context: ProviderContext,
  ): Promise<RedisSession> {
    return new RedisSession(await openServer(endpoint, context.server), placement, context);
  }

  /** Both depths are the same, since hashes of passwords are shown without a login. */
  observe(_depth: Depth): Promise<Observed> {
    return this.#doing("Looking at", () => observe(this.#server, this.#desired, this.#context.credentials));
  }

  diff(observed: Observed, policy: Policy): RedisChange[] {
    return diff(this.#desired, this.#placement.environment.id, observed, policy, this.#context.server);
  }

  /** Nothing: runs at the same time set the same users, and the register decides between environments. */
  async prepare(): Promise<void> {}

  reconcile(changes: readonly RedisChange[], _policy: Policy): Promise<PlanItem[]> {
    return this.#doing("Applying to", () => reconcile(this.#server, changes, this.#context));
  }

  planRemoval(removal: Removal): Promise<PlanItem[]> {
    return this.#doing("Looking at", async () =>
      planRemoval(this.#server, this.#placement, await this.#look(), removal),
    );
  }

  remove(removal: Removal): Promise<PlanItem[]> {
    return this.#doing("Removing from", async () =>
      remove(this.#server, this.#placement, await this.#look(), removal, this.#context),
    );
  }

  verify(options: { readonly sample?: number }): Promise<Cell[]> {
    return this.#doing("Verifying", () => verifyServer(this.#server, this.#desired, this.#context, options.sample));
  }

  list(): Promise<Found[]> {
    return this.#doing("Looking at", async () => {
      const observed = await this.#look();
      const own = ownMarks(observed, this.#placement.environment.id);
      const prefixes = [...own.keys()].map((user) => observed.register.get(user)?.keyPrefix ?? "");
      const known = prefixes.filter((prefix) => prefix !== "");
      const counts = await apart(this.#server, (connection) => countKeys(connection, known));
      return [...own].map(([user, { sandbox, instance, claim }], index) => ({
        sandbox,
        instance,
        claim,
        kind: "keyspace",
        name: user,
        inLedger: observed.register.has(user),
        onServer: observed.marks.has(user) || (counts.get(prefixes[index] ?? "") ?? 0) > 0,
      }));
    });
  }

  status(): Promise<ServerStatus> {
    return this.#doing("Looking at", async () => {
      const { connection, version, users, endpoint } = this.#server;
      const info = textOf(await connection.send("INFO", "clients"));
      const used = Number(/^connected_clients:(\d+)/m.exec(info)?.[1] ?? 0);
      const limits = await connection.send("CONFIG", "GET", "maxclients").catch(() => null);
      const max = Number(textOf(mapOf(limits).get("maxclients")));
      return {
        id: this.#context.server,
        service: "redis",
        address: addressOf(endpoint),
        version: version.text,
        state: "ready",
        ...(users === "memory" ? { reason: MEMORY_ONLY } : {}),
        ...(max > 0 ? { connections: { used, max } } : {}),
      };
    });
  }

  async close(): Promise<void> {
    this.#server.connection.close();
  }

  /** Only what is marked: nothing is wanted here. */
  #look(): Promise<Observed> {
    return observe(this.#server, [], this.#context.credentials);
  }

  async #doing<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toFailure(error, `${what} ${this.#context.server}`, this.#context.server);
    }
  }
}
