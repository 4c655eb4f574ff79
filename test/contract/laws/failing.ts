import { describe, expect } from "vitest";
import type { OtherService } from "../../../src/model/claim.ts";
import type { Endpoints } from "../../../src/model/endpoint.ts";
import { CommonsError, ServiceError, TimeoutError } from "../../../src/model/error.ts";
import { Secret } from "../../../src/model/secret.ts";
import { freePort, listenSilently } from "../../support/port.ts";
import { type ContractWorld, asRef } from "../world.ts";
import { type Bench, law } from "./law.ts";

const LONGEST_WAIT_MS = 60_000;

/** What a server or the network refuses is said by the service's name, and no secret with it. */
export function failing<S extends OtherService>(bench: Bench<S>): void {
  const { subject } = bench;

  describe("failing", () => {
    law(bench, "a wrong password of the administrator is a service error", async (world) => {
      const endpoint = wrongAdmin(bench, world);
      if (endpoint === undefined) return;
      for (const error of await failures(world, endpoint)) {
        expect(error).toBeInstanceOf(ServiceError);
        expectHelpful(error, subject.service);
      }
      expect((await world.credentials.read(world.placed.map(asRef))).size).toBe(0);
    });

    law(bench, "a server that is not there is a service error", async (world) => {
      for (const error of await failures(world, elsewhere(bench, world, await freePort()))) {
        expect(error).toBeInstanceOf(ServiceError);
        expectHelpful(error, subject.service);
      }
    });

    law(bench, "a server that never answers is an error in bounded time", async (world) => {
      const silent = await listenSilently();
      try {
        const begin = performance.now();
        for (const error of await failures(world, elsewhere(bench, world, silent.port))) {
          expect(error instanceof ServiceError || error instanceof TimeoutError).toBe(true);
          expectHelpful(error, subject.service);
        }
        expect(performance.now() - begin).toBeLessThan(LONGEST_WAIT_MS);
      } finally {
        await silent.close();
      }
    });

    law(
      bench,
      "a claim whose server is not there, or whose password is wrong, is not ready and says why",
      async (world) => {
        await world.apply();
        const claim = world.placed[subject.claimWithPassword ?? 0]!;
        const credential = await world.credential(asRef(claim));
        const wrong = new Secret(`wrong${credential.password.reveal().slice(5)}`);
        world.hide(wrong.reveal());
        const endpoint = elsewhere(bench, world, await freePort());
        const results = [
          await world.check(claim, { ...credential, password: wrong }),
          await subject.provider.check(endpoint, world.placement, claim, credential, 5_000),
        ];
        for (const result of results) {
          expect(result.state).not.toBe("ready");
          if (result.state !== "ready") expect(result.reason).toMatch(/\S/);
        }
      },
    );
  });
}

/** The errors of a plan and of an apply there. */
function failures<S extends OtherService>(world: ContractWorld<S>, endpoint: Endpoints[S]): Promise<unknown[]> {
  const succeeded = () => new Error("it succeeded");
  // At the same time, since both may wait for an answer.
  return Promise.all([
    world.plan({ endpoint }).then(succeeded, (error: unknown) => error),
    world.apply({ endpoint }).then(succeeded, (error: unknown) => error),
  ]);
}

function expectHelpful(error: unknown, service: string): void {
  if (!(error instanceof CommonsError)) throw error;
  expect(error.message.toLowerCase()).toContain(service);
  expect(error.code).toMatch(/^[A-Z][A-Z0-9_]+$/);
  expect(error.hint).toMatch(/\S/);
}

function wrongAdmin<S extends OtherService>({ subject }: Bench<S>, world: ContractWorld<S>): Endpoints[S] | undefined {
  const password = new Secret("not-the-administrators-1");
  world.hide(password.reveal());
  return subject.wrongAdmin === undefined ? { ...world.endpoint, password } : subject.wrongAdmin(world.endpoint);
}

function elsewhere<S extends OtherService>({ subject }: Bench<S>, world: ContractWorld<S>, port: number): Endpoints[S] {
  return subject.elsewhere?.(world.endpoint, port) ?? { ...world.endpoint, hosts: [{ host: "127.0.0.1", port }] };
}
