import type { Claim } from "../model/environment.ts";
import { CommonsError, ConfigError, InterruptedError } from "../model/error.ts";
import type { Emit } from "../model/event.ts";
import type { PlanItem } from "../model/plan.ts";
import type { Service } from "../model/service.ts";
import type { ServerSession } from "../providers/contract.ts";

/** A server that the engine works on: its id and how to open a session with it. */
export interface Place {
  /** `postgresql`, `kafka/dev` or `redis/dev/registry`. */
  readonly id: string;
  readonly service: Service;
  /** Claims and accesses placed on it, each with the name by which it is shown: what is told of a server that cannot be reached. */
  readonly wanted: readonly { readonly claim: Claim; readonly name: string }[];
  /** Places whose work must be done before this one's, since this service itself uses what they hold. */
  readonly after: readonly string[];
  readonly open: () => Promise<ServerSession>;
}

/** Runs `work` as one step of the report: start, end with its result or failure, and the time it took. */
export async function step<T>(
  emit: Emit,
  name: string,
  title: string,
  work: () => Promise<T>,
  detail: (result: T) => string,
): Promise<T> {
  const begun = performance.now();
  const end = (outcome: "done" | "failed", text?: string) =>
    emit({
      type: "step-end",
      step: name,
      outcome,
      ms: performance.now() - begun,
      ...(text === undefined || text === "" ? {} : { detail: text }),
    });
  emit({ type: "step-start", step: name, title });
  try {
    const result = await work();
    end("done", detail(result));
    return result;
  } catch (error) {
    end("failed");
    throw error;
  }
}

/** Opens a session, works with it, and closes it in every case. */
export async function withSession<T>(place: Place, work: (session: ServerSession) => Promise<T>): Promise<T> {
  const session = await place.open();
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** What came of one place. */
export type PlaceResult<T> =
  { readonly place: Place; readonly value: T } | { readonly place: Place; readonly error: CommonsError };

/**
 * Works on all places at a time, on each after those it names in {@link Place.after}. A server that fails keeps nobody else from
 * ending; only when every one failed, or one by a mistake of the environment file, an interruption or a fault of ours, is that
 * error thrown, and then after all work has ended.
 */
export async function onPlaces<T>(
  places: readonly Place[],
  work: (place: Place) => Promise<T>,
): Promise<PlaceResult<T>[]> {
  const running = new Map<string, Promise<T>>();
  const run = (place: Place): Promise<T> => {
    const known = running.get(place.id);
    if (known !== undefined) return known;
    const before = places.filter((other) => place.after.includes(other.id)).map(run);
    const mine = Promise.allSettled(before).then(() => work(place));
    running.set(place.id, mine);
    return mine;
  };
  const settled = await Promise.allSettled(places.map(run));
  const failed = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const grave = failed.find(
    (error) => !(error instanceof CommonsError) || error instanceof ConfigError || error instanceof InterruptedError,
  );
  if (grave !== undefined) throw grave;
  if (failed.length > 0 && failed.length === places.length) throw failed[0];
  return places.map((place, index) => {
    const one = settled[index];
    return one?.status === "fulfilled" ? { place, value: one.value } : { place, error: one?.reason as CommonsError };
  });
}

/** Items of all places in their order; those of a place that failed say why. */
export function itemsOf(results: readonly PlaceResult<readonly PlanItem[]>[]): PlanItem[] {
  return results.flatMap((one) => ("error" in one ? unknownItems(one.place, one.error) : one.value));
}

/** What is to be told of each claim on a server that could not be worked on. */
export function unknownItems(place: Place, error: CommonsError): PlanItem[] {
  return place.wanted.map(({ claim, name }) => ({
    id: `${claim.service}/${claim.sandbox}/${claim.instance}/${claim.claim}`,
    service: claim.service,
    kind: claim.kind,
    sandbox: claim.sandbox,
    instance: claim.instance,
    claim: claim.claim,
    server: place.id,
    name,
    action: "unknown",
    findings: [],
    reason: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    outcome: "not started",
  }));
}
