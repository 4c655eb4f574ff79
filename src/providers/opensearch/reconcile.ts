import pLimit from "p-limit";
import { type Credential, credentialKey } from "../../model/credential.ts";
import { CommonsError, RefusedError } from "../../model/error.ts";
import type { PlanItem } from "../../model/plan.ts";
import type { ProviderContext } from "../contract.ts";
import type { Connection } from "./connection.ts";
import type { Desired, Document } from "./desired.ts";
import type { OpensearchChange } from "./diff.ts";
import { type Edit, edit, type SecurityKind, writeTemplate } from "./documents.ts";
import { isServerWide } from "./failure.ts";
import { driftsOf } from "./findings.ts";
import { listOf } from "./grants.ts";
import { deletePolicy, policyOf, putPolicy } from "./lifecycle.ts";
import { type Documents, markedOf, observeDocuments, type Observed } from "./observe.ts";
import { removeClaims } from "./remove.ts";

/** One of the changes that this run carries out. */
interface Work {
  readonly change: OpensearchChange;
  readonly wanted: Desired;
  failure?: CommonsError;
}

/**
 * Makes and repairs users with what they may do, in the order role, tenant, template, policy, user, role mapping: a login works only when
 * everything is there, and the first thing that is made carries the mark already. Documents of a kind are written together. In the end
 * everything is read back and compared again.
 *
 * @returns every item with its outcome, in the order of `changes`
 */
export async function reconcile(
  admin: Connection,
  changes: readonly OpensearchChange[],
  observed: Observed,
  context: ProviderContext,
): Promise<PlanItem[]> {
  const isWork = ({ item }: OpensearchChange) => ["create", "update", "remove"].includes(item.action);
  const started = context.signal.aborted ? [] : changes.filter(isWork);
  const works = started.flatMap((change): Work[] =>
    change.wanted === undefined ? [] : [{ change, wanted: change.wanted }],
  );
  const failures = new Map<string, CommonsError>();
  let stop: CommonsError | undefined;
  try {
    await write(admin, works, observed, context);
    const left = started.flatMap(({ mark }) => (mark === undefined ? [] : [mark]));
    for (const [key, { failure }] of await removeClaims(admin, left, markedOf(observed), false, context))
      if (failure !== undefined) failures.set(`opensearch/${key}`, failure);
    if (works.length > 0) await readBack(admin, works, observed);
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    stop = error;
  }
  for (const { change, failure } of works) if (failure !== undefined) failures.set(change.item.id, failure);
  return changes.map(({ item }, index) => {
    if (item.action === "refuse") return item;
    const begun = started.includes(changes[index]!);
    if (!begun) return isWork(changes[index]!) ? { ...item, outcome: "not started" } : { ...item, outcome: "done" };
    context.emit({
      type: "step-progress",
      step: `apply ${context.server}`,
      done: index + 1,
      total: changes.length,
      doing: item.id,
    });
    const failure = failures.get(item.id) ?? stop;
    if (failure === undefined) return { ...item, outcome: "done" };
    const hint = failure.hint === undefined ? {} : { hint: failure.hint };
    return { ...item, outcome: "failed", reason: failure.message, ...hint };
  });
}

async function write(
  admin: Connection,
  works: readonly Work[],
  observed: Observed,
  context: ProviderContext,
): Promise<void> {
  const open = () => works.filter((work) => work.failure === undefined && !context.signal.aborted);
  const having = (kind: string) => open().filter(({ change }) => change.drifts.some(({ part }) => part?.kind === kind));
  const put = async (kind: SecurityKind, edits: readonly Edit[]) => {
    const failed = await edit(admin, kind, edits);
    for (const work of works) {
      const failure = failed.get(work.wanted.id);
      if (failure !== undefined) work.failure = failure;
    }
  };
  const documents = (kind: string, aspect: string, of: (one: Desired) => Document, found: Documents) =>
    having(kind).map((work): Edit => {
      const { wanted } = work;
      return { name: wanted.user, owner: wanted.id, value: keeping(work, aspect, of(wanted), found.get(wanted.user)) };
    });

  await put(
    "roles",
    documents("role", "role", (one) => one.role, observed.roles),
  );
  await put(
    "tenants",
    having("tenant").map(({ wanted }) => {
      const description = wanted.role["description"];
      return { name: wanted.tenant ?? "", owner: wanted.id, value: { description } };
    }),
  );
  await pLimit(context.concurrency).map(open(), async (work) => {
    try {
      await writeTemplates(admin, work, observed);
    } catch (error) {
      if (!(error instanceof CommonsError) || isServerWide(error)) throw error;
      work.failure = error;
    }
  });
  const passwords = await passwordsOf(having("user"), context);
  const users = documents("user", "user", (one) => one.account, observed.users);
  await put(
    "internalusers",
    users.flatMap((one) => {
      const credential = passwords.get(one.owner);
      if (credential === undefined) return [];
      return [{ ...one, value: { ...(one.value as Document), password: credential.password.reveal() } }];
    }),
  );
  await put(
    "rolesmapping",
    documents("mapping", "mapping", (one) => one.mapping, observed.mappings),
  );
  await put("rolesmapping", withoutGrants(open(), observed));
}

