import type { Emit } from "../model/event.ts";
import type { ServerSession } from "../providers/contract.ts";

/** A server that the engine works on: its id and how to open a session with it. */
export interface Place {
  /** `postgresql`, `postgresql/dev` or `postgresql/dev/registry`. */
  readonly id: string;
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

/** All results, or the first error after every one has settled, so that no work goes on behind a failed command. */
export async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  for (const one of settled) if (one.status === "rejected") throw one.reason;
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}
