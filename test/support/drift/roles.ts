import { formatMark } from "../../../src/providers/postgresql/mark.ts";
import { literal } from "../../../src/providers/postgresql/sql.ts";
import { type DriftCase, grantedByAdmin, quoted, since16 } from "./case.ts";
import { ACCESS, ENVIRONMENT_ID, FARMERS, PBMS, STRANGER } from "./scene.ts";

const { owner, login, reader, database } = quoted({
  owner: FARMERS.owner,
  login: FARMERS.login,
  reader: FARMERS.reader,
  database: FARMERS.database,
});
const pbms = quoted({ owner: PBMS.owner, login: PBMS.login, database: PBMS.database });
const access = quoted({ login: ACCESS.login });

/** One attribute of one role, altered and to be altered back. */
function attribute(drift: string, role: string, alter: string, back: string, id: string, aspect: string, lesser?: DriftCase["lesser"]): DriftCase {
  const undo = [`ALTER ROLE ${role} ${back}`];
  return { drift, inject: [`ALTER ROLE ${role} ${alter}`], undo, named: { [id]: [aspect] }, ...(lesser === undefined ? {} : { lesser }) };
}

const superuserOnly = () => "needs superuser" as const;

/** Attributes of roles. */
export const ATTRIBUTES: readonly DriftCase[] = [
  attribute("the login is NOLOGIN", login, "NOLOGIN", "LOGIN", FARMERS.id, `login:${FARMERS.login}`),
  attribute("the login has CREATEROLE", login, "CREATEROLE", "NOCREATEROLE", FARMERS.id, `createrole:${FARMERS.login}`),
  attribute("the login has CREATEDB", login, "CREATEDB", "NOCREATEDB", FARMERS.id, `createdb:${FARMERS.login}`),
  attribute("the login has REPLICATION", login, "REPLICATION", "NOREPLICATION", FARMERS.id, `replication:${FARMERS.login}`, superuserOnly),
  attribute("the login has BYPASSRLS", login, "BYPASSRLS", "NOBYPASSRLS", FARMERS.id, `bypassrls:${FARMERS.login}`, superuserOnly),
  attribute("the login is SUPERUSER", login, "SUPERUSER", "NOSUPERUSER", FARMERS.id, `superuser:${FARMERS.login}`, superuserOnly),
  attribute("the login is NOINHERIT", login, "NOINHERIT", "INHERIT", FARMERS.id, `inherit:${FARMERS.login}`),
  attribute("the login has another connection limit", login, "CONNECTION LIMIT 500", "CONNECTION LIMIT 20", FARMERS.id, `connection-limit:${FARMERS.login}`),
  attribute("the login may have no connection at all", login, "CONNECTION LIMIT 0", "CONNECTION LIMIT 20", FARMERS.id, `connection-limit:${FARMERS.login}`),
  attribute("the login expires one day", login, "VALID UNTIL '2999-01-01'", "VALID UNTIL 'infinity'", FARMERS.id, `valid-until:${FARMERS.login}`),
  attribute("the login has expired", login, "VALID UNTIL '2001-01-01'", "VALID UNTIL 'infinity'", FARMERS.id, `valid-until:${FARMERS.login}`),
  attribute("the owner role is LOGIN", owner, "LOGIN", "NOLOGIN", FARMERS.id, `login:${FARMERS.owner}`),
  attribute("the owner role has CREATEROLE", owner, "CREATEROLE", "NOCREATEROLE", FARMERS.id, `createrole:${FARMERS.owner}`),
  attribute("the reader role is LOGIN", reader, "LOGIN", "NOLOGIN", FARMERS.id, `login:${FARMERS.reader}`),
  attribute("an owner that has to be visible is NOLOGIN", pbms.owner, "NOLOGIN", "LOGIN", PBMS.id, `login:${PBMS.owner}`),
  attribute("an owner that has to be visible may connect", pbms.owner, "CONNECTION LIMIT 5", "CONNECTION LIMIT 0", PBMS.id, `connection-limit:${PBMS.owner}`),
  attribute("an access login is NOLOGIN", access.login, "NOLOGIN", "LOGIN", ACCESS.id, `login:${ACCESS.login}`),
  attribute("an access login is SUPERUSER", access.login, "SUPERUSER", "NOSUPERUSER", ACCESS.id, `superuser:${ACCESS.login}`, superuserOnly),
  attribute("an access login has another connection limit", access.login, "CONNECTION LIMIT -1", "CONNECTION LIMIT 10", ACCESS.id, `connection-limit:${ACCESS.login}`),
  attribute("an access login has expired", access.login, "VALID UNTIL '2001-01-01'", "VALID UNTIL 'infinity'", ACCESS.id, `valid-until:${ACCESS.login}`),
];

