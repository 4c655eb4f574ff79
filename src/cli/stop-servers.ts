import { type Service, SERVICES } from "../model/service.ts";
import { serverId } from "./session.ts";

/** An embedded server that a state directory holds. */
export interface EmbeddedServer {
  readonly id: string;
  readonly service: Service;
  readonly scope: string;
}

/** All embedded servers that a state directory holds, running or not. @throws ServiceError `EMBEDDED_RECORD_DAMAGED` */
export async function embeddedServers(stateDir: string): Promise<EmbeddedServer[]> {
  const { embeddedScopes } = await import("../targets/embedded/postgresql.ts");
  const { engineScopes } = await import("../targets/embedded/engine-record.ts");
  const found = SERVICES.filter((service) => service !== "kubernetes").map(async (service) => {
    const scopes = await (service === "postgresql" ? embeddedScopes(stateDir) : engineScopes(stateDir, service));
    return scopes.map((scope) => ({ id: serverId(service, scope), service, scope }));
  });
  return (await Promise.all(found)).flat();
}

/**
 * Stops embedded servers; data and credentials stay. Those that use PostgreSQL themselves end before it, all others at the same time.
 *
 * @returns ids of those that ran
 */
export async function stopServers(stateDir: string, servers: readonly EmbeddedServer[]): Promise<string[]> {
  const { stopPostgresql } = await import("../targets/embedded/postgresql.ts");
  const { stopEngine } = await import("../targets/embedded/engine.ts");
  const stop = async ({ service, scope, id }: EmbeddedServer): Promise<string[]> => {
    const stopped =
      service === "postgresql"
        ? stopPostgresql({ stateDir, scope })
        : service !== "kubernetes" && stopEngine({ service, title: id }, { stateDir, scope });
    return (await stopped) ? [id] : [];
  };
  const last = (one: EmbeddedServer) => one.service === "postgresql";
  const others = await Promise.all(servers.filter((one) => !last(one)).map(stop));
  const databases = await Promise.all(servers.filter(last).map(stop));
  return [...databases, ...others].flat();
}
