import { expect, test } from "vitest";
import { Secret } from "../../../src/model/secret.ts";
import { checkFailure } from "../../../src/providers/postgresql/check-failure.ts";

const CHECK = {
  server: { host: "db", port: 5432, sslmode: "prefer" },
  database: "dev__registry",
  user: "dev__registry___a",
  password: new Secret("hunter2"),
} as const;

function failure(code: string | undefined, message: string, more: object = {}) {
  return checkFailure(Object.assign(new Error(message), code === undefined ? {} : { code }, more), CHECK);
}

test.each([
  ["ECONNREFUSED", "", "nothing listens on db:5432"],
  ["ENOTFOUND", "getaddrinfo ENOTFOUND db", /^the host name db is not known yet \(ENOTFOUND\)$/],
  ["EHOSTUNREACH", "", /^no network route to db:5432 \(EHOSTUNREACH\)$/],
  ["ECONNRESET", "read ECONNRESET", "db:5432 cut the connection"],
  [undefined, "Connection terminated unexpectedly", "db:5432 cut the connection"],
  [undefined, "timeout expired", "db:5432 does not answer"],
  [undefined, "Query read timeout", "db:5432 does not answer"],
  ["57P03", "the database system is starting up", /does not take logins now: the database system is starting up$/],
  ["53300", "too many connections", /^no connection is free for dev__registry___a/],
  ["3D000", 'database "x" does not exist', "database dev__registry does not exist yet"],
  ["55000", "not accepting", "database dev__registry is not open yet"],
  ["53200", "out of memory", /in trouble: out of memory \(53200\)$/],
  ["XX000", "two\nlines", /failed: two lines \(XX000\)$/],
])("%s %s may pass by itself", (code, message, reason) => {
  expect(failure(code, message)).toEqual({ state: "waiting", reason: expect.stringMatching(reason) });
});

test.each([
  ["28P01", 'password authentication failed for user "x"', /it is wrong, or the role does not exist yet$/],
  ["28000", 'role "x" is not permitted to log in', /does not let .* log in: role "x" is not permitted/],
  ["42501", 'permission denied for database "x"', /lacks a right on database dev__registry: permission denied/],
  [undefined, "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string", /none was given$/],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", "TLS with db:5432 failed: self-signed certificate"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "Hostname does not match", /^TLS with db:5432 failed/],
  [undefined, "The server does not support SSL connections", /^TLS with db:5432 failed/],
])("%s %s does not mend itself", (code, message, reason) => {
  expect(failure(code, message)).toEqual({ state: "unhealthy", reason: expect.stringMatching(reason) });
});

test("a missing file and a missing server socket are told apart", () => {
  const missing = (more: object) => failure("ENOENT", "ENOENT: no such file or directory", more);
  expect(missing({ syscall: "open", path: "/ca.crt" })).toMatchObject({ reason: "file /ca.crt cannot be read" });
  expect(missing({ syscall: "connect", path: "/run/.s.PGSQL.5432" })).toMatchObject({
    reason: "no server socket for db:5432",
  });
});
