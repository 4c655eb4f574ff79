import type { DesiredDatabase } from "./desired.ts";
import { type Drift, granteeName, granteeSql, mayAdminister, needsSuperuser, repairable, repairIf } from "./drift.ts";
import type { ObservedCluster } from "./observe-cluster.ts";
import type { DefaultPrivilege, Misowned, ObservedInside, UnreadableSchema } from "./observe-inside.ts";
import { ident } from "./sql.ts";

const OBJECT_WORDS: Readonly<Record<string, string>> = {
  r: "TABLES",
  S: "SEQUENCES",
  f: "FUNCTIONS",
  T: "TYPES",
  n: "SCHEMAS",
  L: "LARGE OBJECTS",
};

/** What a reader role gets on everything that the owner makes later. */
const READER_DEFAULTS: readonly (readonly [string, string])[] = [
  ["r", "SELECT"],
  ["S", "SELECT"],
  ["n", "USAGE"],
];

/** Types that `ALTER … OWNER TO` names otherwise than pg_identify_object does. */
const ALTER_WORDS: Readonly<Record<string, string>> = { "composite type": "TYPE", "statistics object": "STATISTICS" };

/** Everything in which a database differs seen from inside. Pure. */
export function diffInside(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  return [
    ...extensions(wanted, found, observed),
    ...found.misowned.map((one) => misowned(wanted, one, observed)),
    ...found.strayGrants.map((one) => {
      const column = one.column === "" ? "" : ` (${one.column})`;
      return repairable(
        `grant:${one.type}:${one.identity}${column}:${granteeName(one.grantee)}:${one.privilege}`,
        "not granted",
        `granted by ${one.grantor}`,
        {
          phase: "inside",
          as: "owner",
          sql: `REVOKE ${one.privilege}${column} ON ${grantWord(one.type)} ${one.identity} FROM ${granteeSql(one.grantee)} CASCADE`,
        },
      );
    }),
    ...defaultPrivileges(wanted, found, observed),
    ...(wanted.reader === undefined ? [] : found.unreadable.map((one) => unreadable(wanted.reader ?? "", one))),
  ];
}

function extensions(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  return wanted.spec.extensions
    .filter((name) => !found.extensions.includes(name))
    .map((name) => {
      const known = observed.extensions.get(name);
      if (known === undefined)
        return {
          aspect: `extension:${name}`,
          expected: "installed",
          actual: "not on the server",
          repair: "manual",
          note: "install its package on the server first",
          fix: [],
        };
      const sql = `CREATE EXTENSION IF NOT EXISTS ${ident(name)} SCHEMA public`;
      // A trusted extension made as the owner role belongs to it, so the module can update it.
      return repairIf(
        known.trusted || observed.facts.superuser,
        `extension:${name}`,
        "installed",
        "missing",
        { phase: "inside", as: known.trusted ? "owner" : "admin", sql },
        "it is not a trusted extension",
      );
    });
}

function misowned(wanted: DesiredDatabase, one: Misowned, observed: ObservedCluster): Drift {
  const isPublic = one.type === "schema" && one.identity === "public";
  const owner = isPublic ? "pg_database_owner" : wanted.owner;
  const sql = `ALTER ${alterWord(one.type)} ${one.identity} OWNER TO ${ident(owner)}`;
  const may = observed.facts.superuser || mayAdminister(observed, one.owner);
  return repairIf(
    may && one.owner !== observed.facts.bootstrap ? true : observed.facts.superuser,
    `owner:${one.type}:${one.identity}`,
    owner,
    one.owner,
    { phase: "inside", as: "admin", sql, lend: [wanted.owner, one.owner] },
    `"${observed.facts.user}" may not take it from "${one.owner}"`,
  );
}

function alterWord(type: string): string {
  return ALTER_WORDS[type] ?? type.toUpperCase();
}

function grantWord(type: string): string {
  if (["table", "view", "materialized view", "foreign table"].includes(type)) return "TABLE";
  if (type === "composite type") return "TYPE";
  if (type === "server") return "FOREIGN SERVER";
  if (type === "aggregate") return "FUNCTION";
  return type.toUpperCase();
}

function defaultPrivileges(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  const drifts: Drift[] = [];
  const isWanted = (one: DefaultPrivilege) =>
    one.role === wanted.owner &&
    one.schema === "" &&
    one.grantee === wanted.reader &&
    !one.grantable &&
    READER_DEFAULTS.some(([objects, privilege]) => objects === one.objects && privilege === one.privilege);
  for (const one of found.defaultPrivileges) {
    if (one.grantee !== null && isWanted(one)) continue;
    const schema = one.schema === "" ? "" : ` IN SCHEMA ${one.schema}`;
    const aspect = `default-privilege:${OBJECT_WORDS[one.objects] ?? one.objects}${schema}:${granteeName(one.grantee)}:${one.privilege}`;
    const sql = `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(one.role)}${schema} REVOKE ${one.privilege} ON ${OBJECT_WORDS[one.objects] ?? ""} FROM ${granteeSql(one.grantee)}`;
    const actual = `granted for what ${one.role} makes${one.grantable ? ", with grant option" : ""}`;
    if (one.role === wanted.owner) drifts.push(repairable(aspect, "not granted", actual, { phase: "inside", as: "owner", sql }));
    else
      drifts.push(
        repairIf(
          mayAdminister(observed, one.role),
          aspect,
          "not granted",
          actual,
          { phase: "inside", as: "admin", sql, lend: [one.role] },
          `"${observed.facts.user}" may not act for "${one.role}"`,
        ),
      );
  }
  if (wanted.reader !== undefined)
    for (const [objects, privilege] of READER_DEFAULTS) {
      const there = found.defaultPrivileges.some((one) => isWanted(one) && one.objects === objects && one.privilege === privilege);
      if (there) continue;
      const word = OBJECT_WORDS[objects] ?? "";
      const aspect = `default-privilege:${word}:${wanted.reader}:${privilege}`;
      const drift = repairable(aspect, "granted", "not granted", {
        phase: "inside",
        as: "owner",
        sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(wanted.owner)} GRANT ${privilege} ON ${word} TO ${ident(wanted.reader)}`,
      });
      drifts.push(
        mayAdminister(observed, wanted.owner)
          ? drift
          : needsSuperuser(aspect, "granted", "not granted", `"${observed.facts.user}" has no ADMIN OPTION on ${wanted.owner}`),
      );
    }
  return drifts;
}

function unreadable(reader: string, one: UnreadableSchema): Drift {
  const to = ident(reader);
  const count = one.tables.length + one.sequences.length;
  return repairable(`readable:${one.schema}`, `all of it by ${reader}`, count === 0 ? "schema not usable" : `${count} tables or sequences not`, {
    phase: "inside",
    as: "owner",
    sql: [
      `GRANT USAGE ON SCHEMA ${one.schema} TO ${to}`,
      ...(one.tables.length === 0 ? [] : [`GRANT SELECT ON TABLE ${one.tables.join(", ")} TO ${to}`]),
      ...(one.sequences.length === 0 ? [] : [`GRANT SELECT ON SEQUENCE ${one.sequences.join(", ")} TO ${to}`]),
    ].join("; "),
  });
}
