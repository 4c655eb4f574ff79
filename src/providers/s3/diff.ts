import type { Finding, PlanItem } from "../../model/plan.ts";
import type { Change, Policy } from "../contract.ts";
import { withoutAccepted } from "../accept.ts";
import type { Extra, ObservedBucket, ObservedLogin, ObservedServer, S3Admin } from "./admin.ts";
import type { Desired, DesiredBucket, DesiredLogin } from "./desired.ts";
import { type Judgement, judge } from "./judge.ts";
import { type Mark, refKey, sameMark } from "./mark.ts";

/** What repairs a finding. */
export type Step =
  | { readonly do: "login" | "rights" }
  | { readonly do: "extra"; readonly extra: Extra }
  | { readonly do: "create" | "mark" | "versioning" | "quota" | "expiry"; readonly bucket: DesiredBucket }
  | { readonly do: "bucket-extra"; readonly bucket: string; readonly extra: Extra };

/** A finding with its repair as data. */
interface Drift extends Finding {
  readonly step?: Step;
}

/** A plan's item with everything needed to carry it out. */
export interface S3Change extends Change {
  readonly wanted?: DesiredLogin;
  readonly steps: readonly Step[];
  /** The mark before and after the change. */
  readonly marks?: { readonly before: Mark; readonly after: Mark };
  readonly found?: ObservedLogin;
}

/** Bucket that is not there yet: everything differs from the server's defaults. */
const NO_BUCKET = {
  holder: undefined,
  empty: true,
  versioning: "off",
  quotaBytes: undefined,
  expiry: undefined,
  extras: [],
} as const;

/** Compares everything wanted on a server with what was observed there. Pure. */
export function diff(
  desired: Desired,
  observed: ObservedServer,
  policy: Policy,
  server: string,
  admin: Pick<S3Admin, "rightsOf" | "lacks">,
): S3Change[] {
  const changes = desired.logins.map((wanted) => diffLogin(wanted, desired, observed, policy, server, admin));
  const refused = new Set(changes.filter((one) => one.item.action === "refuse").map((one) => one.item.id));
  return [
    ...changes.map((one) => {
      const target = one.wanted?.target === undefined ? undefined : `s3/${refKey(one.wanted.target)}`;
      if (target === undefined || !refused.has(target) || ["unchanged", "refuse"].includes(one.item.action)) return one;
      const item = { ...one.item, action: "refuse" as const, findings: [] };
      return { item: { ...item, reason: `it uses ${target}, which is refused`, hint: "Solve that first." }, steps: [] };
    }),
    ...leftovers(desired, observed, server),
  ];
}

function diffLogin(
  wanted: DesiredLogin,
  desired: Desired,
  observed: ObservedServer,
  policy: Policy,
  server: string,
  admin: Pick<S3Admin, "rightsOf" | "lacks">,
): S3Change {
  const base = { ...itemBase(wanted, server), kind: wanted.kind, name: wanted.user };
  const verdict = judge(wanted, desired, observed, policy);
  if ("reason" in verdict) return { item: { ...base, action: "refuse", findings: [], ...verdict }, wanted, steps: [] };
  const found = observed.logins.get(wanted.user);
  const after = markOf(wanted, desired, verdict.mark);
  const drifts = withoutAccepted(
    [
      ...wanted.buckets.flatMap((bucket) => diffBucket(bucket, observed.buckets.get(bucket.name), verdict, admin)),
      ...diffUser(wanted, found, after, admin),
    ],
    wanted.accept,
  );
  const action = verdict.fresh ? "create" : drifts.length > 0 ? "update" : "unchanged";
  const unfinished = [...verdict.missing, ...verdict.unmarked];
  const before: Mark = {
    ...after,
    begun: unfinished,
    made: after.made.filter((name) => !unfinished.includes(name)),
  };
  const kept = [...observed.buckets.values()].filter((bucket) => isOf(bucket, desired, refKey(wanted)));
  const unnamed = kept.filter(({ name }) => !wanted.buckets.some((bucket) => bucket.name === name));
  const reason = `the file does not name ${unnamed.map(({ name }) => name).join(", ")} any more: kept, out of the user's reach`;
  return {
    item: {
      ...base,
      action,
      findings: verdict.fresh ? [] : drifts.map(({ step: _, ...finding }) => finding),
      ...(unnamed.length === 0 ? {} : { reason }),
    },
    wanted,
    steps: drifts.flatMap((drift) => drift.step ?? []),
    marks: { before, after },
    ...(found === undefined ? {} : { found }),
  };
}

