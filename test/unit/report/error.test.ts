import { expect, it } from "vitest";
import { ConfigError, InternalError, RefusedError, ServiceError } from "../../../src/model/error.ts";
import { errorToJson, renderError } from "../../../src/report/error.ts";
import { PLAIN } from "./samples.ts";

it("shows an error of a user's concern in one line with its hint", () => {
  const error = new RefusedError('Database "legacy" is owned by "dba". Nothing was changed.', {
    code: "PG_FOREIGN_DATABASE",
    resource: "postgresql/dev/registry/main",
    hint: "Re-run with --adopt legacy.",
    cause: new Error("cause"),
  });
  expect(renderError(error, PLAIN)).toMatchInlineSnapshot(`
    "error PG_FOREIGN_DATABASE: Database "legacy" is owned by "dba". Nothing was changed.
    hint: Re-run with --adopt legacy.
    "
  `);
});

it("shows every problem of a file with its place, relative to the working directory", () => {
  const problem = (line: number, message: string) => ({
    position: { file: "/work/env/g2p.yaml", line, column: 5 },
    message,
  });
  const error = new ConfigError("g2p.yaml has 2 problems. Nothing was changed.", [
    problem(3, "unknown key"),
    problem(12, "no such module"),
  ]);
  expect(renderError(error, PLAIN, { cwd: "/work/env" })).toMatchInlineSnapshot(`
    "error CONFIG_INVALID: g2p.yaml has 2 problems. Nothing was changed.
      g2p.yaml:3:5 unknown key
      g2p.yaml:12:5 no such module
    "
  `);
  expect(renderError(error, PLAIN, { cwd: "/work/en" })).toContain("  /work/env/g2p.yaml:3:5 unknown key\n");
});

it("shows causes only when asked for more, and never a driver's statement", () => {
  const cause = Object.assign(new Error("syntax error"), { query: "ALTER ROLE x PASSWORD 'geheim'" });
  const error = new ServiceError("PostgreSQL refused the change.", { code: "PG_FAILED", cause });
  expect(renderError(error, PLAIN)).not.toContain("syntax error");
  const verbose = renderError(error, PLAIN, { verbose: true });
  expect(verbose).toContain("caused by: Error: syntax error");
  expect(verbose).not.toContain("geheim");
});

it("asks for a report of anything else, with versions and stack", () => {
  for (const fault of [
    new TypeError("x is not a function"),
    new InternalError("No step left.", { code: "ENGINE_STUCK" }),
    "thrown text",
  ]) {
    const text = renderError(fault, PLAIN, { about: ["g2p 1.0.0"] });
    expect(text).toMatch(
      /^error (INTERNAL|ENGINE_STUCK): (x is not a function|No step left\.|thrown text)\n\nThis is a fault in g2p/,
    );
    expect(text).toContain("\n  g2p 1.0.0\n");
  }
  expect(renderError(new TypeError("x"), PLAIN)).toContain("error.test.ts:");
});

it("names the errors that one error bundles", () => {
  const error = new AggregateError(
    [new Error("connect ECONNREFUSED ::1"), new Error("connect ECONNREFUSED 127.0.0.1")],
    "both failed",
  );
  expect(renderError(error, PLAIN)).toContain("  - connect ECONNREFUSED 127.0.0.1\n");
});

it("gives JSON without causes", () => {
  const cause = new Error("geheim");
  expect(errorToJson(new ServiceError("Failed.", { code: "PG_FAILED", cause }))).toEqual({
    error: "service",
    code: "PG_FAILED",
    message: "Failed.",
  });
  expect(errorToJson(cause)).toEqual({ error: "internal", code: "INTERNAL", message: "geheim" });
});