const renamed = formatMark({ environment: ENVIRONMENT_ID, claim: FARMERS.uuid, label: "another name/dev/farmers/main" });

/** What the marks say to human eyes; those that say something else to us are refused instead of repaired. */
export const LABELS: readonly DriftCase[] = [
  {
    drift: "the mark of the owner role shows another name of the environment",
    inject: [`COMMENT ON ROLE ${owner} IS ${literal(renamed)}`],
    named: { [FARMERS.id]: [`mark:${FARMERS.owner}`] },
  },
];

/** Passwords, and roles that are gone. */
export const LOST: readonly DriftCase[] = [
  {
    drift: "the login's password was changed",
    inject: [`ALTER ROLE ${login} PASSWORD 'other'`],
    named: { [FARMERS.id]: [`password:${FARMERS.login}`] },
    newPasswords: [FARMERS.login],
  },
  {
    drift: "the login has no password",
    inject: [`ALTER ROLE ${login} PASSWORD NULL`],
    named: { [FARMERS.id]: [`password:${FARMERS.login}`] },
    newPasswords: [FARMERS.login],
  },
  {
    drift: "an access login's password was changed",
    inject: [`ALTER ROLE ${access.login} PASSWORD 'other'`],
    named: { [ACCESS.id]: [`password:${ACCESS.login}`] },
    newPasswords: [ACCESS.login],
  },
  {
    drift: "the module changed its own password",
    inject: ["SET ROLE NONE", `ALTER ROLE ${login} PASSWORD 'other'`],
    by: "login",
    database: FARMERS.database,
    named: { [FARMERS.id]: [`password:${FARMERS.login}`] },
    newPasswords: [FARMERS.login],
  },
  {
    drift: "the login was dropped",
    inject: [`DROP ROLE ${login}`],
    named: {
      [FARMERS.id]: [
        `membership:${FARMERS.owner}:${FARMERS.login}`,
        `role:${FARMERS.login}`,
        ...["idle_in_transaction_session_timeout", "role", "statement_timeout"].map((name) => `setting:${FARMERS.login}:${name}`),
      ],
    },
    newPasswords: [FARMERS.login],
  },
  {
    drift: "the reader role was dropped",
    inject: [`DROP OWNED BY ${reader}`, `DROP ROLE ${reader}`],
    database: FARMERS.database,
    named: {
      [FARMERS.id]: [
        ...[`SCHEMAS:${FARMERS.reader}:USAGE`, `SEQUENCES:${FARMERS.reader}:SELECT`, `TABLES:${FARMERS.reader}:SELECT`].map((right) => `default-privilege:${right}`),
        `grant:database:${FARMERS.reader}:CONNECT`,
        "readable:app",
        "readable:public",
        `role:${FARMERS.reader}`,
      ],
      [ACCESS.id]: [`membership:${FARMERS.reader}:${ACCESS.login}`],
    },
  },
];

const from16 = ({ version }: { version: number }) => version >= 16;
const membership = (role: string, member: string) => `membership:${role}:${member}`;

