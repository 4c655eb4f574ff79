import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { apply } from "../../src/engine/apply.ts";
import { plan } from "../../src/engine/plan.ts";
import type { Place } from "../../src/engine/place.ts";
import { planRemoval, remove } from "../../src/engine/teardown.ts";
import { verify } from "../../src/engine/verify.ts";
import type { Fields } from "../../src/model/binding.ts";
import type { CheckResult } from "../../src/model/check.ts";
import type { OtherService } from "../../src/model/claim.ts";
import { type Credential, type CredentialStore, credentialKey } from "../../src/model/credential.ts";
import type { Endpoints } from "../../src/model/endpoint.ts";
import type { ClaimRef } from "../../src/model/environment.ts";
import type { EngineEvent } from "../../src/model/event.ts";
import type { PlanItem, PlanResult, VerifyResult } from "../../src/model/plan.ts";
import type { ServerStatus } from "../../src/model/status.ts";
import type { Depth, Found, Placed, Placement, ServerSession } from "../../src/providers/contract.ts";
import { fileCredentialStore } from "../../src/targets/credential-store.ts";
import { placeOf } from "./place.ts";
import { secretsIn, textsOf } from "./secrets.ts";
import type { Subject } from "./subject.ts";

const CHECK_MS = 20_000;

/** What a world may have of its own. */
export interface WorldOptions<S extends OtherService> {
  readonly environment?: { readonly id: string; readonly name: string };
  readonly prefix?: string;
  readonly change?: (placement: Placement<S>) => Placement<S>;
}

/** What may differ from the world for one call. */
export interface Over<S extends OtherService> {
  readonly endpoint?: Endpoints[S];
  readonly placement?: Placement<S>;
  readonly signal?: AbortSignal;
  readonly depth?: Depth;
  readonly adopt?: readonly string[];
  readonly recreate?: readonly string[];
}

/**
 * One environment on the test's server, with a credential store of its own, used through the engine as the command line does.
 * Remembers everything that was returned, thrown or told, to look for secrets in it.
 */
export class ContractWorld<S extends OtherService> {
  readonly subject: Subject<S>;
  readonly endpoint: Endpoints[S];
  readonly placement: Placement<S>;
  readonly prefix: string;
  /** Folder of the credential store. */
  readonly folder: string;
  readonly credentials: CredentialStore;
  readonly #seen: unknown[] = [];
  readonly #secrets = new Set<string>();

  private constructor(subject: Subject<S>, endpoint: Endpoints[S], folder: string, options: WorldOptions<S>) {
    const environment = options.environment ?? { id: randomUUID(), name: "alpha" };
    this.prefix = options.prefix ?? "";
    const placement = { ...subject.placement(environment.id, this.prefix), environment };
    this.subject = subject;
    this.endpoint = endpoint;
    this.placement = options.change?.(placement) ?? placement;
    this.folder = folder;
    this.credentials = fileCredentialStore(folder);
    for (const secret of secretsIn(endpoint)) this.#secrets.add(secret);
  }

  static async open<S extends OtherService>(
    subject: Subject<S>,
    endpoint: Endpoints[S],
    options: WorldOptions<S> = {},
  ): Promise<ContractWorld<S>> {
    return new ContractWorld(subject, endpoint, await mkdtemp(join(tmpdir(), "g2p-contract-")), options);
  }

  /** All claims, then all accesses. */
  get placed(): readonly Placed<S>[] {
    return placedOf(this.placement);
  }

  /** Ids of all claims and accesses. */
  get ids(): readonly string[] {
    return this.placed.map((one) => idOf(one));
  }

  get sandboxes(): readonly string[] {
    return [...new Set(this.placed.map((one) => one.sandbox))];
  }

