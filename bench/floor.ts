import { connect } from "../src/providers/postgresql/connection.ts";
import { type Version, withServer } from "./server.ts";

/**
 * Milliseconds of the fastest way to make that many bare databases: `CREATE DATABASE` and nothing else, in its default
 * strategy, over 1, 2 and 4 connections. Connecting is not counted; each way gets a new server.
 */
export async function floor(version: Version, databases: number): Promise<number> {
  const times: number[] = [];
  for (const connections of [1, 2, 4]) times.push(await bareCreates(version, databases, connections));
  return Math.min(...times);
}

async function bareCreates(version: Version, databases: number, connections: number): Promise<number> {
  return withServer(version, async ({ admin }) => {
    const clients = await Promise.all(
      Array.from({ length: connections }, () =>
        connect({ server: admin, database: admin.database, user: admin.user, password: admin.password }),
      ),
    );
    let next = 0;
    const begin = performance.now();
    await Promise.all(
      clients.map(async (client) => {
        while (next < databases) await client.query(`CREATE DATABASE bare_${next++}`);
      }),
    );
    const ms = performance.now() - begin;
    await Promise.all(clients.map((client) => client.end()));
    return ms;
  });
}
