import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import type { OtherService } from "../../src/model/claim.ts";
import { applying } from "./laws/applying.ts";
import { damaged } from "./laws/damaged.ts";
import { failing } from "./laws/failing.ts";
import { isolated } from "./laws/isolated.ts";
import { killed } from "./laws/killed.ts";
import type { Bench } from "./laws/law.ts";
import { owned } from "./laws/owned.ts";
import { removed } from "./laws/removed.ts";
import type { Subject, TestEngine } from "./subject.ts";

/**
 * Holds a provider to the laws that every one of them keeps, on one real server that is started first and stopped last.
 *
 * @param more further tests of this service on the same server
 */
export function contractSuite<S extends OtherService>(subject: Subject<S>, more?: (bench: Bench<S>) => void): void {
  describe(`the contract of ${subject.service}`, () => {
    let dir = "";
    let engine: TestEngine<S> | undefined;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), `g2p-contract-${subject.service}-`));
      // Servers that refuse root run as another user, who must pass through.
      await chmod(dir, 0o755);
      engine = await subject.start(dir);
    });

    afterAll(async () => {
      await engine?.stop();
      await rm(dir, { recursive: true, force: true });
    });

    const bench: Bench<S> = {
      subject,
      engine: () => {
        if (engine === undefined) throw new Error("the server did not start");
        return engine;
      },
    };
    applying(bench);
    damaged(bench);
    killed(bench);
    owned(bench);
    removed(bench);
    isolated(bench);
    failing(bench);
    more?.(bench);
  });
}