  place(over: Over<S> = {}): Place {
    const endpoint = over.endpoint ?? this.endpoint;
    const signal = over.signal ?? new AbortController().signal;
    return placeOf(this.subject, endpoint, over.placement ?? this.placement, this.folder, this.#hear, signal);
  }

  apply(over: Over<S> = {}): Promise<PlanResult> {
    const policy = { adopt: over.adopt ?? [], recreate: over.recreate ?? [] };
    return this.#watch(apply([this.place(over)], { depth: over.depth ?? "quick", policy, emit: this.#hear }));
  }

  plan(over: Over<S> = {}): Promise<PlanResult> {
    const policy = { adopt: over.adopt ?? [], recreate: over.recreate ?? [] };
    return this.#watch(plan([this.place(over)], { depth: over.depth ?? "deep", policy, emit: this.#hear }));
  }

  verify(options: { readonly sample?: number } = {}): Promise<VerifyResult> {
    return this.#watch(verify([this.place()], options));
  }

  /** Removes all sandboxes, one after the other. */
  async remove(deleteData: boolean, over: Over<S> = {}): Promise<readonly PlanItem[]> {
    const items: PlanItem[] = [];
    for (const sandbox of this.sandboxes) {
      const done = await this.#watch(remove([this.place(over)], { scope: { sandbox }, deleteData }, this.#hear));
      items.push(...done.items);
    }
    return items;
  }

  async planRemoval(deleteData: boolean): Promise<readonly PlanItem[]> {
    const results = this.sandboxes.map((sandbox) =>
      this.#watch(planRemoval([this.place()], { scope: { sandbox }, deleteData })),
    );
    return (await Promise.all(results)).flatMap((one) => one.items);
  }

  list(): Promise<Found[]> {
    return this.#session((session) => session.list());
  }

  status(): Promise<ServerStatus> {
    return this.#session((session) => session.status());
  }

  async binding(claim: Placed<S>): Promise<Fields> {
    const fields = this.subject.provider.binding(
      this.endpoint,
      this.placement,
      claim,
      await this.credential(asRef(claim)),
    );
    return this.#watch(Promise.resolve(fields));
  }

  /** @param credential another one than the stored */
  async check(claim: Placed<S>, credential?: Credential): Promise<CheckResult> {
    const used = credential ?? (await this.credential(asRef(claim)));
    return this.#watch(this.subject.provider.check(this.endpoint, this.placement, claim, used, CHECK_MS));
  }

  /** What every claim and access answers to its own credentials that is not `ready`; empty when all is well. */
  async unready(): Promise<string[]> {
    const results = await Promise.all(this.placed.map((claim) => this.check(claim)));
    return results.flatMap((result, index) =>
      result.state === "ready" ? [] : [`${this.ids[index]}: ${result.state}, ${result.reason}`],
    );
  }

  /** The stored credential. */
  async credential(ref: ClaimRef): Promise<Credential> {
    const found = (await this.credentials.read([ref])).get(credentialKey(ref));
    if (found === undefined) throw new Error(`no credential is stored for ${credentialKey(ref)}`);
    this.#secrets.add(found.password.reveal());
    return found;
  }

  snapshot(): Promise<unknown> {
    return this.subject.snapshot(this.endpoint);
  }

  /** Writes data as the first claim's own login. */
  async writeData(): Promise<void> {
    const [first] = this.placed;
    if (first === undefined) throw new Error("the placement has no claim");
    const { username, password } = await this.credential(asRef(first));
    await this.subject.writeData?.(this.endpoint, this.placement, username, password.reveal());
  }

  hasData(): Promise<boolean> | undefined {
    return this.subject.hasData?.(this.endpoint, this.placement);
  }

  /** All is as wanted: a deep plan is clean and every credential works. */
  async expectClean(over: Over<S> = {}): Promise<void> {
    expect(troubles((await this.plan(over)).items, "unchanged")).toEqual([]);
    expect(await this.unready()).toEqual([]);
  }

  /** No secret stands in anything that was returned, thrown or told; forgets what it has seen. */
  async expectNoSecrets(): Promise<void> {
    for (const { password } of (await this.credentials.read(this.placed.map(asRef))).values())
      this.#secrets.add(password.reveal());
    const texts = this.#seen.splice(0).flatMap(textsOf);
    for (const secret of this.#secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  }

  /** Remembers a secret that must never be shown. */
  hide(secret: string): void {
    this.#secrets.add(secret);
  }

  /** Removes everything with its data and what was stored; says what is left in the store. */
  async close(): Promise<readonly string[]> {
    await this.expectNoSecrets();
    expect(troubles(await this.remove(true), "remove")).toEqual([]);
    await this.expectNoSecrets();
    const left = await readdir(this.folder, { recursive: true });
    await rm(this.folder, { recursive: true, force: true });
    return left;
  }

  #hear = (event: EngineEvent): void => {
    this.#seen.push(event);
  };

  async #session<T>(work: (session: ServerSession) => Promise<T>): Promise<T> {
    const session = await this.place().open();
    try {
      return await this.#watch(work(session));
    } finally {
      await session.close();
    }
  }

  async #watch<T>(promise: Promise<T>): Promise<T> {
    try {
      const result = await promise;
      this.#seen.push(result);
      return result;
    } catch (error) {
      this.#seen.push(error);
      throw error;
    }
  }
}

/** All claims, then all accesses of a placement. */
export function placedOf<S extends OtherService>(placement: Placement<S>): readonly Placed<S>[] {
  return [...placement.claims, ...placement.accesses];
}

/** `service/sandbox/instance/claim`. */
export function idOf<S extends OtherService>(claim: Placed<S>): string {
  return `${claim.service}/${claim.sandbox}/${claim.instance}/${claim.claim}`;
}

/** A claim or access without what it asks for. */
export function asRef<S extends OtherService>(claim: Placed<S>): ClaimRef {
  return { sandbox: claim.sandbox, instance: claim.instance, claim: claim.claim };
}

/** Items of a plan or an apply that are not `action`, or that did not work; `remove` and `retain` are the same here. */
export function troubles(items: readonly PlanItem[], action: PlanItem["action"]): string[] {
  return items
    .filter((item) => item.action !== action || (item.outcome !== undefined && item.outcome !== "done"))
    .map(
      (item) =>
        `${item.id}: ${item.action} ${item.outcome ?? ""} ${item.reason ?? ""} ${JSON.stringify(item.findings)}`,
    );
}

/** Items of an apply that were not carried out. */
export function undone(items: readonly PlanItem[]): string[] {
  return items
    .filter((item) => item.action === "refuse" || (item.outcome !== undefined && item.outcome !== "done"))
    .map((item) => `${item.id}: ${item.action} ${item.outcome ?? ""} ${item.reason ?? ""}`);
}