/** Who is a member of whom. */
export const MEMBERSHIPS: readonly DriftCase[] = [
  {
    drift: "the login's membership in the owner role was removed",
    inject: (on) => [`REVOKE ${owner} FROM ${login}${grantedByAdmin(on)}`],
    named: { [FARMERS.id]: [membership(FARMERS.owner, FARMERS.login)] },
  },
  {
    drift: "the access login's membership in the reader role was removed",
    inject: (on) => [`REVOKE ${reader} FROM ${access.login}${grantedByAdmin(on)}`],
    named: { [ACCESS.id]: [membership(FARMERS.reader, ACCESS.login)] },
  },
  {
    drift: "another module's login is a member of the owner role",
    inject: [`GRANT ${owner} TO ${pbms.login}`],
    named: { [FARMERS.id]: [membership(FARMERS.owner, PBMS.login)] },
    lesser: since16,
    undo: [`REVOKE ${owner} FROM ${pbms.login}`],
  },
  {
    drift: "the admin made another module's login a member of the owner role",
    inject: [`GRANT ${owner} TO ${pbms.login}`],
    by: "admin",
    named: { [FARMERS.id]: [membership(FARMERS.owner, PBMS.login)] },
  },
  {
    drift: "another module's owner role is a member of the owner role",
    inject: [`GRANT ${owner} TO ${pbms.owner}`],
    named: { [FARMERS.id]: [membership(FARMERS.owner, PBMS.owner)] },
    lesser: since16,
    undo: [`REVOKE ${owner} FROM ${pbms.owner}`],
  },
  {
    drift: "a stranger is a member of the owner role",
    inject: [`GRANT ${owner} TO ${STRANGER}`],
    named: { [FARMERS.id]: [membership(FARMERS.owner, STRANGER)] },
    lesser: since16,
    undo: [`REVOKE ${owner} FROM ${STRANGER}`],
  },
  {
    drift: "a stranger is a member of the reader role",
    inject: [`GRANT ${reader} TO ${STRANGER}`],
    named: { [FARMERS.id]: [membership(FARMERS.reader, STRANGER)] },
    lesser: since16,
    undo: [`REVOKE ${reader} FROM ${STRANGER}`],
  },
  {
    drift: "a stranger is a member of the login",
    inject: [`GRANT ${login} TO ${STRANGER}`],
    named: { [FARMERS.id]: [membership(FARMERS.login, STRANGER)] },
    lesser: since16,
    undo: [`REVOKE ${login} FROM ${STRANGER}`],
  },
  {
    drift: "another module's login is a member of the login",
    inject: [`GRANT ${login} TO ${pbms.login}`],
    by: "admin",
    named: { [FARMERS.id]: [membership(FARMERS.login, PBMS.login)] },
  },
  {
    drift: "a stranger is a member of an access login",
    inject: [`GRANT ${access.login} TO ${STRANGER}`],
    named: { [ACCESS.id]: [membership(ACCESS.login, STRANGER)] },
    lesser: since16,
    undo: [`REVOKE ${access.login} FROM ${STRANGER}`],
  },
  {
    drift: "the login is a member of a role that is not ours",
    inject: [`GRANT pg_read_all_data TO ${login}`],
    named: { [FARMERS.id]: [membership("pg_read_all_data", FARMERS.login)] },
    lesser: since16,
    undo: [`REVOKE pg_read_all_data FROM ${login}`],
  },
  {
    drift: "the login is a member of the superuser",
    inject: [`GRANT postgres TO ${login}`],
    named: { [FARMERS.id]: [membership("postgres", FARMERS.login)] },
    lesser: "needs superuser",
    undo: [`REVOKE postgres FROM ${login}`],
  },
  {
    drift: "an access login is a member of the owner role",
    inject: [`GRANT ${owner} TO ${access.login}`],
    named: { [FARMERS.id]: [membership(FARMERS.owner, ACCESS.login)] },
    lesser: since16,
    undo: [`REVOKE ${owner} FROM ${access.login}`],
  },
  {
    drift: "the login may grant its owner role",
    inject: [`GRANT ${owner} TO ${login} WITH ADMIN OPTION`],
    by: "admin",
    named: { [FARMERS.id]: [membership(FARMERS.owner, FARMERS.login)] },
  },
  {
    drift: "the login does not inherit from its owner role",
    inject: [`GRANT ${owner} TO ${login} WITH INHERIT FALSE`],
    by: "admin",
    when: from16,
    named: { [FARMERS.id]: [membership(FARMERS.owner, FARMERS.login)] },
  },
  {
    drift: "the login may not set its owner role",
    inject: [`GRANT ${owner} TO ${login} WITH SET FALSE`],
    by: "admin",
    when: from16,
    named: { [FARMERS.id]: [membership(FARMERS.owner, FARMERS.login)] },
  },
  {
    drift: "the same membership was given by the superuser too",
    inject: [`GRANT ${owner} TO ${login}`],
    when: (on) => from16(on) && on.admin === "lesser admin",
    named: { [FARMERS.id]: [`${membership(FARMERS.owner, FARMERS.login)}:by:postgres`] },
    lesser: "needs superuser",
    undo: [`REVOKE ${owner} FROM ${login}`],
  },
  {
    drift: "a stranger may grant the owner role and gave the same membership once more",
    inject: [`GRANT ${owner} TO ${STRANGER} WITH ADMIN OPTION`, `GRANT ${owner} TO ${login} GRANTED BY ${STRANGER}`],
    when: from16,
    named: { [FARMERS.id]: [membership(FARMERS.owner, STRANGER), `${membership(FARMERS.owner, FARMERS.login)}:by:${STRANGER}`].sort() },
    lesser: "needs superuser",
    undo: [`REVOKE ${owner} FROM ${STRANGER} CASCADE`],
  },
  {
    drift: "a stranger may grant the reader role and gave an access login's membership once more",
    inject: [`GRANT ${reader} TO ${STRANGER} WITH ADMIN OPTION`, `GRANT ${reader} TO ${access.login} GRANTED BY ${STRANGER}`],
    when: from16,
    named: { [FARMERS.id]: [membership(FARMERS.reader, STRANGER), `${membership(FARMERS.reader, ACCESS.login)}:by:${STRANGER}`].sort() },
    lesser: "needs superuser",
    undo: [`REVOKE ${reader} FROM ${STRANGER} CASCADE`],
  },
];

