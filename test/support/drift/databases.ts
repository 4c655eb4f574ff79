import { type DriftCase, quoted, since16 } from "./case.ts";
import { FARMERS, PBMS, SERVER, STAGING, STRANGER } from "./scene.ts";

const { owner, login, reader, database } = quoted({
  owner: FARMERS.owner,
  login: FARMERS.login,
  reader: FARMERS.reader,
  database: FARMERS.database,
});
const pbms = quoted({ owner: PBMS.owner, login: PBMS.login });
const staging = quoted({ owner: STAGING.owner });

const grant = (grantee: string, privilege: string) => ({ [FARMERS.id]: [`grant:database:${grantee}:${privilege}`] });
const lesser = ({ admin }: { admin: string }) => admin === "lesser admin";

/** Owner, rights and limits of a database. */
export const DATABASES: readonly DriftCase[] = [
  {
    drift: "the database belongs to a stranger",
    inject: [`ALTER DATABASE ${database} OWNER TO ${STRANGER}`],
    named: { [FARMERS.id]: ["database-owner"] },
    lesser: since16,
    undo: [`ALTER DATABASE ${database} OWNER TO ${owner}`],
  },
  {
    drift: "the database belongs to another module's owner role",
    inject: [`ALTER DATABASE ${database} OWNER TO ${staging.owner}`],
    named: { [FARMERS.id]: ["database-owner"] },
  },
  {
    drift: "the database belongs to the superuser",
    inject: [`ALTER DATABASE ${database} OWNER TO postgres`],
    named: { [FARMERS.id]: ["database-owner"] },
    lesser: "needs superuser",
    undo: [`ALTER DATABASE ${database} OWNER TO ${owner}`],
  },
  {
    drift: "the database belongs to the login",
    inject: [`ALTER DATABASE ${database} OWNER TO ${login}`],
    named: { [FARMERS.id]: ["database-owner"] },
  },
  {
    drift: "PUBLIC may connect",
    inject: [`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`],
    named: grant("PUBLIC", "CONNECT"),
  },
  {
    drift: "PUBLIC may make temporary tables",
    inject: [`GRANT TEMP ON DATABASE ${database} TO PUBLIC`],
    named: grant("PUBLIC", "TEMPORARY"),
  },
  {
    drift: "PUBLIC may make schemas",
    inject: [`GRANT CREATE ON DATABASE ${database} TO PUBLIC`],
    named: grant("PUBLIC", "CREATE"),
  },
  {
    drift: "the module itself let PUBLIC connect",
    inject: [`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`],
    by: "login",
    database: FARMERS.database,
    named: grant("PUBLIC", "CONNECT"),
  },
  {
    drift: "another module's login may connect",
    inject: [`GRANT CONNECT ON DATABASE ${database} TO ${pbms.login}`],
    named: grant(PBMS.login, "CONNECT"),
  },
  {
    drift: "another module's owner role may connect and make schemas",
    inject: [`GRANT CONNECT, CREATE ON DATABASE ${database} TO ${pbms.owner}`],
    named: { [FARMERS.id]: ["CONNECT", "CREATE"].map((privilege) => `grant:database:${PBMS.owner}:${privilege}`) },
  },
  {
    drift: "a stranger may connect, and let others",
    inject: [`GRANT CONNECT ON DATABASE ${database} TO ${STRANGER} WITH GRANT OPTION`],
    named: grant(STRANGER, "CONNECT"),
  },
  {
    drift: "a stranger who may let others connect let PUBLIC in",
    inject: [
      `GRANT CONNECT ON DATABASE ${database} TO ${STRANGER} WITH GRANT OPTION`,
      `SET ROLE ${STRANGER}`,
      `GRANT CONNECT ON DATABASE ${database} TO PUBLIC`,
      "RESET ROLE",
    ],
    named: { [FARMERS.id]: [`grant:database:PUBLIC:CONNECT`, `grant:database:${STRANGER}:CONNECT`] },
  },
  {
    drift: "the login has CONNECT of its own",
    inject: [`GRANT CONNECT ON DATABASE ${database} TO ${login}`],
    named: grant(FARMERS.login, "CONNECT"),
  },
  {
    drift: "the reader role may let others connect",
    inject: [`GRANT CONNECT ON DATABASE ${database} TO ${reader} WITH GRANT OPTION`],
    named: grant(FARMERS.reader, "CONNECT"),
  },
  {
    drift: "the reader role may not connect",
    inject: [`REVOKE CONNECT ON DATABASE ${database} FROM ${reader}`],
    named: grant(FARMERS.reader, "CONNECT"),
  },
  {
    drift: "the reader role may make temporary tables",
    inject: [`GRANT TEMP ON DATABASE ${database} TO ${reader}`],
    named: grant(FARMERS.reader, "TEMPORARY"),
  },
  {
    drift: "the owner role may not connect",
    inject: [`REVOKE CONNECT ON DATABASE ${database} FROM ${owner}`],
    named: grant(FARMERS.owner, "CONNECT"),
  },
  {
    drift: "the owner role may not make schemas",
    inject: [`REVOKE CREATE ON DATABASE ${database} FROM ${owner}`],
    named: grant(FARMERS.owner, "CREATE"),
  },
  {
    drift: "the admin may not connect",
    inject: [`REVOKE CONNECT ON DATABASE ${database} FROM {admin}`],
    when: lesser,
    named: grant("{admin}", "CONNECT"),
  },
  {
    drift: "the database has a connection limit",
    inject: [`ALTER DATABASE ${database} CONNECTION LIMIT 3`],
    named: { [FARMERS.id]: ["database-connection-limit"] },
  },
  {
    drift: "the database is closed",
    inject: [`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`],
    named: { [FARMERS.id]: ["database-open"] },
  },
  {
    drift: "the database is a template that everybody may copy",
    inject: [`ALTER DATABASE ${database} IS_TEMPLATE true`],
    named: { [FARMERS.id]: ["database-template"] },
  },
];

function maintenance(drift: string, inject: string, undo: string, aspect: string): DriftCase {
  return { drift, inject: [inject], undo: [undo], named: { [SERVER]: [aspect] }, lesser: "needs superuser" };
}

/** The databases that every server has. */
export const MAINTENANCE: readonly DriftCase[] = [
  maintenance(
    "`postgres` is open to PUBLIC again",
    "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
    "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
    "grant:postgres:PUBLIC:CONNECT",
  ),
  maintenance(
    "PUBLIC may make temporary tables in `template1` again",
    "GRANT TEMP ON DATABASE template1 TO PUBLIC",
    "REVOKE TEMP ON DATABASE template1 FROM PUBLIC",
    "grant:template1:PUBLIC:TEMPORARY",
  ),
  maintenance(
    "a module that has to enter `postgres` may not",
    `REVOKE CONNECT ON DATABASE postgres FROM ${pbms.owner}`,
    `GRANT CONNECT ON DATABASE postgres TO ${pbms.owner}`,
    `grant:postgres:${PBMS.owner}:CONNECT`,
  ),
  maintenance(
    "a module that has no business in `postgres` may enter it",
    `GRANT CONNECT ON DATABASE postgres TO ${owner}`,
    `REVOKE CONNECT ON DATABASE postgres FROM ${owner}`,
    `grant:postgres:${FARMERS.owner}:CONNECT`,
  ),
  maintenance(
    "a login may make temporary tables in `postgres`",
    `GRANT TEMP ON DATABASE postgres TO ${pbms.login}`,
    `REVOKE TEMP ON DATABASE postgres FROM ${pbms.login}`,
    `grant:postgres:${PBMS.login}:TEMPORARY`,
  ),
];
