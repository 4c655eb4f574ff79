import { randomBytes } from "node:crypto";
import pLimit from "p-limit";
import { credentialKey } from "../../model/credential.ts";
import type { S3Endpoint } from "../../model/endpoint.ts";
import type { Cell } from "../../model/plan.ts";
import { Secret } from "../../model/secret.ts";
import type { ProviderContext } from "../contract.ts";
import type { S3Admin } from "./admin.ts";
import { anonymously, type Expected, PROBE, reading, serverWide, trespassing, writing } from "./attempts.ts";
import { openClient } from "./client.ts";
import type { Desired, DesiredLogin } from "./desired.ts";
import { codeOf, statusOf } from "./failure.ts";
import { loginFor } from "./login.ts";
import { credentialWorks, refusesKey } from "./look.ts";
import { refKey } from "./mark.ts";
import { deleteObjects } from "./remove.ts";

/** A login tries the buckets of one claim. */
interface Pair {
  readonly login: DesiredLogin;
  readonly owner: DesiredLogin;
}

/**
 * Tries with each login's own keys what it must be able to do with its buckets, and every operation on every other claim's buckets. Only
 * status 403 for the operation counts as refused: an unknown key or a missing bucket is an error, and an error is never ok. Objects are
 * written under keys that begin with `g2p-verify-`, and what is left of them is deleted at the end, old versions included.
 *
 * @param sample at most so many pairs of a login and another's claim
 */
export async function verifyServer(
  endpoint: S3Endpoint,
  desired: Desired,
  admin: S3Admin,
  ca: string | undefined,
  context: ProviderContext,
  sample: number | undefined,
): Promise<Cell[]> {
  const stored = await context.credentials.read(desired.logins);
  const owners = desired.logins.filter((login) => login.kind === "buckets");
  const probe = PROBE + randomBytes(8).toString("hex");
  const step = `verify ${context.server}`;
  const begun = performance.now();
  const total = desired.logins.length;
  context.emit({ type: "step-start", step, title: `Trying ${total} logins on ${context.server}`, total });
  let done = 0;
  const tried = choose(desired.logins, owners, sample);
  const limit = pLimit(Math.max(1, context.concurrency));
  try {
    const cells = await limit.map(desired.logins, async (login) => {
      context.signal.throwIfAborted();
      const password = stored.get(credentialKey(login))?.password;
      const found =
        password === undefined
          ? [missingCredential(login)]
          : await verifyLogin(
              endpoint,
              login,
              password,
              tried.filter((pair) => pair.login === login),
              admin,
              ca,
              probe,
            );
      context.emit({ type: "step-progress", step, done: ++done, total, doing: login.id });
      return found;
    });
    const wrong = await wrongSecret(endpoint, desired.logins[0], ca);
    const all = [...wrong, ...(await verifyAnonymous(endpoint, owners, ca, probe, limit)), ...cells.flat()];
    const bad = all.filter((cell) => !cell.ok).length;
    const detail =
      bad === 0 ? `${all.length} attempts, all as expected` : `${bad} of ${all.length} attempts not as expected`;
    context.emit({ type: "step-end", step, outcome: "done", detail, ms: Math.round(performance.now() - begun) });
    return all;
  } catch (error) {
    const ms = Math.round(performance.now() - begun);
    context.emit({ type: "step-end", step, outcome: "failed", detail: `stopped after ${done} of ${total}`, ms });
    throw error;
  } finally {
    await cleanUp(owners, admin, probe);
  }
}

/** Every login with every claim; with `sample` its own and at most so many others, spread evenly. */
function choose(logins: readonly DesiredLogin[], owners: readonly DesiredLogin[], sample: number | undefined): Pair[] {
  const all = logins.flatMap((login) => owners.map((owner) => ({ login, owner })));
  const isNear = ({ login, owner }: Pair) =>
    login === owner || (login.target !== undefined && refKey(login.target) === refKey(owner));
  const far = all.filter((pair) => !isNear(pair));
  if (sample === undefined || far.length <= sample) return all;
  const chosen = new Set(Array.from({ length: sample }, (_, index) => far[Math.floor((index * far.length) / sample)]));
  return all.filter((pair) => isNear(pair) || chosen.has(pair));
}

