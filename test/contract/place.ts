import type { Place } from "../../src/engine/place.ts";
import type { OtherService } from "../../src/model/claim.ts";
import type { Endpoints } from "../../src/model/endpoint.ts";
import type { Claim } from "../../src/model/environment.ts";
import type { Emit } from "../../src/model/event.ts";
import type { Placement } from "../../src/providers/contract.ts";
import { fileCredentialStore } from "../../src/targets/credential-store.ts";
import type { Subject } from "./subject.ts";

/** A server as the engine works on it, with the credential store in `folder`. */
export function placeOf<S extends OtherService>(
  subject: Subject<S>,
  endpoint: Endpoints[S],
  placement: Placement<S>,
  folder: string,
  emit: Emit,
  signal: AbortSignal,
): Place {
  const { service, provider } = subject;
  const claims = [...placement.claims, ...placement.accesses] as unknown as readonly Claim[];
  const context = { credentials: fileCredentialStore(folder), concurrency: 4, emit, signal, server: service };
  return {
    id: service,
    service,
    wanted: claims.map((claim) => ({ claim, name: claim.claim })),
    after: [],
    open: () => provider.open(endpoint, placement, context),
  };
}
