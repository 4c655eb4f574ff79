import type { Place } from "../engine/place.ts";
import type { Emit } from "../model/event.ts";
import { mainName } from "../naming/main-name.ts";
import type { ServerSession } from "../providers/contract.ts";
import { providerOf } from "../providers/provider-of.ts";
import type { Servers } from "./servers.ts";
import type { Server, Session } from "./session.ts";

/** Connections used at once where `--concurrency` does not say: a login is mostly waiting, and refused ones end at once. */
export const DEFAULT_CONCURRENCY = 8;

/** How the work on places is done. */
export interface Work {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly concurrency?: number | undefined;
}

/** The engine's places: each server with a way to open a session. */
export function places(session: Session, servers: Servers, work: Work): Place[] {
  return [...session.servers.values()].map((server) => {
    const prefix = session.environment.commons[server.service]?.prefix ?? "";
    return {
      id: server.id,
      service: server.service,
      wanted: server.claims.map((claim) => ({ claim, name: mainName(prefix, claim) })),
      after: neededBy(session, server),
      open: () => openSession(session, servers, server, work),
    };
  });
}

/** Keycloak and Keymanager keep their data in PostgreSQL, and Keymanager's administrator is a client of Keycloak. */
function neededBy(session: Session, { service }: Server): readonly string[] {
  const ids = (wanted: string) =>
    [...session.servers.values()].filter((server) => server.service === wanted).map(({ id }) => id);
  const embedded = session.environment.commons[service]?.mode === "embedded";
  if (service === "keycloak") return embedded ? ids("postgresql") : [];
  if (service === "keymanager") return [...(embedded ? ids("postgresql") : []), ...ids("keycloak")];
  return [];
}

async function openSession(session: Session, servers: Servers, server: Server, work: Work): Promise<ServerSession> {
  const context = {
    credentials: session.state.credentials,
    concurrency: work.concurrency ?? DEFAULT_CONCURRENCY,
    emit: work.emit,
    signal: work.signal,
    server: server.id,
  };
  if (server.service === "postgresql") {
    const address = await servers.database(server.id);
    const { PostgresSession } = await import("../providers/postgresql/session.ts");
    return PostgresSession.open(address, server.desired, context);
  }
  const [endpoint, provider] = await Promise.all([servers.endpoint(server.id), providerOf(server.service)]);
  return provider.open(endpoint, server.placement, context);
}
