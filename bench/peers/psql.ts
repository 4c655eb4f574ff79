import type { ServerAddress } from "../../src/model/environment.ts";

/** Variables with which psql and libpq reach a server. */
export function psqlEnv(server: ServerAddress): Record<string, string> {
  return {
    PGHOST: server.host,
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSWORD: server.password.reveal(),
  };
}
