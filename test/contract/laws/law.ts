import { expect, test } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import type { Subject, TestEngine } from "../subject.ts";
import { ContractWorld, type WorldOptions } from "../world.ts";

/** What a group of laws is given. */
export interface Bench<S extends OtherService> {
  readonly subject: Subject<S>;
  /** The server; call it inside a test only, since it is started before the first one. */
  readonly engine: () => TestEngine<S>;
}

/**
 * A law of one environment that it has for itself. Whatever it does, in the end the environment is removed with its data, and
 * then the server is what it was before, the credential store is empty, and no secret was shown.
 */
export function law<S extends OtherService>(
  bench: Bench<S>,
  name: string,
  body: (world: ContractWorld<S>) => Promise<void>,
  options: WorldOptions<S> = {},
): void {
  test(name, () => inWorld(bench, options, body));
}

/** Runs `body` with an environment of its own; see {@link law}. */
export async function inWorld<S extends OtherService>(
  { subject, engine }: Bench<S>,
  options: WorldOptions<S>,
  body: (world: ContractWorld<S>) => Promise<void>,
): Promise<void> {
  const { endpoint } = engine();
  const before = await subject.snapshot(endpoint);
  const world = await ContractWorld.open(subject, endpoint, options);
  try {
    await body(world);
  } catch (error) {
    // The law's own failure tells more than what its cleaning would then say.
    await world.close().catch(() => []);
    throw error;
  }
  expect(await world.close()).toEqual([]);
  expect(await subject.snapshot(endpoint)).toEqual(before);
}
