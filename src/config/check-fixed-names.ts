import type { DatabaseClaim, Instance, PostgresqlService } from "../model/environment.ts";
import { quoted } from "../modules/wording.ts";
import type { Draft } from "./draft.ts";
import { own } from "./draft.ts";
import { scopeOf } from "./placement.ts";

const KINDS = [
  { key: "name", field: "database", what: "database" },
  { key: "login", field: "login", what: "login" },
] as const;

/** Reports two claims that want the same fixed database or login name on one server. */
export function checkFixedNames(draft: Draft, service: PostgresqlService, instances: readonly Instance[]): void {
  const claims = instances.flatMap((instance) => instance.claims.filter((claim) => claim.kind === "database"));
  for (const { key, field, what } of KINDS) {
    const holders = new Map<string, DatabaseClaim>();
    for (const claim of claims) {
      const name = claim.spec.fixedName[field];
      if (name === undefined) continue;
      const id = JSON.stringify([serverOf(service, claim), name]);
      const first = holders.get(id);
      if (first === undefined) {
        holders.set(id, claim);
        continue;
      }
      const holder = quoted(`${first.sandbox}/${first.instance}/${first.claim}`);
      const { line, column } = positionOf(draft, first, key);
      draft.problems.push({
        position: positionOf(draft, claim, key),
        message: `${what} name ${quoted(name)} is taken on the same server by ${holder} (line ${line}, column ${column})`,
      });
    }
  }
}

/** What tells servers apart: the address where it is known, else the scope. */
function serverOf(service: PostgresqlService, claim: DatabaseClaim): string {
  const scope = scopeOf(service.sharing, claim);
  if (service.mode === "embedded") return scope;
  const server = own(service.servers, scope);
  return server === undefined ? scope : `${server.host.toLowerCase()}:${server.port}`;
}

function positionOf(draft: Draft, claim: DatabaseClaim, key: "name" | "login") {
  const path = draft.find(`${claim.sandbox}/${claim.instance}`)?.path ?? [];
  return draft.source.at([...path, "claims", claim.claim, key]);
}
