import type { CheckResult } from "../../model/check.ts";
import type { Credential } from "../../model/credential.ts";
import type { OpensearchEndpoint } from "../../model/endpoint.ts";
import { CommonsError } from "../../model/error.ts";
import { connect, type Connection } from "./connection.ts";
import type { Desired } from "./desired.ts";
import { reasonOf } from "./failure.ts";

/**
 * Looks once whether an instance could work now: asks as it for an index of each of its patterns, which need not be there.
 *
 * @returns never throws for what the server or the network does; what failed is told as the reason
 */
export async function checkIndices(
  endpoint: OpensearchEndpoint,
  wanted: Desired,
  credential: Credential,
  timeoutMs: number,
): Promise<CheckResult> {
  const [first] = endpoint.hosts;
  const where = `OpenSearch at ${first?.host}:${first?.port}`;
  let connection: Connection | undefined;
  try {
    connection = await connect(endpoint, credential, where, { timeoutMs, connections: 1 });
    const answer = await connection.request(`/${encodeURIComponent(probeName(wanted))}/_count`, { method: "GET" });
    // No such index: the right was there.
    if (answer.status === 200 || answer.status === 404) return { state: "ready" };
    const user = credential.username;
    if (answer.status === 401)
      return {
        state: "unhealthy",
        reason: `${where} refused user ${user}: its password is wrong, or it does not exist yet`,
      };
    if (answer.status === 403)
      return {
        state: "unhealthy",
        reason: `user ${user} may not read its own indices at ${where}: its role or mapping is missing`,
      };
    return { state: "waiting", reason: `${where} answered with status ${answer.status} (${reasonOf(answer)})` };
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    const final = /_(TLS|CA_FILE)$/.test(error.code);
    return { state: final ? "unhealthy" : "waiting", reason: error.message.replace(/\.$/, "") };
  } finally {
    connection?.close();
  }
}

/** An index that the login may read and that need not be there. */
function probeName({ prefix, patterns, mode }: Desired): string {
  const [pattern = ""] = patterns;
  if (mode === "own") return `${prefix}g2p-probe`;
  // A pattern with exceptions begins as the plain one does.
  return pattern.startsWith("/") ? pattern.slice(1, pattern.indexOf("(")) : pattern.slice(0, -1);
}
