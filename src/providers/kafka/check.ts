import { metadataV12 } from "@platformatic/kafka";
import type { CheckResult } from "../../model/check.ts";
import type { Credential } from "../../model/credential.ts";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import { isRefusedLogin, Link } from "./connection.ts";
import type { DesiredUser } from "./desired.ts";
import { protocolCode, toFailure } from "./failure.ts";
import { settle } from "./verify/attempts.ts";

const TOPIC_AUTHORIZATION_FAILED = 29;

/** Failures that pass by themselves; the others need somebody. */
const PASSING = /^KAFKA_(UNREACHABLE|CONNECTION_LOST|TIMEOUT)$/;

/** Signs in as the instance and asks for its topics; changes nothing, and never throws for what a server answers. */
export async function checkUser(
  endpoint: KafkaEndpoint,
  user: DesiredUser,
  credential: Credential,
  timeoutMs: number,
): Promise<CheckResult> {
  let link: Link;
  try {
    link = await Link.open(endpoint, { user: user.user, password: credential.password }, timeoutMs);
  } catch (error) {
    return failed(error, user);
  }
  try {
    return await checkTopics(link, user);
  } catch (error) {
    return failed(error, user);
  } finally {
    await link.close();
  }
}

async function checkTopics(link: Link, user: DesiredUser): Promise<CheckResult> {
  const names = Object.values(user.uses);
  if (names.length === 0) return { state: "ready" };
  const { topics } = await settle(link.call(metadataV12.api, names, false, false));
  for (const topic of topics) {
    if (topic.errorCode === TOPIC_AUTHORIZATION_FAILED)
      return { state: "waiting", reason: `user "${user.user}" has no right on topic "${topic.name}" yet` };
    if (topic.errorCode !== 0 || topic.partitions.some((one) => one.errorCode !== 0))
      return { state: "waiting", reason: `topic "${topic.name}" is not there yet (Kafka error ${topic.errorCode})` };
  }
  return { state: "ready" };
}

function failed(error: unknown, user: DesiredUser): CheckResult {
  if (isRefusedLogin(error))
    return {
      state: "unhealthy",
      reason: `the server refused the password of "${user.user}": it is wrong, or the user does not exist yet`,
    };
  const failure = toFailure(error, `login of "${user.user}"`);
  const passes = PASSING.test(failure.code) || protocolCode(error) !== undefined;
  return { state: passes ? "waiting" : "unhealthy", reason: failure.message.replace(/\.$/, "") };
}
