import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { ServiceError } from "../../model/error.ts";

/** Below the range from which systems take the ports of outgoing connections, so a stopped server's port stays free. */
const FIRST = 20_000;
const LAST = 29_999;
const ATTEMPTS = 100;

/** Can a server listen on this port of 127.0.0.1 now? */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A random port of 127.0.0.1 that is free now. Another process may take it before it is used; callers try again then.
 *
 * @throws ServiceError `NO_FREE_PORT` when {@link ATTEMPTS} random ports were all taken.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isPortFree(port)) return port;
  }
  throw new ServiceError(`No free port found between ${FIRST} and ${LAST} in ${ATTEMPTS} attempts.`, {
    code: "NO_FREE_PORT",
    hint: "Name one in the environment file: commons.postgresql.port.",
  });
}
