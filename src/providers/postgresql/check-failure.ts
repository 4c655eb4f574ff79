import type { CheckResult } from "../../model/check.ts";
import type { DatabaseCheck } from "./check.ts";
import { errorCode } from "./connection.ts";

/**
 * Says in words why a login or the look after it failed, and whether waiting can help. Sources: PostgreSQL docs,
 * appendix "PostgreSQL Error Codes"; errno(3); OpenSSL's names as Node passes them on. The server's own sentence is
 * quoted where it knows more than its code; it never holds a password.
 */
export function checkFailure(error: unknown, check: DatabaseCheck): CheckResult {
  const { database, user } = check;
  const server = `${check.server.host}:${check.server.port}`;
  const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ");
  const code = errorCode(error) ?? "";
  switch (code) {
    case "ECONNREFUSED":
      return waiting(`nothing listens on ${server}`);
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
      return waiting(`the host name ${check.server.host} is not known yet (${code})`);
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EHOSTDOWN":
      return waiting(`no network route to ${server} (${code})`);
    case "ETIMEDOUT":
      return waiting(`${server} does not answer`);
    case "ECONNRESET":
    case "EPIPE":
      return waiting(`${server} cut the connection`);
    case "57P01":
    case "57P02":
    case "57P03":
      return waiting(`the server on ${server} does not take logins now: ${message}`);
    case "53300":
      return waiting(`no connection is free for ${user}: ${message}`);
    case "3D000":
      return waiting(`database ${database} does not exist yet`);
    case "55000":
      return waiting(`database ${database} is not open yet`);
    case "28P01":
      return unhealthy(`the server refused the password of ${user}: it is wrong, or the role does not exist yet`);
    case "28000":
      return unhealthy(`the server does not let ${user} log in: ${message}`);
    case "42501":
      return unhealthy(`${user} lacks a right on database ${database}: ${message}`);
    case "ENOENT":
    case "EACCES":
      return fileFailure(error, server);
  }
  if (/^(08|53|57)/.test(code)) return waiting(`the server on ${server} is in trouble: ${message} (${code})`);
  if (/timeout/i.test(message)) return waiting(`${server} does not answer`);
  if (message.startsWith("SASL") && message.includes("password")) {
    return unhealthy(`the server asks for the password of ${user}, and none was given`);
  }
  if (message.includes("SSL") || /CERT|SSL|TLS|^UNABLE_TO/.test(code)) {
    return unhealthy(`TLS with ${server} failed: ${message}`);
  }
  if (message.startsWith("Connection terminated")) return waiting(`${server} cut the connection`);
  return waiting(`login of ${user} on ${server} failed: ${message}${code === "" ? "" : ` (${code})`}`);
}

/** A file that cannot be read: the CA's, or the server's socket where the host is a directory. */
function fileFailure(error: unknown, server: string): CheckResult {
  const { syscall, path } = error as NodeJS.ErrnoException;
  return waiting(syscall === "connect" ? `no server socket for ${server}` : `file ${path} cannot be read`);
}

function waiting(reason: string): CheckResult {
  return { state: "waiting", reason };
}

function unhealthy(reason: string): CheckResult {
  return { state: "unhealthy", reason };
}