async function verifyLogin(
  endpoint: S3Endpoint,
  wanted: DesiredLogin,
  password: Secret,
  pairs: readonly Pair[],
  admin: S3Admin,
  ca: string | undefined,
  probe: string,
): Promise<Cell[]> {
  const login = loginFor(endpoint.server, wanted.user, password);
  const client = openClient(endpoint, login, ca, { connections: 2 });
  const modes = new Map(wanted.grants.map((grant) => [grant.bucket, grant.mode]));
  const key = `${probe}-${wanted.user}`;
  const writable = wanted.grants.find((grant) => grant.mode === "write")?.bucket;
  const cells: Cell[] = [];
  const attempt = async (to: string, what: string, one: Expected) =>
    cells.push(await tryOne(fromOf(wanted), to, { ...one, attempt: one.attempt + what }));
  try {
    for (const { owner } of pairs)
      for (const bucket of owner.buckets) {
        const mode = modes.get(bucket.name);
        const attempts =
          mode === "write"
            ? writing(client, endpoint, login, bucket.name, key)
            : mode === "read"
              ? reading(client, bucket.name, key)
              : trespassing(client, bucket.name, key, writable);
        for (const one of attempts) await attempt(refKey(owner), ` (${bucket.word})`, one);
      }
    const visible = new Set(modes.keys());
    const newBucket = `${probe}-${randomBytes(4).toString("hex")}`;
    for (const one of serverWide(client, visible, newBucket, (bucket) => admin.deleteBucket(bucket)))
      await attempt("server", "", one);
    for (const one of admin.forbidden(login, client)) await attempt("server", "", { ...one, expected: "refused" });
    return cells;
  } finally {
    client.destroy();
  }
}

/** Nobody may do anything without signing. */
async function verifyAnonymous(
  endpoint: S3Endpoint,
  owners: readonly DesiredLogin[],
  ca: string | undefined,
  probe: string,
  limit: ReturnType<typeof pLimit>,
): Promise<Cell[]> {
  const client = openClient(endpoint, undefined, ca);
  try {
    const cells = await limit.map(owners, async (owner) => {
      const found: Cell[] = [];
      for (const bucket of owner.buckets)
        for (const one of anonymously(client, bucket.name, `${probe}-anyone`))
          found.push(await tryOne("anyone", refKey(owner), { ...one, attempt: `${one.attempt} (${bucket.word})` }));
      return found;
    });
    return cells.flat();
  } finally {
    client.destroy();
  }
}

async function tryOne(from: string, to: string, { attempt, expected, run }: Expected): Promise<Cell> {
  const cell = { service: "s3", from, to, attempt, expected, how: "tried" } as const;
  try {
    await run();
    return { ...cell, actual: "allowed", ok: expected === "allowed" };
  } catch (error) {
    const detail = codeOf(error) || (error instanceof Error ? error.message : "");
    const refused = statusOf(error) === 403 && !refusesKey(error);
    if (refused) return { ...cell, actual: "refused", ok: expected === "refused", detail: "403" };
    const message = error instanceof Error ? `${detail}: ${error.message}` : detail;
    return { ...cell, actual: "error", ok: false, detail: message };
  }
}

/** Proves that the server looks at secrets at all. */
async function wrongSecret(
  endpoint: S3Endpoint,
  first: DesiredLogin | undefined,
  ca: string | undefined,
): Promise<Cell[]> {
  if (first === undefined) return [];
  const login = loginFor(endpoint.server, first.user, new Secret(randomBytes(16).toString("hex")));
  const works = await credentialWorks(endpoint, login, ca);
  return [
    {
      service: "s3",
      from: fromOf(first),
      to: "server",
      attempt: "sign with a wrong secret",
      expected: "refused",
      actual: works ? "allowed" : "refused",
      ok: !works,
      how: "tried",
    },
  ];
}

function missingCredential(login: DesiredLogin): Cell {
  return {
    service: "s3",
    from: fromOf(login),
    to: "server",
    attempt: "sign in",
    expected: "allowed",
    actual: "error",
    ok: false,
    how: "tried",
    detail: "no credential is stored; run apply",
  };
}

/** Who tries: an instance, and for an access which one. */
function fromOf(login: DesiredLogin): string {
  return login.kind === "access" ? refKey(login) : `${login.sandbox}/${login.instance}`;
}

/** Deletes what attempts left: versions, and objects and buckets that should have been refused. */
async function cleanUp(owners: readonly DesiredLogin[], admin: S3Admin, probe: string): Promise<void> {
  const buckets = owners.flatMap((owner) => owner.buckets.map((bucket) => bucket.name));
  await admin.withBuckets(buckets, async (client) => {
    await Promise.all(
      buckets.map((bucket) =>
        deleteObjects(client, bucket, probe, admin.lacks.versioning === undefined).catch((error: unknown) => {
          if (codeOf(error) !== "NoSuchBucket") throw error;
        }),
      ),
    );
  });
}
