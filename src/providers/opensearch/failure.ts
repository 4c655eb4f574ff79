import { CommonsError, ServiceError } from "../../model/error.ts";
import type { HttpAnswer } from "../http.ts";

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly hint: string;
}

/**
 * Turns a refusing answer into an error that says what failed and what to do. The reason is the server's own and holds no body of ours.
 *
 * @param doing what was attempted, with the service and server in front
 */
export function failureOf(answer: HttpAnswer, doing: string, resource?: string): ServiceError {
  const reason = reasonOf(answer);
  const meaning = meaningOf(answer.status, reason);
  const text = reason === "" || reason.includes(meaning.says) ? meaning.says : `${meaning.says} (${reason})`;
  return new ServiceError(`${doing} failed: ${text}.`, {
    code: meaning.code,
    hint: meaning.hint,
    ...(resource === undefined ? {} : { resource }),
  });
}

/** The server's reason for refusing, one line. */
export function reasonOf(answer: HttpAnswer): string {
  const body = answer.json as
    { error?: { reason?: unknown; type?: unknown } | string; message?: unknown; reason?: unknown } | undefined;
  const error = body?.error;
  const texts = [typeof error === "string" ? error : (error?.reason ?? error?.type), body?.message, body?.reason];
  const text = texts.find((one) => typeof one === "string") ?? (answer.json === undefined ? answer.text : "");
  return oneLine(text);
}

/** True for failures that concern the connection or the whole server, after which further items need not be tried. */
export function isServerWide(error: unknown): boolean {
  return (
    error instanceof CommonsError &&
    /^OPENSEARCH_(UNREACHABLE|CONNECTION_LOST|TIMEOUT|TLS|ADMIN_PASSWORD|STARTING|READ_ONLY|NO_SECURITY)$/.test(
      error.code,
    )
  );
}

/** Statuses and reasons as OpenSearch's documentation and the security plugin give them. */
function meaningOf(status: number, reason: string): Meaning {
  if (/maximum (normal )?shards|cluster.max_shards_per_node/i.test(reason))
    return {
      code: "OPENSEARCH_SHARD_LIMIT",
      says: "the server holds as many shards as it may",
      hint: "Delete indices, lower `shards`, or raise cluster.max_shards_per_node.",
    };
  if (/cluster_block|blocked by|flood|read-only/i.test(reason))
    return {
      code: "OPENSEARCH_READ_ONLY",
      says: "the server takes no writes now",
      hint: "Free disk space (flood stage watermark) or end the read-only block, then run the command again.",
    };
  if (status === 401)
    return {
      code: "OPENSEARCH_ADMIN_PASSWORD",
      says: "the server refused the administrator's user or password",
      hint: "Correct `admin.user` and the password that `admin.passwordFrom` points at.",
    };
  if (status === 403)
    return {
      code: "OPENSEARCH_NO_RIGHT",
      says: "the administrator lacks a right for it",
      hint: "Use an administrator with the role all_access that is named in plugins.security.restapi.roles_enabled.",
    };
  if (status === 409)
    return {
      code: "OPENSEARCH_CONFLICT",
      says: "somebody else changed the same thing at the same time",
      hint: "Run the command again: it continues where it stopped.",
    };
  if (status === 429)
    return {
      code: "OPENSEARCH_OVERLOADED",
      says: "the server is overloaded or out of memory",
      hint: "Lower --concurrency, or give the server more memory; then run the command again.",
    };
  if (status === 503)
    return {
      code: "OPENSEARCH_STARTING",
      says: "the server, or its security index, is not ready",
      hint: "Wait until the cluster's health is yellow and the security index is initialised, then run it again.",
    };
  if (/no handler found/.test(reason))
    return {
      code: "OPENSEARCH_NO_SECURITY",
      says: "the server has no security plugin",
      hint: "Install and enable the security plugin: without it nothing keeps instances apart.",
    };
  return {
    code: "OPENSEARCH_FAILED",
    says: `the server answered with status ${status}`,
    hint: "See the server's log for more; what was done before stays, and the next run continues.",
  };
}

function oneLine(text: string): string {
  return (text.split("\n", 1)[0] ?? "").slice(0, 300).replace(/\.$/, "");
}
