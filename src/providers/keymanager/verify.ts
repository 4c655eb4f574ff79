import pLimit from "p-limit";
import type { KeymanagerEndpoint, TokenSource } from "../../model/endpoint.ts";
import { CommonsError } from "../../model/error.ts";
import type { Cell } from "../../model/plan.ts";
import type { Credential } from "../../model/credential.ts";
import { type Answer, type Api, isRefusal } from "./api.ts";
import type { Desired, DesiredApplication } from "./desired.ts";
import { refText } from "./mark.ts";
import { decryption, type Observed } from "./observe.ts";

const OPEN = "this Keymanager asks nobody who he is, so it cannot refuse anybody";

/** What verifying works with. */
export interface Verifying {
  readonly endpoint: KeymanagerEndpoint;
  readonly api: Api;
  readonly desired: Desired;
  readonly observed: Observed;
  readonly credentials: ReadonlyMap<string, Credential>;
  readonly concurrency: number;
}

/**
 * Tries as each application's client what must work (sign; encrypt and decrypt) and, for every other application, what must be refused:
 * decrypt, sign, get its certificate (which would make keys), make a master key. Encrypting for another and checking its signatures
 * need only what is public and are no attempts.
 *
 * An application that is not there is not asked for, since the server would remember that.
 */
export async function verify(work: Verifying, sample: number | undefined): Promise<Cell[]> {
  const { desired } = work;
  const pairs = desired.applications.flatMap((from) =>
    desired.applications.filter((to) => to !== from && !sameClient(from, to)).map((to) => ({ from, to })),
  );
  const tasks = [
    ...desired.applications.map((one) => () => own(work, one)),
    ...sampled(pairs, sample).map(
      ({ from, to }) =>
        () =>
          other(work, from, to),
    ),
  ];
  const cells = await pLimit(Math.max(1, work.concurrency)).map(tasks, (task) => task());
  return cells.flat();
}

async function own(work: Verifying, one: DesiredApplication): Promise<Cell[]> {
  const { applicationId } = one;
  const attempts: [string, () => Promise<Answer>][] = [
    ["sign", () => sign(work, one, applicationId)],
    ...one.baseKeys
      .slice(0, 1)
      .map((reference): [string, () => Promise<Answer>] => [
        "encrypt and decrypt",
        () => roundTrip(work, one, reference),
      ]),
  ];
  return Promise.all(
    attempts.map(([attempt, make]) =>
      cell(work, one, one, attempt, "allowed", (answer) => answer.error === undefined, make),
    ),
  );
}

async function other(work: Verifying, from: DesiredApplication, to: DesiredApplication): Promise<Cell[]> {
  const { applicationId } = to;
  const query = new URLSearchParams({ applicationId }).toString();
  const attempts: [string, () => Promise<Answer>][] = [
    ["decrypt with other's key", () => send(work, from, "POST", "/decrypt", decryption(applicationId))],
    ["sign with other's key", () => sign(work, from, applicationId)],
    ["get other's certificate", () => send(work, from, "GET", `/getCertificate?${query}`)],
    [
      "make other's master key",
      () =>
        send(work, from, "POST", "/generateMasterKey/CERTIFICATE", { applicationId, referenceId: "", force: false }),
    ],
  ];
  const cells: Cell[] = [];
  for (const [attempt, make] of attempts)
    cells.push(await cell(work, from, to, attempt, "refused", (answer) => !isRefusal(answer), make));
  return cells;
}

async function cell(
  work: Verifying,
  from: DesiredApplication,
  to: DesiredApplication,
  attempt: string,
  expected: Cell["expected"],
  isAllowed: (answer: Answer) => boolean,
  make: () => Promise<Answer>,
): Promise<Cell> {
  const base = {
    service: "keymanager" as const,
    from: `${from.sandbox}/${from.instance}`,
    to: refText(to),
    attempt,
    expected,
    how: "tried" as const,
  };
  const missing = [from, to].find((one) => (work.observed.keys.get(one.applicationId)?.masters ?? 0) === 0);
  if (missing !== undefined)
    return { ...base, actual: "error", ok: false, detail: `application id "${missing.applicationId}" has no keys` };
  try {
    const answer = await make();
    const actual = isAllowed(answer) ? "allowed" : "refused";
    const detail = answer.error === undefined ? {} : { detail: answer.error };
    if (actual === expected) return { ...base, actual, ok: true, ...detail };
    if (expected === "refused" && work.endpoint.auth === undefined)
      return { ...base, actual, ok: true, accepted: true, detail: OPEN };
    return { ...base, actual, ok: false, ...detail };
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    return { ...base, actual: "error", ok: false, detail: error.message };
  }
}

async function roundTrip(work: Verifying, one: DesiredApplication, reference: string): Promise<Answer> {
  const request = { ...decryption(one.applicationId), referenceId: reference };
  const plain = Buffer.from("g2p verify").toString("base64url");
  const encrypted = await send(work, one, "POST", "/encrypt", { ...request, data: plain });
  if (encrypted.error !== undefined) return encrypted;
  const decrypted = await send(work, one, "POST", "/decrypt", { ...request, data: encrypted.response["data"] });
  if (decrypted.error !== undefined || decrypted.response["data"] === plain) return decrypted;
  return { ...decrypted, error: "another text came back" };
}

function sign(work: Verifying, from: DesiredApplication, applicationId: string): Promise<Answer> {
  return send(work, from, "POST", "/jwtSign", signature(applicationId));
}

/** A request for a signature. */
export function signature(applicationId: string) {
  const dataToSign = Buffer.from('{"g2p":"verify"}').toString("base64url");
  return {
    applicationId,
    referenceId: "",
    dataToSign,
    includePayload: false,
    includeCertificate: false,
    includeCertHash: false,
  };
}

function send(
  work: Verifying,
  from: DesiredApplication,
  method: "GET" | "POST",
  path: string,
  request?: object,
): Promise<Answer> {
  return work.api.as(callerOf(work, from), method, path, request);
}

function callerOf({ endpoint, credentials }: Verifying, from: DesiredApplication): TokenSource | undefined {
  if (endpoint.auth === undefined || from.client === undefined) return undefined;
  const secret = credentials.get(refText(from.client))?.password;
  if (secret === undefined) return undefined;
  return { tokenUrl: endpoint.auth.tokenUrl, clientId: from.client.clientId, clientSecret: secret };
}

function sameClient(one: DesiredApplication, other: DesiredApplication): boolean {
  return one.client !== undefined && one.client.clientId === other.client?.clientId;
}

/** At most `sample` of them, spread over all. */
function sampled<T>(all: readonly T[], sample: number | undefined): readonly T[] {
  if (sample === undefined || sample >= all.length) return all;
  return Array.from({ length: sample }, (_, index) => all[Math.floor((index * all.length) / sample)]).flatMap(
    (one) => one ?? [],
  );
}
