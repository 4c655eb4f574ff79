import type { DesiredDatabase } from "./desired.ts";
import { type Drift, granteeName, granteeSql, mayAdminister, mayOwnDatabase, repairIf } from "./drift.ts";
import type { ObservedCluster } from "./observe-cluster.ts";
import type { DefaultPrivilege, Misowned, ObservedInside, StrayGrant, Unreadable } from "./observe-inside.ts";
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

/** Owner of schema `public`: whoever owns the database is a member (PostgreSQL docs, predefined roles). */
const DATABASE_OWNER = "pg_database_owner";

/** Everything in which a database differs seen from inside; owners come first, since rights follow them. Pure. */
export function diffInside(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  return [
    ...extensions(wanted, found, observed),
    ...found.misowned.map((one) => misowned(wanted, one, observed)),
    ...found.strayGrants.map((one) => strayGrant(wanted, one, observed)),
    ...strayDefaults(wanted, found, observed),
    ...missingDefaults(wanted, found, observed),
    ...unreadable(wanted, found, observed),
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
        observed.facts.superuser || (known.trusted && mayOwnDatabase(observed, wanted.database, wanted.owner)),
        `extension:${name}`,
        "installed",
        "missing",
        { phase: "inside", as: known.trusted ? "owner" : "admin", sql },
        known.trusted ? `the owner role does not own the database` : "it is not a trusted extension",
      );
    });
}

function misowned(wanted: DesiredDatabase, one: Misowned, observed: ObservedCluster): Drift {
  const isPublic = one.type === "schema" && one.identity === "public";
  const owner = isPublic ? DATABASE_OWNER : wanted.owner;
  return repairIf(
    one.borrowable && mayAdminister(observed, wanted.owner),
    `owner:${one.type}:${one.identity}`,
    owner,
    one.owner,
    {
      phase: "inside",
      as: "admin",
      sql: `ALTER ${alterWord(one.type)} ${one.identity} OWNER TO ${ident(owner)}`,
      lend: [wanted.owner, one.owner],
    },
    `"${observed.facts.user}" may not take it from "${one.owner}"`,
  );
}

/** Is something the owner role's, or will it be once the other findings are repaired? */
function belongs(
  wanted: DesiredDatabase,
  observed: ObservedCluster,
  one: { readonly owner: string; readonly borrowable: boolean },
): boolean {
  if (one.owner === DATABASE_OWNER) return mayOwnDatabase(observed, wanted.database, wanted.owner);
  return one.owner === wanted.owner || one.borrowable;
}

/** A drift that the owner role repairs, on something that {@link belongs} to it. */
function asOwner(
  wanted: DesiredDatabase,
  observed: ObservedCluster,
  one: { readonly owner: string; readonly borrowable: boolean },
  drift: { readonly aspect: string; readonly expected: string; readonly actual: string; readonly sql: string },
): Drift {
  const its = belongs(wanted, observed, one);
  return repairIf(
    its && mayAdminister(observed, wanted.owner),
    drift.aspect,
    drift.expected,
    drift.actual,
    { phase: "inside", as: "owner", sql: drift.sql },
    its ? `"${observed.facts.user}" has no ADMIN OPTION on ${wanted.owner}` : `it belongs to "${one.owner}"`,
  );
}