/** The mark of a login whose buckets are complete. Buckets that the file no longer names stay recorded: their data stays, too. */
function markOf(wanted: DesiredLogin, desired: Desired, old: Mark | undefined): Mark {
  const { sandbox, instance, claim, kind, target } = wanted;
  const made = new Set([...wanted.buckets.map((bucket) => bucket.name), ...(old?.made ?? [])]);
  return {
    environment: desired.environment.id,
    label: desired.environment.name,
    sandbox,
    instance,
    claim,
    kind,
    ...(target === undefined ? {} : { target: refKey(target) }),
    begun: [],
    made: [...made].sort(),
  };
}

function diffUser(
  wanted: DesiredLogin,
  found: ObservedLogin | undefined,
  after: Mark,
  admin: Pick<S3Admin, "rightsOf">,
): Drift[] {
  const drifts: Drift[] = [];
  if (found?.exists !== true) drifts.push({ ...apply("user", "there", "missing"), step: { do: "login" } });
  else if (!found.enabled) drifts.push({ ...apply("enabled", "yes", "no"), step: { do: "login" } });
  else if (found.credentialWorks === false || found.mark === undefined || found.mark.begun.length > 0)
    // Of a login that was taken over or left half made nobody knows the password.
    drifts.push({
      ...apply("password", "the stored one", found.credentialWorks === false ? "another one" : "not known"),
      step: { do: "login" },
    });
  const extras = (found?.extras ?? []).filter((extra) => extra.aspect !== "policy");
  drifts.push(
    ...extras.map((extra) => ({ ...apply(extra.aspect, "none", extra.actual), step: { do: "extra", extra } as const })),
  );
  const lines = found?.rights ?? [];
  const expected = admin.rightsOf(wanted.grants);
  const lacks = expected.filter((line) => !lines.includes(line));
  const more = lines.filter((line) => !expected.includes(line));
  const rights: Step = { do: "rights" };
  if (lacks.length + more.length > 0)
    drifts.push({ ...apply("policy", `${expected.length} rights`, differences(lines, lacks, more)), step: rights });
  else if (extras.some((extra) => extra.aspect.startsWith("policy:")))
    drifts.push({ ...apply("policies", "its own alone", "further ones"), step: rights });
  if (found?.mark === undefined || !sameMark(found.mark, after))
    drifts.push({
      ...apply("mark", "ours, complete", found?.mark === undefined ? "none" : "an earlier one"),
      step: rights,
    });
  return drifts;
}

function differences(found: readonly string[], lacks: readonly string[], more: readonly string[]): string {
  if (found.length === 0) return "none";
  const some = (lines: readonly string[]) =>
    lines.slice(0, 3).join(", ") + (lines.length > 3 ? `, and ${lines.length - 3} more` : "");
  return [
    ...(lacks.length === 0 ? [] : [`lacks ${some(lacks)}`]),
    ...(more.length === 0 ? [] : [`has also ${some(more)}`]),
  ].join("; ");
}

function diffBucket(
  bucket: DesiredBucket,
  there: ObservedBucket | undefined,
  verdict: Judgement,
  { lacks }: Pick<S3Admin, "lacks">,
): Drift[] {
  const found = there ?? { ...NO_BUCKET, name: bucket.name };
  const aspect = (what: string) => `bucket:${bucket.name}:${what}`;
  const drifts: Drift[] = [];
  if (there === undefined)
    drifts.push({ ...apply(`bucket:${bucket.name}`, "there", "missing"), step: { do: "create", bucket } });
  if (there === undefined || verdict.unmarked.includes(bucket.name))
    drifts.push({ ...apply(aspect("mark"), "ours", "none"), step: { do: "mark", bucket } });
  if (bucket.versioning !== (found.versioning === "on")) {
    const finding = apply(aspect("versioning"), bucket.versioning ? "on" : "off", found.versioning);
    if (lacks.versioning !== undefined) drifts.push({ ...finding, repair: "manual", note: lacks.versioning });
    // Once on, versioning can only be suspended, which is as good as off (S3 API, PutBucketVersioning).
    else if (bucket.versioning || found.versioning === "on")
      drifts.push({ ...finding, step: { do: "versioning", bucket } });
  }
  if (bucket.quotaBytes !== found.quotaBytes)
    drifts.push({
      ...apply(aspect("quota"), bytes(bucket.quotaBytes), bytes(found.quotaBytes)),
      step: { do: "quota", bucket },
    });
  if (bucket.expireDays !== found.expiry)
    drifts.push({
      ...apply(aspect("expiry"), days(bucket.expireDays), days(found.expiry)),
      step: { do: "expiry", bucket },
    });
  drifts.push(
    ...found.extras.map((extra) => ({
      ...apply(extra.aspect, "none", extra.actual),
      step: { do: "bucket-extra", bucket: bucket.name, extra } as const,
    })),
  );
  return drifts;
}

