import type { Claim, ClaimRef, DatabaseAccess, DatabaseClaim, DatabaseSpec } from "../model/environment.ts";
import type { ModuleDescriptor } from "../modules/schema.ts";
import { storedSettings } from "../modules/session-settings.ts";
import { didYouMean, listed, quoted } from "../modules/wording.ts";
import type { Draft, Entry } from "./draft.ts";
import { own } from "./draft.ts";
import type { ClaimOverride } from "./environment-schema.ts";

/** Connections of a reporting user that `accesses` says nothing about. */
const READER_CONNECTIONS = 10;

/**
 * All that an entry asks of PostgreSQL: the descriptor's claims with the entry's changes, the accesses whose use is
 * resolved, and the readers. Reports unknown claims and accesses and readers whose name is taken.
 */
export function resolveClaims(draft: Draft, entry: Entry, uses: ReadonlyMap<string, Entry>): Claim[] {
  const descriptor = entry.module?.descriptor;
  if (descriptor === undefined) return [];
  const readers = readersOf(draft, entry, descriptor);
  const claimNames = Object.keys(descriptor.claims);
  const accessNames = [...Object.keys(descriptor.accesses), ...readers.map(({ name }) => name)];
  reportUnknown(draft, entry, "claims", "claim", claimNames);
  reportUnknown(draft, entry, "accesses", "access", accessNames);
  const home = { sandbox: entry.sandbox, instance: entry.instance };
  const access = (
    name: string,
    target: ClaimRef,
    limit: number,
    path: readonly (string | number)[],
  ): DatabaseAccess => {
    const override = own(entry.data.accesses, name);
    return {
      kind: "access",
      service: "postgresql",
      ...home,
      claim: name,
      target,
      mode: "read",
      connectionLimit: override?.connectionLimit ?? limit,
      accept: override?.accept ?? [],
      position: positionOf(draft, entry, path),
    };
  };
  return [
    ...claimNames.map((name): DatabaseClaim => {
      const override = own(entry.data.claims, name);
      return {
        kind: "database",
        service: "postgresql",
        ...home,
        claim: name,
        spec: specOf(descriptor.claims[name] as ModuleDescriptor["claims"][string], override),
        accept: override?.accept ?? [],
        position: positionOf(draft, entry, ["claims", name]),
      };
    }),
    ...Object.entries(descriptor.accesses).flatMap(([name, { uses: role, claim, connectionLimit }]) => {
      const owner = uses.get(role);
      if (owner === undefined) return [];
      const target = { sandbox: owner.sandbox, instance: owner.instance, claim };
      return [access(name, target, connectionLimit, ["uses", role])];
    }),
    ...readers.map(({ name, claim, index }) =>
      access(name, { ...home, claim }, READER_CONNECTIONS, ["claims", claim, "readers", index]),
    ),
  ];
}

function specOf(claim: ModuleDescriptor["claims"][string], override: ClaimOverride | undefined): DatabaseSpec {
  return {
    extensions: [...new Set([...claim.extensions, ...(override?.extensions ?? [])])],
    connectionLimit: override?.connectionLimit ?? claim.connectionLimit,
    settings: storedSettings({ ...claim.settings, ...override?.settings }),
    ownerVisible: claim.ownerVisible,
    connectsToPostgres: claim.connectsToPostgres,
    fixedName: {
      ...(override?.name === undefined ? {} : { database: override.name }),
      ...(override?.login === undefined ? {} : { login: override.login }),
    },
  };
}

interface Reader {
  readonly name: string;
  readonly claim: string;
  readonly index: number;
}

function readersOf(draft: Draft, entry: Entry, descriptor: ModuleDescriptor): Reader[] {
  const taken = new Map<string, string>();
  for (const name of Object.keys(descriptor.claims)) taken.set(name, "a claim");
  for (const name of Object.keys(descriptor.accesses)) taken.set(name, "an access");
  return Object.entries(entry.data.claims).flatMap(([claim, { readers }]) =>
    readers.flatMap((name, index) => {
      const holder = taken.get(name);
      if (holder !== undefined) {
        const message = `reader ${quoted(name)} has the name of ${holder} of this instance; choose another one`;
        draft.report([...entry.path, "claims", claim, "readers", index], message);
        return [];
      }
      taken.set(name, "another reader");
      return [{ name, claim, index }];
    }),
  );
}

function reportUnknown(
  draft: Draft,
  entry: Entry,
  key: "claims" | "accesses",
  what: string,
  known: readonly string[],
): void {
  for (const name of Object.keys(entry.data[key])) {
    if (known.includes(name)) continue;
    const help = didYouMean(name, known) || `; ${key}: ${listed(known)}`;
    draft.reportKey([...entry.path, key, name], `unknown ${what} ${quoted(name)}${help}`);
  }
}

function positionOf(draft: Draft, entry: Entry, path: readonly (string | number)[]) {
  const full = [...entry.path, ...path];
  return draft.source.has(full) ? draft.source.atKey(full) : entry.position;
}
