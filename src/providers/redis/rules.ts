/** What the rules depend on. */
export interface ServerVersion {
  /** As the server prints it, e.g. `7.0.15`. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  /** Command categories that loaded modules brought along and that list what belongs to others. */
  readonly leakyCategories: readonly string[];
}

/**
 * The oldest server: 6.2 is the first that can deny channels. (6.0 has users, but every user may listen to every channel.)
 * https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
 */
export const OLDEST = { major: 6, minor: 2 } as const;

/** Categories of modules whose commands list or query across keys (Redis 8, or Redis Stack). */
export const LEAKY_CATEGORIES = ["search", "timeseries"] as const;

/** Raised when the rules below change, so that users made by an older program are brought up to date. */
export const RULES_EDITION = 1;

/**
 * What a module's user may do: everything that names its keys and channels, and nothing that shows or touches what is not
 * its own. ACL patterns guard only commands that name keys or channels, so the others have to be denied by name:
 *
 * - `@admin`, `@dangerous`: CONFIG, ACL, DEBUG, SHUTDOWN, REPLICAOF, CLIENT LIST and KILL, MONITOR, SLOWLOG, KEYS, FLUSHALL, FLUSHDB,
 *   SWAPDB, INFO, SORT (its BY and GET patterns read other keys), RESTORE, MIGRATE;
 * - SCAN, RANDOMKEY and DBSIZE name or count everybody's keys (SSCAN, HSCAN, ZSCAN name one key and stay), PUBSUB everybody's channels;
 * - SCRIPT FLUSH and KILL take away everybody's scripts; functions are one library for all, so that a replaced function would run with
 *   its caller's rights; EVAL, EVALSHA and SCRIPT LOAD stay: what a script calls is checked against the user that runs it;
 * - CLIENT TRACKING in broadcast mode tells the name of every key that is written;
 * - CLUSTER, MODULE, MEMORY and LATENCY tell of the whole server.
 *
 * What Celery (kombu) and redis-py need stays: BRPOP, MULTI and WATCH, pub/sub, EVALSHA for locks, CLIENT SETNAME and SETINFO, SELECT. A numbered
 * database is no border: ACL patterns hold in all of them alike.
 */
export function commandRules(version: ServerVersion): readonly string[] {
  const { major, minor, leakyCategories } = version;
  const from = (wantedMajor: number, wantedMinor: number, rules: readonly string[]) =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor) ? rules : [];
  return [
    "+@all",
    "-@admin",
    "-@dangerous",
    ...leakyCategories.map((category) => `-@${category}`),
    ...["scan", "randomkey", "dbsize", "pubsub", "cluster", "module", "memory", "latency"].map((word) => `-${word}`),
    "-script",
    "+script|load",
    "+script|exists",
    "-acl",
    "+acl|whoami",
    "-client",
    ...["setname", "getname", "id", "info"].map((word) => `+client|${word}`),
    ...from(7, 2, ["+client|setinfo"]),
    ...from(7, 0, ["-function", "-fcall", "-fcall_ro"]),
  ];
}
