import * as z from "zod";
import { mapping } from "./schema-parts.ts";

const DURATION = /^\d+ ?(us|ms|s|min|h|d)?$/;
const MEMORY = /^\d+ ?(B|kB|MB|GB|TB)?$/;
const duration = () => z.string().regex(DURATION, "a duration with unit, e.g. `30s`, `500ms` or `5min`").optional();
const memory = () => z.string().regex(MEMORY, "an amount of memory with unit, e.g. `64MB`").optional();

/**
 * The session defaults that a claim may set. Left out are parameters that only a superuser may set (ALTER ROLE would fail
 * half-way), `role` (ours), and lists such as `search_path`, which `ALTER ROLE … SET` quotes by rules of its own.
 */
export function sessionSettings() {
  return mapping(
    {
      statement_timeout: duration().describe("Longest time a statement may run."),
      lock_timeout: duration().describe("Longest time a statement waits for a lock."),
      idle_in_transaction_session_timeout: duration().describe(
        "Ends sessions that leave a transaction open this long.",
      ),
      idle_session_timeout: duration().describe("Ends sessions that do nothing this long."),
      work_mem: memory().describe("Memory for one sort or hash."),
      maintenance_work_mem: memory().describe("Memory for index builds and the like."),
      timezone: z
        .string()
        .regex(/^[A-Za-z0-9_+:/-]{1,64}$/, "a time zone, e.g. `UTC` or `Africa/Nairobi`")
        .optional()
        .describe("Time zone of the sessions."),
      default_transaction_isolation: z
        .enum(["read committed", "repeatable read", "serializable"])
        .optional()
        .describe("Isolation of transactions that do not ask for one."),
      jit: z.enum(["on", "off"]).optional().describe("Just-in-time compilation of queries."),
    },
    {
      role: "g2p sets it itself",
      search_path: "it cannot be set here; name the schema in the module's own connection settings",
    },
  );
}

/** Settings as PostgreSQL stores them in `pg_db_role_setting`: canonical spelling, nothing undefined. */
export function storedSettings(settings: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings)
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([name, value]) => [name === "timezone" ? "TimeZone" : name, value]),
  );
}