/** The document as it is wanted, but for those aspects that the environment file accepts as they are. */
function keeping({ change }: Work, aspect: string, wanted: Document, found: Document | undefined): Document {
  return Object.fromEntries(
    Object.entries(wanted).map(([key, value]) => {
      const isKept = found !== undefined && change.accepted.has(`${aspect}:${key.replaceAll("_", "-")}`);
      return [key, isKept ? found[key] : value];
    }),
  );
}

/** Credentials by item id; users whose stored name is another one fail. */
async function passwordsOf(works: readonly Work[], { credentials }: ProviderContext): Promise<Map<string, Credential>> {
  const byKey = new Map(works.map((work) => [credentialKey(work.wanted), work]));
  const stored = await credentials.getOrCreate(
    works.map(({ wanted }) => wanted),
    (ref) => byKey.get(credentialKey(ref))?.wanted.user ?? "",
  );
  return new Map(
    [...stored].flatMap(([key, credential]) => {
      const work = byKey.get(key);
      if (work === undefined) return [];
      const { id, user } = work.wanted;
      if (credential.username === user) return [[id, credential] as const];
      work.failure = new RefusedError(
        `The stored credential of ${id} is for user "${credential.username}", expected "${user}". Its user was not changed.`,
        {
          code: "OPENSEARCH_USERNAME",
          resource: id,
          hint: "The prefix in g2p.yaml was changed: change it back, or delete the stored credential so that a new one is made.",
        },
      );
      return [];
    }),
  );
}

async function writeTemplates(admin: Connection, { change, wanted }: Work, observed: Observed): Promise<void> {
  for (const { part } of change.drifts) {
    if (part?.kind === "template") await writeTemplate(admin, part.name, wanted.templates.get(part.name));
    if (part?.kind !== "policy") continue;
    const days = wanted.lifetimes.get(part.name);
    const description = String(wanted.role["description"]);
    if (days === undefined) await deletePolicy(admin, part.name);
    else await putPolicy(admin, part.name, policyOf(part.name, days, description), observed.policies);
  }
}

/** Mappings of other roles without those of our users that were put there. */
function withoutGrants(works: readonly Work[], observed: Observed): Edit[] {
  const users = new Map<string, { users: Set<string>; owner: string }>();
  for (const { change, wanted } of works)
    for (const { part } of change.drifts) {
      if (part?.kind !== "grant") continue;
      const found = users.get(part.name) ?? { users: new Set(), owner: wanted.id };
      users.set(part.name, { ...found, users: found.users.add(wanted.user) });
    }
  return [...users].map(([name, { users: ours, owner }]) => {
    const mapping = observed.mappings.get(name);
    const { hosts, backend_roles, and_backend_roles, description } = mapping ?? {};
    const kept = listOf(mapping, "users").filter((user) => !ours.has(user));
    const rest = { hosts, backend_roles, and_backend_roles, ...(description === undefined ? {} : { description }) };
    return { name, owner, value: { ...rest, users: kept } };
  });
}

/** Compares once more what was written; whatever still differs is the item's failure. */
async function readBack(admin: Connection, works: readonly Work[], before: Observed): Promise<void> {
  const found: Observed = { ...before, ...(await observeDocuments(admin)), logins: new Map() };
  for (const work of works) {
    if (work.failure !== undefined) continue;
    const open = driftsOf(work.wanted, found).filter((one) => !work.change.accepted.has(one.aspect));
    if (open.length === 0) continue;
    const list = open.map(
      (one) => `${one.repair === "apply" ? "" : `${one.repair}: `}${one.aspect} (${one.note ?? one.actual})`,
    );
    work.failure = new RefusedError(`${work.wanted.id} still differs: ${list.join("; ")}.`, {
      code: "OPENSEARCH_STILL_DIFFERS",
      resource: work.wanted.id,
      hint: "Do what is named, or accept it in g2p.yaml; if somebody changed it at the same time, run the command again.",
    });
  }
}
