import type { OpensearchEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import type { Cell, PlanItem } from "../../model/plan.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Depth, Found, Placement, Policy, ProviderContext, Removal, ServerSession } from "../contract.ts";
import { catchUp } from "./catch-up.ts";
import { connect, type Connection } from "./connection.ts";
import { type Desired, desiredOf } from "./desired.ts";
import { diff, type OpensearchChange, ownClaims } from "./diff.ts";
import { markedOf, observe, observeDocuments, type Observed } from "./observe.ts";
import { isSame } from "./mark.ts";
import { reconcile } from "./reconcile.ts";
import { planRemoval, remove } from "./remove.ts";
import { verifyServer } from "./verify.ts";

/** A first answer that takes longer than this comes from no OpenSearch that could be worked with. */
const OPEN_TIMEOUT_MS = 10_000;

/** OpenSearch's side of the provider contract, for one server. */
export class OpensearchSession implements ServerSession<Observed, OpensearchChange> {
  readonly #admin: Connection;
  readonly #endpoint: OpensearchEndpoint;
  readonly #placement: Placement<"opensearch">;
  readonly #desired: readonly Desired[];
  readonly #context: ProviderContext;
  readonly #version: string;
  #observed: Observed | undefined;

  private constructor(
    admin: Connection,
    endpoint: OpensearchEndpoint,
    placement: Placement<"opensearch">,
    context: ProviderContext,
    version: string,
  ) {
    this.#admin = admin;
    this.#endpoint = endpoint;
    this.#placement = placement;
    this.#desired = desiredOf(placement);
    this.#context = context;
    this.#version = version;
  }

  /**
   * Signs the administrator in.
   *
   * @throws ServiceError when the server cannot be reached, refuses the administrator, or is no OpenSearch from version 2 on
   */
  static async open(
    endpoint: OpensearchEndpoint,
    placement: Placement<"opensearch">,
    context: ProviderContext,
  ): Promise<OpensearchSession> {
    const { server, concurrency } = context;
    const login = { username: endpoint.user, password: endpoint.password };
    const admin = await connect(endpoint, login, server, { connections: Math.max(2, concurrency) });
    try {
      const answer = await admin.ask("signing in", "/", { method: "GET", timeoutMs: OPEN_TIMEOUT_MS });
      return new OpensearchSession(admin, endpoint, placement, context, versionOf(answer.json, server));
    } catch (error) {
      admin.close();
      throw error;
    }
  }

  async observe(depth: Depth): Promise<Observed> {
    const { credentials, server, concurrency } = this.#context;
    const stored = depth === "deep" ? await credentials.read(this.#desired) : new Map();
    const options = { depth, server, concurrency };
    this.#observed = await observe(this.#admin, this.#endpoint, this.#desired, stored, options);
    return this.#observed;
  }

  diff(observed: Observed, policy: Policy): OpensearchChange[] {
    return diff(this.#desired, this.#placement.environment.id, observed, policy, this.#context.server);
  }

  /** Takes no lock: the server refuses a write between which and its reading another one came, and that is repeated. */
  prepare(): Promise<void> {
    return catchUp(this.#admin, this.#context.signal);
  }

  async reconcile(changes: readonly OpensearchChange[], _policy: Policy): Promise<PlanItem[]> {
    const observed = this.#observed ?? (await this.observe("quick"));
    return reconcile(this.#admin, changes, observed, this.#context);
  }

  planRemoval(removal: Removal): Promise<PlanItem[]> {
    return planRemoval(this.#admin, this.#placement.environment.id, removal, this.#context.server);
  }

  remove(removal: Removal): Promise<PlanItem[]> {
    return remove(this.#admin, this.#placement.environment.id, removal, this.#context);
  }

  verify(options: { readonly sample?: number }): Promise<Cell[]> {
    return verifyServer(this.#endpoint, this.#admin, this.#desired, this.#context, options.sample);
  }

  async list(): Promise<Found[]> {
    const found = await observeDocuments(this.#admin);
    const marked = markedOf(found);
    return [...ownClaims(found, this.#placement.environment.id).values()].map((mark) => {
      const { sandbox, instance, claim, kind } = mark;
      const own = marked.filter((one) => isSame(one.mark, mark));
      const name = (own.find((one) => one.kind === "role") ?? own[0])?.name ?? "";
      return { sandbox, instance, claim, kind, name, inLedger: true, onServer: true };
    });
  }

  async status(): Promise<ServerStatus> {
    const path = "/_cluster/health?timeout=5s";
    const answer = await this.#admin.ask("asking for the cluster's health", path, { method: "GET" }, [408]);
    const { status = "unknown" } = (answer.json ?? {}) as { status?: string };
    const [first] = this.#endpoint.hosts;
    const base = {
      id: this.#context.server,
      service: "opensearch",
      address: `${first?.host}:${first?.port}`,
      version: this.#version,
    } as const;
    return status === "red" || status === "unknown"
      ? { ...base, state: "unhealthy", reason: `the cluster's health is ${status}: some indices cannot be used` }
      : { ...base, state: "ready" };
  }

  async close(): Promise<void> {
    this.#admin.close();
  }
}

function versionOf(json: unknown, server: string): string {
  const { version } = (json ?? {}) as { version?: { number?: unknown; distribution?: unknown } };
  const number = typeof version?.number === "string" ? version.number : "unknown";
  if (version?.distribution === "opensearch" && Number(number.split(".", 1)[0]) >= 2) return number;
  const what = version?.distribution === "opensearch" ? "OpenSearch" : "another program";
  throw new ServiceError(
    `OpenSearch ${server} is ${what}, version ${number}; expected OpenSearch 2 or newer. Nothing was changed.`,
    { code: "OPENSEARCH_VERSION", resource: server, hint: "Correct the address in g2p.yaml, or upgrade the server." },
  );
}
