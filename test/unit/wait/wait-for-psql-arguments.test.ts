import { expect, test } from "vitest";
import { parseArguments } from "../../../src/cli/wait-for-psql-arguments.ts";

const COMPLETE = ["--db_host", "h", "--db_port", "5432", "--db_user", "u", "--db_password", "p"];
const VALUES = { db_host: "h", db_port: "5432", db_user: "u", db_password: "p", db_name: "postgres", timeout: 5 };

const parse = (...more: string[]) => parseArguments([...COMPLETE, ...more], {});

test("reads the script's flags and its default timeout", () => {
  expect(parse()).toEqual(VALUES);
});

test.each([
  { args: ["--timeout=30"], value: { timeout: 30 }, reason: "a value after =" },
  { args: ["--timeout", "-1"], value: { timeout: -1 }, reason: "a negative number is a value" },
  { args: ["--tim", "7"], value: { timeout: 7 }, reason: "an unambiguous beginning" },
  { args: ["--db_pa=-x=y"], value: { db_password: "-x=y" }, reason: "anything may follow =" },
  { args: ["--db_password", ""], value: { db_password: "" }, reason: "an empty value is a value" },
  { args: ["--db_password", "-"], value: { db_password: "-" }, reason: "a lone dash is a value" },
  { args: ["--db_password", "-a b"], value: { db_password: "-a b" }, reason: "with a space it is a value" },
  { args: ["--db_host", "other"], value: { db_host: "other" }, reason: "the later one wins" },
  { args: ["--db_name", "dev__pbms"], value: { db_name: "dev__pbms" }, reason: "the module's own database" },
])("accepts $args as argparse does: $reason", ({ args, value }) => {
  expect(parse(...args)).toEqual({ ...VALUES, ...value });
});

test.each([
  { args: ["--timeout", "5.0"], message: "argument --timeout: invalid int value: '5.0'" },
  { args: ["--db_p", "x"], message: "ambiguous option: --db_p could match --db_port, --db_password" },
  { args: ["--db_password", "--timeout=30"], message: "argument --db_password: expected one argument" },
  { args: ["--db_password", "-secret"], message: "argument --db_password: expected one argument" },
  { args: ["--db_host"], message: "argument --db_host: expected one argument" },
  {
    args: ["rest-of-password", "--x"],
    message: "unrecognized arguments: 2 (not shown, they may be parts of a password)",
  },
])("refuses $args", ({ args, message }) => {
  expect(() => parse(...args)).toThrow(message);
});

test("names every missing flag", () => {
  expect(() => parseArguments(["--db_user=u"], {})).toThrow(
    "the following arguments are required: --db_host, --db_port, --db_password",
  );
});

test("takes the password from PGPASSWORD where the flag is absent, and only there", () => {
  const env = { PGPASSWORD: "from-env" };
  expect(parseArguments(COMPLETE.slice(0, 6), env)).toEqual({ ...VALUES, db_password: "from-env" });
  expect(parseArguments(COMPLETE, env)).toEqual(VALUES);
});

test.each(["-h", "--help", "--he"])("%s asks for help even without the required flags", (flag) => {
  expect(parseArguments([flag], {})).toBe("help");
});
