import pLimit from "p-limit";
import { credentialKey } from "../../model/credential.ts";
import { type CommonsError, InternalError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { Secret } from "../../model/secret.ts";
import type { ProviderContext } from "../contract.ts";
import { type S3Admin, UsedUpError } from "./admin.ts";
import type { Desired, DesiredLogin } from "./desired.ts";
import type { S3Change, Step } from "./diff.ts";
import { isServerWide, toFailure } from "./failure.ts";

type Work = S3Change & Required<Pick<S3Change, "wanted" | "marks">>;

/**
 * Carries out changes on one server. One flow makes and repairs: the intent in the login's mark, buckets with their mark and settings, the
 * login, its rights, and at last the complete mark. Each step can be repeated, so a process killed anywhere leaves what the next
 * run completes. Items are independent: one that fails does not hide the others; after a failure that concerns the whole server
 * the rest is "not started".
 *
 * @returns every item with its outcome
 */
export async function reconcile(
  changes: readonly S3Change[],
  desired: Desired,
  admin: S3Admin,
  context: ProviderContext,
): Promise<PlanItem[]> {
  const todo = changes.filter((one) => !["unchanged", "retain", "refuse"].includes(one.item.action));
  const results = new Map<string, PlanItem>();
  let stopped: CommonsError | undefined;
  const record = (item: PlanItem) => {
    results.set(item.id, item);
    const step = `apply ${context.server}`;
    context.emit({ type: "step-progress", step, done: results.size, total: todo.length, doing: item.id });
  };
  const guard = async (one: S3Change, work: () => Promise<void>) => {
    if (stopped !== undefined || context.signal.aborted) return;
    try {
      await work();
      record({ ...one.item, outcome: "done" });
    } catch (error) {
      const failure = toFailure(
        error,
        `${one.item.action === "create" ? "creating" : "changing"} ${one.item.id}`,
        one.item.id,
      );
      if (isServerWide(failure)) stopped ??= failure;
      const hint = failure.hint === undefined ? {} : { hint: failure.hint };
      record({ ...one.item, outcome: "failed", reason: failure.message, ...hint });
    }
  };
  try {
    const work = todo.filter((one): one is Work => one.wanted !== undefined && one.marks !== undefined);
    const passwords = await storedPasswords(context.signal.aborted ? [] : work.map((one) => one.wanted), context);
    const limit = pLimit(Math.max(1, context.concurrency));
    // Accesses after claims, so that what an access may reach is there when it begins to work.
    for (const kind of ["buckets", "access"] as const)
      await limit.map(
        work.filter((one) => one.wanted.kind === kind),
        (one) =>
          guard(one, async () => {
            const password = passwordOf(passwords, one.wanted);
            try {
              await carryOut(one, desired, admin, password);
            } catch (error) {
              if (!(error instanceof UsedUpError)) throw error;
              await carryOut(one, desired, admin, await renewed(one.wanted, password, context));
            }
          }),
      );
    for (const one of todo.filter((change) => change.item.action === "remove"))
      await guard(one, async () => {
        await admin.removeLogin(one.item.name);
        await context.credentials.remove(one.item);
      });
  } catch (error) {
    stopped ??= toFailure(error, "applying");
  }
  return changes.map((one) => results.get(one.item.id) ?? untouched(one, todo, stopped));
}

async function carryOut(
  { wanted, marks, steps, found }: Work,
  desired: Desired,
  admin: S3Admin,
  password: Secret,
): Promise<void> {
  const of = (...kinds: readonly Step["do"][]) => steps.filter((step) => kinds.includes(step.do));
  // Without its mark, a login that a killed run left behind would be taken for somebody else's.
  if (of("create", "mark").length > 0 || found?.mark === undefined)
    await admin.begin(wanted, marks.before, found, password);
  for (const step of of("create", "mark", "versioning", "quota", "expiry", "bucket-extra"))
    await bucketStep(step, desired, admin);
  if (of("login").length > 0) await admin.putLogin(wanted, marks.before, password);
  for (const step of of("extra")) if (step.do === "extra") await admin.removeExtra(wanted.user, step.extra);
  if (of("login", "rights", "create", "mark").length > 0) await admin.putRights(wanted, marks.after, password);
}

async function bucketStep(step: Step, desired: Desired, admin: S3Admin): Promise<void> {
  switch (step.do) {
    case "create":
      return admin.createBucket(step.bucket);
    case "mark":
      return admin.markBucket(step.bucket, desired.environment);
    case "versioning":
      return admin.setVersioning(step.bucket);
    case "quota":
      return admin.setQuota(step.bucket);
    case "expiry":
      return admin.setExpiry(step.bucket);
    case "bucket-extra":
      return admin.removeBucketExtra(step.bucket, step.extra);
    case "login":
    case "rights":
    case "extra":
      return undefined;
  }
}

async function storedPasswords(
  logins: readonly DesiredLogin[],
  { credentials }: ProviderContext,
): Promise<ReadonlyMap<string, Secret>> {
  if (logins.length === 0) return new Map();
  const users = new Map(logins.map((login) => [credentialKey(login), login.user]));
  const stored = await credentials.getOrCreate(logins, (ref) => users.get(credentialKey(ref)) ?? "");
  return new Map([...stored].map(([key, credential]) => [key, credential.password]));
}

/** Another password than the one that is used up: a newly made one, unless another run has made one already. */
async function renewed(login: DesiredLogin, usedUp: Secret, context: ProviderContext): Promise<Secret> {
  const found = (await context.credentials.read([login])).get(credentialKey(login));
  if (found?.password.reveal() === usedUp.reveal()) await context.credentials.remove(login);
  return passwordOf(await storedPasswords([login], context), login);
}

function passwordOf(passwords: ReadonlyMap<string, Secret>, login: DesiredLogin): Secret {
  const found = passwords.get(credentialKey(login));
  if (found === undefined)
    throw new InternalError(`The credential store gave nothing for ${login.id}.`, { code: "CREDENTIAL_MISSING" });
  return found;
}

function untouched(one: S3Change, todo: readonly S3Change[], stopped: CommonsError | undefined): PlanItem {
  if (!todo.includes(one)) return one.item.action === "refuse" ? { ...one.item, outcome: "failed" } : one.item;
  return {
    ...one.item,
    outcome: "not started",
    reason: stopped?.message ?? "the run was stopped",
    ...(stopped?.hint === undefined ? {} : { hint: stopped.hint }),
  };
}
