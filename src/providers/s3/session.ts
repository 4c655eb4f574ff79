import { setTimeout as delay } from "node:timers/promises";
import { credentialKey } from "../../model/credential.ts";
import type { S3Endpoint } from "../../model/endpoint.ts";
import type { Cell, PlanItem } from "../../model/plan.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Depth, Found, Policy, ProviderContext, Removal, ServerSession } from "../contract.ts";
import type { ObservedServer, S3Admin } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { diff, marksOf, type S3Change } from "./diff.ts";
import { judge } from "./judge.ts";
import { toFailure } from "./failure.ts";
import { reconcile } from "./reconcile.ts";
import { planRemoval, remove } from "./remove.ts";
import { verifyServer } from "./verify.ts";

/** Looks at a server on which another run may be in the middle of its work. */
const LOOKS = 4;
const FIRST_PAUSE_MS = 50;

/** One S3 server, seen by one environment. */
export class S3Session implements ServerSession<ObservedServer, S3Change> {
  readonly #endpoint: S3Endpoint;
  readonly #desired: Desired;
  readonly #admin: S3Admin;
  readonly #ca: string | undefined;
  readonly #context: ProviderContext;

  constructor(
    endpoint: S3Endpoint,
    desired: Desired,
    admin: S3Admin,
    ca: string | undefined,
    context: ProviderContext,
  ) {
    this.#endpoint = endpoint;
    this.#desired = desired;
    this.#admin = admin;
    this.#ca = ca;
    this.#context = context;
  }

  async observe(depth: Depth): Promise<ObservedServer> {
    return this.#asked(async () => {
      const stored = await this.#context.credentials.read(this.#desired.logins);
      const passwords = this.#desired.logins.flatMap((login) => {
        const credential = stored.get(credentialKey(login));
        return credential === undefined ? [] : [[login.user, credential.password] as const];
      });
      for (let look = 1, pause = FIRST_PAUSE_MS; ; look += 1, pause *= 2) {
        const observed = await this.#admin.observe(this.#desired.logins, depth, new Map(passwords));
        if (look === LOOKS || !isPuzzling(this.#desired, observed)) return observed;
        await delay(pause);
      }
    });
  }

  diff(observed: ObservedServer, policy: Policy): S3Change[] {
    return diff(this.#desired, observed, policy, this.#context.server, this.#admin);
  }

  /** Nothing to ready: marks stand on what they mark, and every step of two runs at a time can be repeated. */
  async prepare(): Promise<void> {}

  async reconcile(changes: readonly S3Change[]): Promise<PlanItem[]> {
    return reconcile(changes, this.#desired, this.#admin, this.#context);
  }

  async planRemoval(removal: Removal): Promise<PlanItem[]> {
    return this.#asked(async () =>
      planRemoval(removal, this.#desired, await this.observe("quick"), this.#admin, this.#context.server),
    );
  }

  async remove(removal: Removal): Promise<PlanItem[]> {
    return this.#asked(async () =>
      remove(removal, this.#desired, await this.observe("quick"), this.#admin, this.#context),
    );
  }

  async verify(options: { readonly sample?: number }): Promise<Cell[]> {
    return this.#asked(() =>
      verifyServer(this.#endpoint, this.#desired, this.#admin, this.#ca, this.#context, options.sample),
    );
  }

  async list(): Promise<Found[]> {
    const observed = await this.observe("quick");
    return marksOf(this.#desired, observed).map(({ name, mark, buckets }) => ({
      sandbox: mark.sandbox,
      instance: mark.instance,
      claim: mark.claim,
      kind: mark.kind,
      name,
      inLedger: true,
      onServer: mark.kind === "access" || mark.made.every((bucket) => buckets.includes(bucket)),
    }));
  }

  async status(): Promise<ServerStatus> {
    const [first] = this.#endpoint.hosts;
    const version = await this.#asked(() => this.#admin.version());
    return {
      id: this.#context.server,
      service: "s3",
      address: `${first?.host}:${first?.port}`,
      version,
      state: "ready",
    };
  }

  async close(): Promise<void> {
    this.#admin.close();
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.#context.signal.aborted) throw this.#context.signal.reason;
      const [first] = this.#endpoint.hosts;
      throw toFailure(
        error,
        `Looking at ${this.#context.server} (${first?.host}:${first?.port})`,
        this.#context.server,
      );
    }
  }
}

/**
 * A server is not read in one instant. What looks foreign or lost may only be another run's bucket that was made between two of our
 * requests, so it is looked at again.
 */
function isPuzzling(desired: Desired, observed: ObservedServer): boolean {
  return desired.logins.some((wanted) => "reason" in judge(wanted, desired, observed, { adopt: [], recreate: [] }));
}