/** What the admin may hold over a role, and what not. */
export const ADMINS: readonly DriftCase[] = [
  {
    drift: "the admin inherits the owner role's rights",
    inject: ({ version }) => [`GRANT ${owner} TO {admin}${version >= 16 ? " WITH INHERIT TRUE" : ""}`],
    by: "admin",
    when: ({ admin }) => admin === "lesser admin",
    named: { [FARMERS.id]: [membership(FARMERS.owner, "{admin}")] },
  },
  {
    drift: "the superuser let the admin inherit the owner role's rights",
    inject: [`GRANT ${owner} TO {admin} WITH INHERIT TRUE`],
    when: (on) => from16(on) && on.admin === "lesser admin",
    named: { [FARMERS.id]: [membership(FARMERS.owner, "{admin}")] },
    lesser: "needs superuser",
    undo: [`REVOKE INHERIT OPTION FOR ${owner} FROM {admin}`],
  },
];

const inFarmers = `ALTER ROLE ${login} IN DATABASE ${database}`;
const setting = (role: string, name: string) => `setting:${role}:${name}`;

/** Settings of roles. */
export const SETTINGS: readonly DriftCase[] = [
  {
    drift: "the login's `role` setting was lost",
    inject: [`${inFarmers} RESET role`],
    named: { [FARMERS.id]: [setting(FARMERS.login, "role")] },
  },
  {
    drift: "the module reset its own `role` setting",
    inject: ["SET ROLE NONE", `${inFarmers} RESET role`],
    by: "login",
    database: FARMERS.database,
    named: { [FARMERS.id]: [setting(FARMERS.login, "role")] },
  },
  {
    drift: "the login's `role` setting names another role",
    inject: [`${inFarmers} SET role = ${reader}`],
    named: { [FARMERS.id]: [setting(FARMERS.login, "role")] },
  },
  {
    drift: "all settings of the login were lost",
    inject: [`${inFarmers} RESET ALL`],
    named: { [FARMERS.id]: ["idle_in_transaction_session_timeout", "role", "statement_timeout"].map((name) => setting(FARMERS.login, name)) },
  },
  {
    drift: "a timeout was changed",
    inject: [`${inFarmers} SET statement_timeout = '1h'`],
    named: { [FARMERS.id]: [setting(FARMERS.login, "statement_timeout")] },
  },
  {
    drift: "a timeout was lost",
    inject: [`${inFarmers} RESET idle_in_transaction_session_timeout`],
    named: { [FARMERS.id]: [setting(FARMERS.login, "idle_in_transaction_session_timeout")] },
  },
  {
    drift: "a timeout was added that nobody asked for",
    inject: [`${inFarmers} SET lock_timeout = '1ms'`],
    named: { [FARMERS.id]: [`${setting(FARMERS.login, "lock_timeout")}:in:${FARMERS.database}`] },
  },
  {
    drift: "a timeout was added for all databases",
    inject: [`ALTER ROLE ${access.login} SET statement_timeout = '1ms'`],
    named: { [ACCESS.id]: [`${setting(ACCESS.login, "statement_timeout")}:everywhere`] },
  },
  {
    drift: "the `role` setting for all databases was lost",
    inject: [`ALTER ROLE ${pbms.login} RESET role`],
    named: { [PBMS.id]: [setting(PBMS.login, "role")] },
  },
  {
    drift: "the `role` setting for all databases is overruled in the module's own",
    inject: [`ALTER ROLE ${pbms.login} IN DATABASE ${pbms.database} SET role = 'none'`],
    named: { [PBMS.id]: [`${setting(PBMS.login, "role")}:in:${PBMS.database}`] },
  },
  {
    drift: "an access login works as another role",
    inject: [`ALTER ROLE ${access.login} IN DATABASE ${database} SET role = ${reader}`],
    named: { [ACCESS.id]: [`${setting(ACCESS.login, "role")}:in:${FARMERS.database}`] },
  },
];
