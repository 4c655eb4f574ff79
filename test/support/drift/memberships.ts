import { type DriftCase, grantedByAdmin, quoted, since16 } from "./case.ts";
import { ACCESS, FARMERS, PBMS, STRANGER } from "./scene.ts";

const { owner, login, reader } = quoted({ owner: FARMERS.owner, login: FARMERS.login, reader: FARMERS.reader });
const pbms = quoted({ owner: PBMS.owner, login: PBMS.login });
const access = quoted({ login: ACCESS.login });

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
    named: {
      [FARMERS.id]: [
        membership(FARMERS.owner, STRANGER),
        `${membership(FARMERS.owner, FARMERS.login)}:by:${STRANGER}`,
      ].sort(),
    },
    lesser: "needs superuser",
    undo: [`REVOKE ${owner} FROM ${STRANGER} CASCADE`],
  },
  {
    drift: "a stranger may grant the reader role and gave an access login's membership once more",
    inject: [
      `GRANT ${reader} TO ${STRANGER} WITH ADMIN OPTION`,
      `GRANT ${reader} TO ${access.login} GRANTED BY ${STRANGER}`,
    ],
    when: from16,
    named: {
      [FARMERS.id]: [
        membership(FARMERS.reader, STRANGER),
        `${membership(FARMERS.reader, ACCESS.login)}:by:${STRANGER}`,
      ].sort(),
    },
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
