import type { Claim, ClaimRef } from "../model/environment.ts";
import type { ServiceAccess, SharedService } from "../model/claim.ts";
import { CLAIM_KINDS } from "../model/claim.ts";
import type { AccessDescriptor, ClaimDescriptor } from "../modules/claim-schema.ts";
import { wordsOf } from "../modules/binding-fields.ts";
import type { ModuleDescriptor } from "../modules/schema.ts";
import { didYouMean, listed, quoted } from "../modules/wording.ts";
import { databaseSpec, reportMisplaced, specOf } from "./claim-specs.ts";
import type { Draft, Entry } from "./draft.ts";
import { idOf, own } from "./draft.ts";

/** Connections of a reporting user that `accesses` says nothing about. */
const READER_CONNECTIONS = 10;

/** The descriptor's claims that an entry really has: without options it does not take and services found elsewhere. */
export function claimsOf(draft: Draft, entry: Entry): Readonly<Record<string, ClaimDescriptor>> {
  return chosen(draft, entry, entry.module?.descriptor.claims ?? {});
}

/** The descriptor's accesses that an entry really has, as {@link claimsOf}. */
export function accessesOf(draft: Draft, entry: Entry): Readonly<Record<string, AccessDescriptor>> {
  return chosen(draft, entry, entry.module?.descriptor.accesses ?? {});
}

function chosen<T extends ClaimDescriptor | AccessDescriptor>(
  draft: Draft,
  entry: Entry,
  all: Readonly<Record<string, T>>,
): Record<string, T> {
  const kept = Object.entries(all).filter(
    ([, { service, with: option }]) =>
      !draft.elsewhere.has(service) && (option === undefined || entry.data.with.includes(option)),
  );
  return Object.fromEntries(kept);
}

/**
 * All that an entry asks of the services: the descriptor's claims with the entry's changes, the accesses whose use is
 * resolved, and the readers. Reports unknown claims, accesses and options, and readers whose name is taken.
 */
export function resolveClaims(draft: Draft, entry: Entry, uses: ReadonlyMap<string, Entry>): Claim[] {
  const descriptor = entry.module?.descriptor;
  if (descriptor === undefined) return [];
  const readers = readersOf(draft, entry, descriptor);
  reportUnknown(draft, entry, "claims", "claim", Object.keys(descriptor.claims));
  reportUnknown(draft, entry, "accesses", "access", [
    ...Object.keys(descriptor.accesses),
    ...readers.map(({ name }) => name),
  ]);
  reportOptions(draft, entry, descriptor);
  const home = { sandbox: entry.sandbox, instance: entry.instance };
  return [
    ...Object.entries(claimsOf(draft, entry)).map(([name, claim]) => claimOf(draft, entry, name, claim)),
    ...Object.entries(accessesOf(draft, entry)).flatMap(([name, access]) => {
      const owner = access.uses === undefined ? entry : uses.get(access.uses);
      return owner === undefined ? [] : accessOf(draft, entry, name, access, owner);
    }),
    ...readers.map(({ name, claim, index }) =>
      databaseAccess(draft, entry, name, { ...home, claim }, READER_CONNECTIONS, ["claims", claim, "readers", index]),
    ),
  ];
}

function claimOf(draft: Draft, entry: Entry, name: string, claim: ClaimDescriptor): Claim {
  const override = own(entry.data.claims, name);
  const { sandbox, instance } = entry;
  const common = {
    sandbox,
    instance,
    claim: name,
    accept: override?.accept ?? [],
    position: positionOf(draft, entry, ["claims", name]),
  };
  if (override !== undefined) reportMisplaced(draft, [...entry.path, "claims", name], claim, override);
  if (claim.service === "postgresql")
    return { kind: "database", service: "postgresql", spec: databaseSpec(claim, override), ...common };
  // The three words of a claim belong together for every service, which the compiler cannot see of a computed one.
  return {
    kind: CLAIM_KINDS[claim.service],
    service: claim.service,
    spec: specOf(draft, entry, name, claim, override),
    ...common,
  } as Claim;
}

function accessOf(draft: Draft, entry: Entry, name: string, access: AccessDescriptor, owner: Entry): Claim[] {
  const target = { sandbox: owner.sandbox, instance: owner.instance, claim: access.claim };
  const path = access.uses === undefined ? ["accesses", name] : ["uses", access.uses];
  const wanted = own(claimsOf(draft, owner), access.claim);
  const offered = own(owner.module?.descriptor.claims ?? {}, access.claim);
  if (wanted === undefined && offered?.with !== undefined) {
    const who = `${quoted(idOf(entry))} uses ${quoted(`${idOf(owner)}/${access.claim}`)}`;
    const message = `${who}, which is there only with \`with: [${offered.with}]\` in the entry of ${quoted(idOf(owner))}`;
    draft.report([...entry.path, ...path], message);
    return [];
  }
  if (wanted !== undefined && wanted.service !== access.service) return [];
  if (access.service === "postgresql")
    return [databaseAccess(draft, entry, name, target, access.connectionLimit, path)];
  if (wanted === undefined) return [];
  const limit = [...entry.path, "accesses", name, "connectionLimit"];
  if (draft.source.has(limit))
    draft.reportKey(
      limit,
      `\`connectionLimit\` does not fit an access on ${access.service}; what can be changed: \`accept\``,
    );
  const words = wordsOf(wanted);
  for (const word of access.only) {
    if (words.includes(word)) continue;
    const help = didYouMean(word, words) || `; it has ${listed(words)}`;
    draft.report(
      [...entry.path, ...path],
      `access ${quoted(name)} names ${quoted(word)}, which ${quoted(`${idOf(owner)}/${access.claim}`)} does not have${help}`,
    );
  }
  const made: ServiceAccess<SharedService> = {
    kind: "access",
    service: access.service,
    sandbox: entry.sandbox,
    instance: entry.instance,
    claim: name,
    target,
    words: access.only.filter((word) => words.includes(word)),
    mode: access.mode,
    accept: own(entry.data.accesses, name)?.accept ?? [],
    position: positionOf(draft, entry, path),
  };
  return [made];
}

function databaseAccess(
  draft: Draft,
  entry: Entry,
  name: string,
  target: ClaimRef,
  limit: number,
  path: readonly (string | number)[],
): Claim {
  const override = own(entry.data.accesses, name);
  return {
    kind: "access",
    service: "postgresql",
    sandbox: entry.sandbox,
    instance: entry.instance,
    claim: name,
    target,
    mode: "read",
    connectionLimit: override?.connectionLimit ?? limit,
    accept: override?.accept ?? [],
    position: positionOf(draft, entry, path),
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

function reportOptions(draft: Draft, entry: Entry, descriptor: ModuleDescriptor): void {
  const parts = [...Object.values(descriptor.claims), ...Object.values(descriptor.accesses)];
  const known = [...new Set(parts.flatMap(({ with: option }) => option ?? []))];
  entry.data.with.forEach((option, index) => {
    if (known.includes(option)) return;
    const name = quoted(descriptor.module);
    const help =
      known.length === 0 ? `; module ${name} has none` : didYouMean(option, known) || `; options: ${listed(known)}`;
    draft.report([...entry.path, "with", index], `unknown option ${quoted(option)}${help}`);
  });
}

function positionOf(draft: Draft, entry: Entry, path: readonly (string | number)[]) {
  const full = [...entry.path, ...path];
  return draft.source.has(full) ? draft.source.atKey(full) : entry.position;
}
