import type { CheckResult } from "../../model/check.ts";
import type { Credential } from "../../model/credential.ts";
import type { RedisEndpoint } from "../../model/endpoint.ts";
import { RedisConnection } from "./connection.ts";
import type { DesiredKeyspace } from "./desired.ts";
import { errorCode, meaningOf, messageOf } from "./failure.ts";
import { addressOf } from "./server.ts";

/**
 * Looks once whether an instance could work now: signs in as it and asks for a key of its prefix, which need not be there.
 *
 * @returns never throws; what failed is told as the reason
 */
export async function checkKeyspace(
  endpoint: RedisEndpoint,
  wanted: DesiredKeyspace,
  { username, password }: Credential,
  timeoutMs: number,
): Promise<CheckResult> {
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open(endpoint, { user: username, password }, timeoutMs);
    await connection.send("EXISTS", `${wanted.keyPrefix}g2p-check`);
    return { state: "ready" };
  } catch (error) {
    return resultOf(error, endpoint, username);
  } finally {
    connection?.close();
  }
}

function resultOf(error: unknown, endpoint: RedisEndpoint, user: string): CheckResult {
  const code = errorCode(error);
  const server = addressOf(endpoint);
  if (code === "WRONGPASS")
    return {
      state: "unhealthy",
      reason: `${server} refused the password of ${user}: it is wrong, or the user does not exist yet`,
    };
  if (code === "NOPERM")
    return { state: "unhealthy", reason: `user ${user} on ${server} may not read its own keys: ${messageOf(error)}` };
  const meaning = meaningOf(error);
  return {
    state: meaning?.final === true ? "unhealthy" : "waiting",
    reason: `${server}: ${meaning === undefined ? messageOf(error) : `${meaning.says} (${messageOf(error)})`}`,
  };
}
