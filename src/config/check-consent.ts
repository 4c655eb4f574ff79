import { basename } from "node:path";
import { didYouMean, listed, quoted } from "../modules/wording.ts";
import type { Draft, Entry } from "./draft.ts";
import { idOf, own } from "./draft.ts";
import { findInstance } from "./resolve-uses.ts";

/** Reports what is wrong in an entry's `shares`: claims and instances that are not there. */
export function checkShares(draft: Draft, entry: Entry): void {
  const claims = entry.module === undefined ? undefined : Object.keys(entry.module.descriptor.claims);
  for (const [claim, readers] of Object.entries(entry.data.shares)) {
    const path = [...entry.path, "shares", claim];
    if (claims !== undefined && !claims.includes(claim)) {
      const help = didYouMean(claim, claims) || `; claims: ${listed(claims)}`;
      draft.reportKey(path, `unknown claim ${quoted(claim)}${help}`);
    }
    readers.forEach((reader, index) => {
      const found = findInstance(draft, entry.sandbox, reader);
      if (typeof found === "string") draft.report([...path, index], found);
    });
  }
}

/**
 * Reports an access that the owner has not consented to. Consent is given by the owner's descriptor, for modules of the
 * same sandbox, or by `shares` of the owner's entry, which names the reading instance.
 */
export function checkConsent(draft: Draft, reader: Entry, role: string, owner: Entry, claim: string): void {
  const module = reader.module?.descriptor.module;
  const consents = own(owner.module?.descriptor.consents ?? {}, claim) ?? [];
  const together = reader.sandbox === owner.sandbox;
  if (together && module !== undefined && consents.includes(module)) return;
  const shared = own(owner.data.shares, claim) ?? [];
  if (shared.some((reference) => findInstance(draft, owner.sandbox, reference) === reader)) return;
  const mayHaveShares = owner.damaged && draft.source.has([...owner.path, "shares"]);
  if (mayHaveShares) return;

  const wanted = together ? reader.instance : idOf(reader);
  const sharesPath = [...owner.path, "shares", claim];
  const has = draft.source.has(sharesPath);
  const { line } = has ? draft.source.atKey(sharesPath) : owner.position;
  const todo = has ? `add ${quoted(wanted)} to \`shares.${claim}\`` : `add \`shares: {${claim}: [${wanted}]}\``;
  const where = `instance ${quoted(idOf(owner))}, ${basename(draft.source.file)} line ${line}`;
  const named = draft.source.has([...reader.path, "uses", role]);
  draft.report(
    named ? [...reader.path, "uses", role] : reader.path,
    `${quoted(idOf(reader))} would read ${quoted(`${idOf(owner)}/${claim}`)}, whose owner does not consent; ${todo} (${where})`,
  );
}
