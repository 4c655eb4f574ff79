import { listOf, type RedisConnection, textOf } from "./connection.ts";

/** Keys looked at in one step of SCAN, and deleted with one UNLINK at most. */
const BATCH = 2_000;

/** Numbers of the databases that hold keys (INFO, section keyspace). */
export async function databasesInUse(connection: RedisConnection): Promise<number[]> {
  const info = textOf(await connection.send("INFO", "keyspace"));
  return [...info.matchAll(/^db(\d+):/gm)].map(([, number]) => Number(number));
}

/**
 * Walks once over all keys that begin with one of the prefixes, in every database, without blocking the server. A key that is there all
 * the time is met at least once (Redis docs, SCAN). The connection must be used for nothing else, since it changes databases.
 *
 * @param onKeys called with keys of one prefix; returns false to end the walk
 */
export async function walk(
  connection: RedisConnection,
  prefixes: readonly string[],
  onKeys: (prefix: string, keys: readonly Buffer[]) => Promise<boolean>,
): Promise<void> {
  if (prefixes.length === 0) return;
  for (const database of await databasesInUse(connection)) {
    await connection.send("SELECT", String(database));
    let cursor = "0";
    do {
      const pattern = `${commonBeginning(prefixes)}*`;
      const reply = listOf(await connection.sendForBytes("SCAN", cursor, "MATCH", pattern, "COUNT", String(BATCH)));
      cursor = textOf(reply[0]);
      const keys = listOf(reply[1]).filter((key) => Buffer.isBuffer(key));
      for (const prefix of prefixes) {
        const own = keys.filter((key) => key.toString("latin1", 0, prefix.length) === prefix);
        if (own.length > 0 && !(await onKeys(prefix, own))) return;
      }
    } while (cursor !== "0");
  }
}

/** How many keys each prefix has. */
export async function countKeys(
  connection: RedisConnection,
  prefixes: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const seen = new Map(prefixes.map((prefix) => [prefix, 0]));
  await walk(connection, prefixes, async (prefix, keys) => {
    seen.set(prefix, (seen.get(prefix) ?? 0) + keys.length);
    return true;
  });
  return seen;
}

/** Deletes every key of a prefix; the server frees their memory in the background. */
export async function deleteKeys(connection: RedisConnection, prefixes: readonly string[]): Promise<void> {
  await walk(connection, prefixes, async (_, keys) => {
    for (let at = 0; at < keys.length; at += BATCH) await connection.send("UNLINK", ...keys.slice(at, at + BATCH));
    return true;
  });
}

/** Which of the prefixes have a key; ends as soon as all are known to. */
export async function prefixesInUse(
  connection: RedisConnection,
  prefixes: readonly string[],
): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  await walk(connection, prefixes, async (prefix) => used.add(prefix).size < prefixes.length);
  return used;
}

/** The longest text that all begin with; names that we grant hold no glob character. */
function commonBeginning([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}