/** What carries this environment's mark and nobody asks for any more. */
function leftovers(desired: Desired, observed: ObservedServer, server: string): S3Change[] {
  const wanted = new Set(desired.logins.map((login) => refKey(login)));
  return marksOf(desired, observed).flatMap(({ name, mark }): S3Change[] => {
    if (wanted.has(refKey(mark))) return [];
    const base = { ...itemBase({ ...mark, id: `s3/${refKey(mark)}` }, server), kind: mark.kind, name, findings: [] };
    if (mark.kind === "access")
      return [{ item: { ...base, action: "remove", reason: "nobody asks for this access any more" }, steps: [] }];
    const reason = `not in the file any more; g2p remove ${mark.sandbox}/${mark.instance} takes it away`;
    return [{ item: { ...base, action: "retain", reason }, steps: [] }];
  });
}

/** A claim or access of this environment as its marks tell of it. */
export interface Marked {
  /** Main name on the server: the login's, or a bucket's where the login is gone. */
  readonly name: string;
  readonly mark: Mark;
  /** Names of its buckets that are there. */
  readonly buckets: readonly string[];
  readonly hasLogin: boolean;
}

/** Everything that carries this environment's mark, logins first, then buckets whose login is gone. */
export function marksOf(desired: Pick<Desired, "environment">, observed: ObservedServer): Marked[] {
  const buckets = [...observed.buckets.values()];
  const found = [...observed.logins.values()].flatMap(({ name, mark }): Marked[] => {
    if (mark?.environment !== desired.environment.id) return [];
    const own = mark.kind === "access" ? [] : buckets.filter((bucket) => isOf(bucket, desired, refKey(mark), mark));
    return [{ name, mark, buckets: own.map((bucket) => bucket.name), hasLogin: true }];
  });
  const known = new Set(found.flatMap((one) => one.buckets));
  const orphans = buckets.filter(
    ({ name, holder }) => holder?.environment === desired.environment.id && !known.has(name),
  );
  for (const [claim, all] of Map.groupBy(orphans, (bucket) => bucket.holder?.claim ?? "")) {
    const [sandbox, instance, word] = claim.split("/");
    if (sandbox === undefined || instance === undefined || word === undefined) continue;
    const names = all.map((bucket) => bucket.name);
    const { id, name: label } = desired.environment;
    const mark: Mark = {
      environment: id,
      label,
      sandbox,
      instance,
      claim: word,
      kind: "buckets",
      begun: [],
      made: names,
    };
    found.push({ name: names[0] ?? "", mark, buckets: names, hasLogin: false });
  }
  return found;
}

/** Does the bucket carry this claim's mark? One whose making was begun counts while it is empty. */
function isOf(bucket: ObservedBucket, desired: Pick<Desired, "environment">, claim: string, mark?: Mark): boolean {
  if (bucket.holder === undefined) return mark?.begun.includes(bucket.name) === true && bucket.empty === true;
  return bucket.holder.environment === desired.environment.id && bucket.holder.claim === claim;
}

/** The part of an item that says what it is about. */
export function itemBase(
  { id, sandbox, instance, claim }: Pick<DesiredLogin, "id" | "sandbox" | "instance" | "claim">,
  server: string,
): Pick<PlanItem, "id" | "service" | "sandbox" | "instance" | "claim" | "server"> {
  return { id, service: "s3", sandbox, instance, claim, server };
}

function apply(aspect: string, expected: string, actual: string): Finding {
  return { aspect, expected, actual, repair: "apply" };
}

function bytes(count: number | undefined): string {
  return count === undefined ? "none" : `${count} bytes`;
}

function days(expiry: number | string | undefined): string {
  return expiry === undefined ? "never" : typeof expiry === "string" ? expiry : `after ${expiry} days`;
}
