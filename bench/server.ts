import type pg from "pg";
import type { ServerAddress } from "../src/model/environment.ts";
import { connect } from "../src/providers/postgresql/connection.ts";
import { startTestServer, type TestServer } from "../test/support/postgres.ts";

/** PostgreSQL versions that can be measured. */
export type Version = 15 | 16 | 18;

/** What every measured server runs with: durable, as a production server is, and its data in memory-backed /dev/shm. */
const PARAMETERS = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_buffers: "128MB",
};

/** Runs `work` with a new server that is removed afterwards. */
export async function withServer<T>(
  version: Version,
  work: (server: TestServer) => Promise<T>,
  parameters: Readonly<Record<string, string>> = {},
): Promise<T> {
  const server = await startTestServer({
    version,
    maxConnections: 200,
    parameters: { ...PARAMETERS, ...parameters },
  });
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** Runs `work` with a connection of the given administrator. */
export async function withClient<T>(
  server: ServerAddress,
  work: (client: pg.Client) => Promise<T>,
  database = server.database,
): Promise<T> {
  const client = await connect({ server, database, user: server.user, password: server.password });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Number of transactions that have written anything since the server began. */
export async function writeTransactions(server: ServerAddress): Promise<number> {
  return withClient(server, async (client) => {
    const { rows } = await client.query<{ next: string }>(
      "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next",
    );
    return Number(rows[0]?.next);
  });
}

/** Samples the number of clients connected beside this sampler while `work` runs; returns the largest. */
export async function peakConnections(server: ServerAddress, work: () => Promise<unknown>): Promise<number> {
  return withClient(server, async (client) => {
    let running = true;
    const done = work().finally(() => (running = false));
    let peak = 0;
    while (running) {
      const { rows } = await client.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      );
      peak = Math.max(peak, rows[0]?.n ?? 0);
      await Promise.race([done.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 5))]);
    }
    await done;
    return peak;
  });
}
