import pLimit from "p-limit";
import type { PlanItem } from "../../model/plan.ts";
import { CommonsError } from "../../model/error.ts";
import type { ProviderContext, Removal } from "../contract.ts";
import type { Connection } from "./connection.ts";
import { dataOf, deleteData, describeData } from "./data.ts";
import { itemOf, ownClaims } from "./diff.ts";
import { edit, type SecurityKind, writeTemplate } from "./documents.ts";
import { isServerWide } from "./failure.ts";
import { deletePolicy } from "./lifecycle.ts";
import { claimOf, isSame, type Mark } from "./mark.ts";
import { markedOf, type Marked, observeDocuments } from "./observe.ts";

/** What a removal would take away: accesses first, among them those to claims that go. Writes nothing. */
export async function planRemoval(
  admin: Connection,
  environmentId: string,
  removal: Removal,
  server: string,
): Promise<PlanItem[]> {
  const found = await observeDocuments(admin);
  const items: PlanItem[] = [];
  for (const mark of inScope(ownClaims(found, environmentId), removal)) {
    const name = nameOf(markedOf(found), mark);
    const reason = mark.kind === "indices" ? describeData(await dataOf(admin, mark)) : "";
    items.push({ ...itemOf(mark, name, server), action: "remove", ...(reason === "" ? {} : { reason }) });
  }
  return items;
}

/** Removes what {@link planRemoval} names; without `deleteData` a claim that holds indices keeps them and its mark, and loses its login. */
export async function remove(
  admin: Connection,
  environmentId: string,
  removal: Removal,
  context: ProviderContext,
): Promise<PlanItem[]> {
  const found = await observeDocuments(admin);
  const marks = inScope(ownClaims(found, environmentId), removal);
  const results = await removeClaims(admin, marks, markedOf(found), removal.deleteData, context);
  return marks.map((mark): PlanItem => {
    const base = itemOf(mark, nameOf(markedOf(found), mark), context.server);
    const { kept = "", failure, stopped } = results.get(claimOf(mark)) ?? {};
    if (stopped === true)
      return { ...base, action: "remove", outcome: "not started", reason: failure?.message ?? "the run was stopped" };
    if (failure !== undefined) {
      const hint = failure.hint === undefined ? {} : { hint: failure.hint };
      return { ...base, action: "remove", outcome: "failed", reason: failure.message, ...hint };
    }
    return kept === ""
      ? { ...base, action: "remove", outcome: "done" }
      : { ...base, action: "retain", outcome: "done", reason: `its login is gone; kept: ${kept}` };
  });
}

/** What became of one claim or access; all absent when all of it is gone. */
export interface Removed {
  /** What was kept, in words. */
  kept?: string;
  failure?: CommonsError;
  /** Nothing of it was begun. */
  stopped?: boolean;
}

/**
 * Removes claims and accesses together: first the role mappings and users, so that nobody works on them any more, then the data, and the roles
 * last, since their marks are what lets an interrupted removal go on. Only what carries the marks is touched. Every step can be repeated.
 *
 * @param marked all marked documents, just read
 * @returns by `sandbox/instance/claim`
 */
export async function removeClaims(
  admin: Connection,
  marks: readonly Mark[],
  marked: readonly Marked[],
  withData: boolean,
  context: Pick<ProviderContext, "credentials" | "concurrency" | "signal" | "server" | "emit">,
): Promise<Map<string, Removed>> {
  const results = new Map(marks.map((mark): [string, Removed] => [claimOf(mark), {}]));
  if (context.signal.aborted) for (const result of results.values()) result.stopped = true;
  const open = () => marks.filter((mark) => isOpen(results.get(claimOf(mark))));
  const names = (mark: Mark, kind: Marked["kind"]) =>
    marked.filter((one) => one.kind === kind && isSame(one.mark, mark)).map((one) => one.name);
  const drop = async (kind: SecurityKind, of: Marked["kind"], whose: readonly Mark[]) => {
    const edits = whose.flatMap((mark) =>
      names(mark, of).map((name) => ({ name, value: undefined, owner: claimOf(mark) })),
    );
    for (const [owner, failure] of await edit(admin, kind, edits)) results.set(owner, { failure });
  };
  try {
    await drop("rolesmapping", "mapping", open());
    await drop("internalusers", "user", open());
    let done = 0;
    await pLimit(context.concurrency).map(open(), async (mark) => {
      const result = results.get(claimOf(mark))!;
      try {
        const data = mark.kind === "indices" ? await dataOf(admin, mark) : undefined;
        result.kept = data === undefined || withData ? "" : describeData(data);
        if (data !== undefined && result.kept === "") {
          await deleteData(admin, data);
          for (const name of names(mark, "template")) await writeTemplate(admin, name, undefined);
          for (const name of names(mark, "policy")) await deletePolicy(admin, name);
        }
        await context.credentials.remove(mark);
      } catch (error) {
        if (!(error instanceof CommonsError) || isServerWide(error)) throw error;
        result.failure = error;
      }
      done += 1;
      const { server, emit } = context;
      emit({ type: "step-progress", step: `remove ${server}`, done, total: marks.length, doing: claimOf(mark) });
    });
    const gone = open().filter((mark) => results.get(claimOf(mark))?.kept === "");
    await drop("tenants", "tenant", gone);
    await drop(
      "roles",
      "role",
      open().filter((mark) => gone.includes(mark)),
    );
  } catch (error) {
    if (!(error instanceof CommonsError)) throw error;
    for (const mark of open()) results.set(claimOf(mark), { failure: error });
  }
  return results;
}

function isOpen(result: Removed | undefined): boolean {
  return result !== undefined && result.failure === undefined && result.stopped !== true;
}

/** Marks of a sandbox or instance, and of accesses to it; accesses first. */
function inScope(own: ReadonlyMap<string, Mark>, { scope }: Removal): Mark[] {
  const isIn = (ref: string) => {
    const [sandbox, instance] = ref.split("/");
    return sandbox === scope.sandbox && (scope.instance === undefined || instance === scope.instance);
  };
  const marks = [...own.values()].filter(
    (mark) => isIn(claimOf(mark)) || (mark.kind === "access" && isIn(mark.target)),
  );
  return [...marks.filter((one) => one.kind === "access"), ...marks.filter((one) => one.kind !== "access")];
}

function nameOf(marked: readonly Marked[], mark: Mark): string {
  const own = marked.filter((one) => isSame(one.mark, mark));
  const first = own.find((one) => one.kind === "role") ?? own.find((one) => one.kind === "user") ?? own[0];
  return first?.name ?? claimOf(mark);
}
