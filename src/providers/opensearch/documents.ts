import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import type { Document } from "./desired.ts";
import { failureOf, isServerWide, reasonOf } from "./failure.ts";
import type { CommonsError } from "../../model/error.ts";

/** Kinds of the security plugin's documents, as its REST API calls them. */
export type SecurityKind = "internalusers" | "roles" | "rolesmapping" | "tenants";

/** One change of a document: the value it gets, or undefined to delete it. */
export interface Edit {
  readonly name: string;
  readonly value: unknown;
  /** Whoever waits for it: a failure is theirs. */
  readonly owner: string;
}

/** The plugin keeps all documents of a kind in one, and refuses a write (409) when another one came between. */
const CONFLICT_ATTEMPTS = 30;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** Each new password costs the server a deliberately slow hash. */
const USERS_AT_ONCE = 10;
const EDIT_TIMEOUT_MS = 120_000;

/**
 * Writes documents of one kind, many in one request (security plugin, "Bulk" PATCH). What fails together is tried alone, so that one
 * bad document fails only its own item.
 *
 * @returns failures by {@link Edit.owner}
 * @throws ServiceError when the server as a whole fails
 */
export async function edit(
  admin: Connection,
  kind: SecurityKind,
  edits: readonly Edit[],
): Promise<Map<string, CommonsError>> {
  const failures = new Map<string, CommonsError>();
  const size = kind === "internalusers" ? USERS_AT_ONCE : edits.length;
  for (let at = 0; at < edits.length; at += size) {
    const some = edits.slice(at, at + size);
    const error = await patch(admin, kind, some);
    if (error === undefined) continue;
    if (isServerWide(error)) throw error;
    for (const one of some) {
      const alone = some.length === 1 ? error : await patch(admin, kind, [one]);
      if (alone !== undefined && isServerWide(alone)) throw alone;
      if (alone !== undefined) failures.set(one.owner, alone);
    }
  }
  return failures;
}

async function patch(admin: Connection, kind: SecurityKind, edits: readonly Edit[]): Promise<CommonsError | undefined> {
  const json = edits.map(({ name, value }) => {
    const path = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return value === undefined ? { op: "remove", path } : { op: "add", path, value };
  });
  let pause = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    const answer = await admin.request(`/_plugins/_security/api/${kind}`, {
      method: "PATCH",
      json,
      timeoutMs: EDIT_TIMEOUT_MS,
    });
    if (answer.status >= 200 && answer.status < 300) return undefined;
    const gone = edits.length === 1 && edits[0]?.value === undefined;
    if (gone && (answer.status === 404 || /no such path|missing|remove/i.test(reasonOf(answer)))) return undefined;
    if (answer.status !== 409 || attempt === CONFLICT_ATTEMPTS)
      return failureOf(answer, `OpenSearch: writing ${kind} ${edits.map((one) => one.name).join(", ")}`);
    // Spread, so that several that began together do not meet again.
    await delay(pause * (0.5 + Math.random()));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

/** Writes an index template, or deletes it where there is nothing to write. */
export async function writeTemplate(admin: Connection, name: string, template: Document | undefined): Promise<void> {
  const path = `/_index_template/${encodeURIComponent(name)}`;
  if (template === undefined) await admin.ask(`deleting template ${name}`, path, { method: "DELETE" }, [404]);
  else await admin.ask(`writing template ${name}`, path, { method: "PUT", json: template });
}