function strayGrant(wanted: DesiredDatabase, one: StrayGrant, observed: ObservedCluster): Drift {
  const column = one.column === "" ? "" : ` (${one.column})`;
  return asOwner(wanted, observed, one, {
    aspect: `grant:${one.type}:${one.identity}${column}:${granteeName(one.grantee)}:${one.privilege}`,
    expected: one.optionOnly ? "without grant option" : "not granted",
    actual: `granted by ${one.grantor}${one.optionOnly ? " with grant option" : ""}`,
    sql: `REVOKE ${one.optionOnly ? "GRANT OPTION FOR " : ""}${one.privilege}${column} ON ${grantWord(one.type)} ${one.identity} FROM ${granteeSql(one.grantee)} CASCADE`,
  });
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

function isReaderDefault(wanted: DesiredDatabase, one: DefaultPrivilege): boolean {
  return (
    one.owner === wanted.owner &&
    one.schema === "" &&
    one.grantee !== null &&
    one.grantee === wanted.reader &&
    READER_DEFAULTS.some(([objects, privilege]) => objects === one.objects && privilege === one.privilege)
  );
}

function strayDefaults(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  return found.defaultPrivileges.flatMap((one) => {
    const optionOnly = isReaderDefault(wanted, one);
    if (optionOnly && !one.grantable) return [];
    const its = one.owner === wanted.owner;
    const schema = one.schema === "" ? "" : ` IN SCHEMA ${one.schema}`;
    const objects = OBJECT_WORDS[one.objects] ?? one.objects;
    const drift = {
      aspect: `default-privilege:${objects}${schema}:${granteeName(one.grantee)}:${one.privilege}${its ? "" : `:by:${one.owner}`}`,
      expected: optionOnly ? "without grant option" : "not granted",
      actual: `granted for what ${one.owner} makes${one.grantable ? ", with grant option" : ""}`,
      sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(one.owner)}${schema} REVOKE ${optionOnly ? "GRANT OPTION FOR " : ""}${one.privilege} ON ${objects} FROM ${granteeSql(one.grantee)}`,
    };
    if (its) return [asOwner(wanted, observed, one, drift)];
    const fix = { phase: "inside" as const, as: "admin" as const, sql: drift.sql, lend: [one.owner] };
    return [
      repairIf(
        one.borrowable,
        drift.aspect,
        drift.expected,
        drift.actual,
        fix,
        `"${observed.facts.user}" may not act for "${one.owner}"`,
      ),
    ];
  });
}

function missingDefaults(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  const { reader, owner } = wanted;
  if (reader === undefined) return [];
  const there = found.defaultPrivileges.filter((one) => isReaderDefault(wanted, one)).map((one) => one.objects);
  return READER_DEFAULTS.filter(([objects]) => !there.includes(objects)).map(([objects, privilege]) => {
    const word = OBJECT_WORDS[objects] ?? "";
    return asOwner(
      wanted,
      observed,
      { owner, borrowable: true },
      {
        aspect: `default-privilege:${word}:${reader}:${privilege}`,
        expected: "granted",
        actual: "not granted",
        sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(owner)} GRANT ${privilege} ON ${word} TO ${ident(reader)}`,
      },
    );
  });
}

function unreadable(wanted: DesiredDatabase, found: ObservedInside, observed: ObservedCluster): Drift[] {
  const { reader } = wanted;
  if (reader === undefined) return [];
  const schemas = Map.groupBy(found.unreadable, (one) => JSON.stringify([one.schema, belongs(wanted, observed, one)]));
  return [...schemas.values()].map((parts) => {
    const { schema, owner, borrowable } = parts[0] as Unreadable;
    const usage = parts.some((one) => one.usage);
    const tables = parts.flatMap((one) => one.tables);
    const sequences = parts.flatMap((one) => one.sequences);
    const count = tables.length + sequences.length;
    const lacks = [
      ...(usage ? ["schema not usable"] : []),
      ...(count === 0 ? [] : [`${count} tables or sequences not readable`]),
    ];
    const to = ident(reader);
    return asOwner(
      wanted,
      observed,
      { owner, borrowable },
      {
        aspect: `readable:${schema}`,
        expected: `all of it by ${reader}`,
        actual: lacks.join(", "),
        sql: [
          ...(usage ? [`GRANT USAGE ON SCHEMA ${schema} TO ${to}`] : []),
          ...(tables.length === 0 ? [] : [`GRANT SELECT ON TABLE ${tables.join(", ")} TO ${to}`]),
          ...(sequences.length === 0 ? [] : [`GRANT SELECT ON SEQUENCE ${sequences.join(", ")} TO ${to}`]),
        ].join("; "),
      },
    );
  });
}
