import { formatMark } from "../../../src/providers/postgresql/mark.ts";
import { literal } from "../../../src/providers/postgresql/sql.ts";
import { type DriftCase, quoted } from "./case.ts";
import { ACCESS, ENVIRONMENT_ID, FARMERS, PBMS } from "./scene.ts";

const { owner, login, reader, database } = quoted({
  owner: FARMERS.owner,
  login: FARMERS.login,
  reader: FARMERS.reader,
  database: FARMERS.database,
});
const pbms = quoted({ owner: PBMS.owner, login: PBMS.login, database: PBMS.database });
const access = quoted({ login: ACCESS.login });

/** One attribute of one role, altered and to be altered back. */
function attribute(
  drift: string,
  role: string,
  alter: string,
  back: string,
  id: string,
  aspect: string,
  lesser?: DriftCase["lesser"],
): DriftCase {
  const undo = [`ALTER ROLE ${role} ${back}`];
  return {
    drift,
    inject: [`ALTER ROLE ${role} ${alter}`],
    undo,
    named: { [id]: [aspect] },
    ...(lesser === undefined ? {} : { lesser }),
  };
}

const superuserOnly = () => "needs superuser" as const;

/** Attributes of roles. */
export const ATTRIBUTES: readonly DriftCase[] = [
  attribute("the login is NOLOGIN", login, "NOLOGIN", "LOGIN", FARMERS.id, `login:${FARMERS.login}`),
  attribute("the login has CREATEROLE", login, "CREATEROLE", "NOCREATEROLE", FARMERS.id, `createrole:${FARMERS.login}`),
  attribute("the login has CREATEDB", login, "CREATEDB", "NOCREATEDB", FARMERS.id, `createdb:${FARMERS.login}`),
  attribute(
    "the login has REPLICATION",
    login,
    "REPLICATION",
    "NOREPLICATION",
    FARMERS.id,
    `replication:${FARMERS.login}`,
    superuserOnly,
  ),
  attribute(
    "the login has BYPASSRLS",
    login,
    "BYPASSRLS",
    "NOBYPASSRLS",
    FARMERS.id,
    `bypassrls:${FARMERS.login}`,
    superuserOnly,
  ),
  attribute(
    "the login is SUPERUSER",
    login,
    "SUPERUSER",
    "NOSUPERUSER",
    FARMERS.id,
    `superuser:${FARMERS.login}`,
    superuserOnly,
  ),
  attribute("the login is NOINHERIT", login, "NOINHERIT", "INHERIT", FARMERS.id, `inherit:${FARMERS.login}`),
  attribute(
    "the login has another connection limit",
    login,
    "CONNECTION LIMIT 500",
    "CONNECTION LIMIT 20",
    FARMERS.id,
    `connection-limit:${FARMERS.login}`,
  ),
  attribute(
    "the login may have no connection at all",
    login,
    "CONNECTION LIMIT 0",
    "CONNECTION LIMIT 20",
    FARMERS.id,
    `connection-limit:${FARMERS.login}`,
  ),
  attribute(
    "the login expires one day",
    login,
    "VALID UNTIL '2999-01-01'",
    "VALID UNTIL 'infinity'",
    FARMERS.id,
    `valid-until:${FARMERS.login}`,
  ),
  attribute(
    "the login has expired",
    login,
    "VALID UNTIL '2001-01-01'",
    "VALID UNTIL 'infinity'",
    FARMERS.id,
    `valid-until:${FARMERS.login}`,
  ),
  attribute("the owner role is LOGIN", owner, "LOGIN", "NOLOGIN", FARMERS.id, `login:${FARMERS.owner}`),
  attribute(
    "the owner role has CREATEROLE",
    owner,
    "CREATEROLE",
    "NOCREATEROLE",
    FARMERS.id,
    `createrole:${FARMERS.owner}`,
  ),
  attribute("the reader role is LOGIN", reader, "LOGIN", "NOLOGIN", FARMERS.id, `login:${FARMERS.reader}`),
  attribute(
    "an owner that has to be visible is NOLOGIN",
    pbms.owner,
    "NOLOGIN",
    "LOGIN",
    PBMS.id,
    `login:${PBMS.owner}`,
  ),
  attribute(
    "an owner that has to be visible may connect",
    pbms.owner,
    "CONNECTION LIMIT 5",
    "CONNECTION LIMIT 0",
    PBMS.id,
    `connection-limit:${PBMS.owner}`,
  ),
  attribute("an access login is NOLOGIN", access.login, "NOLOGIN", "LOGIN", ACCESS.id, `login:${ACCESS.login}`),
  attribute(
    "an access login is SUPERUSER",
    access.login,
    "SUPERUSER",
    "NOSUPERUSER",
    ACCESS.id,
    `superuser:${ACCESS.login}`,
    superuserOnly,
  ),
  attribute(
    "an access login has another connection limit",
    access.login,
    "CONNECTION LIMIT -1",
    "CONNECTION LIMIT 10",
    ACCESS.id,
    `connection-limit:${ACCESS.login}`,
  ),
  attribute(
    "an access login has expired",
    access.login,
    "VALID UNTIL '2001-01-01'",
    "VALID UNTIL 'infinity'",
    ACCESS.id,
    `valid-until:${ACCESS.login}`,
  ),
];

const renamed = formatMark({
  environment: ENVIRONMENT_ID,
  claim: FARMERS.uuid,
  label: "another name/dev/farmers/main",
});

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
        ...["idle_in_transaction_session_timeout", "role", "statement_timeout"].map(
          (name) => `setting:${FARMERS.login}:${name}`,
        ),
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
        ...[
          `SCHEMAS:${FARMERS.reader}:USAGE`,
          `SEQUENCES:${FARMERS.reader}:SELECT`,
          `TABLES:${FARMERS.reader}:SELECT`,
        ].map((right) => `default-privilege:${right}`),
        `grant:database:${FARMERS.reader}:CONNECT`,
        "readable:app",
        "readable:public",
        `role:${FARMERS.reader}`,
      ],
      [ACCESS.id]: [`membership:${FARMERS.reader}:${ACCESS.login}`],
    },
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
    named: {
      [FARMERS.id]: ["idle_in_transaction_session_timeout", "role", "statement_timeout"].map((name) =>
        setting(FARMERS.login, name),
      ),
    },
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
