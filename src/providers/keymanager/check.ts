import type { CheckResult } from "../../model/check.ts";
import type { Credential } from "../../model/credential.ts";
import type { KeymanagerEndpoint } from "../../model/endpoint.ts";
import { CommonsError } from "../../model/error.ts";
import { Api, isRefusal } from "./api.ts";
import { Database } from "./database.ts";
import type { DesiredApplication } from "./desired.ts";
import { signature } from "./verify.ts";

/** Passing troubles; everything else stays until somebody changes something. */
const PASSING = /_(UNREACHABLE|TIMEOUT|CONNECTION_LOST|UNHEALTHY|FAILED|DATABASE)$/;

/**
 * Signs something as the instance. Asks the database first whether the keys are there, since the server would remember for good that
 * there was no such application id.
 */
export async function check(
  endpoint: KeymanagerEndpoint,
  wanted: DesiredApplication,
  credential: Credential,
  timeoutMs: number,
): Promise<CheckResult> {
  const database = new Database(endpoint.database, "keymanager");
  const api = new Api(endpoint, "keymanager", 1);
  const late: CheckResult = { state: "waiting", reason: "Keymanager did not answer in time" };
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve(late), timeoutMs);
  });
  try {
    return await Promise.race([look(endpoint, wanted, credential, database, api), deadline]);
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    return { state: PASSING.test(error.code) ? "waiting" : "unhealthy", reason: error.message.replace(/\.$/, "") };
  } finally {
    clearTimeout(timer);
    await Promise.all([database.close(), api.close()]);
  }
}

async function look(
  endpoint: KeymanagerEndpoint,
  wanted: DesiredApplication,
  credential: Credential,
  database: Database,
  api: Api,
): Promise<CheckResult> {
  const { applicationId, client } = wanted;
  const [row] = await database.query<{ complete: boolean }>(
    "SELECT upd_dtimes IS NOT NULL AS complete FROM keymgr.key_policy_def WHERE app_id = $1",
    [applicationId],
    "looking for the key policy",
  );
  if (row?.complete !== true) return { state: "waiting", reason: `application id "${applicationId}" is not made yet` };
  const caller =
    endpoint.auth === undefined || client === undefined
      ? undefined
      : { tokenUrl: endpoint.auth.tokenUrl, clientId: client.clientId, clientSecret: credential.password };
  const answer = await api.as(caller, "POST", "/jwtSign", signature(applicationId));
  if (answer.error === undefined) return { state: "ready" };
  const said = `${answer.message.replace(/\.$/, "")} (${answer.error})`;
  if (!isRefusal(answer))
    return { state: "waiting", reason: `Keymanager does not sign with "${applicationId}": ${said}` };
  return {
    state: "unhealthy",
    reason: `Keymanager refuses "${applicationId}" to client "${client?.clientId ?? "(none)"}": ${said}; if its policy was changed, restart Keymanager`,
  };
}
