import type { ServerAddress } from "../../src/model/environment.ts";
import { run } from "../command.ts";
import type { PeerClaim } from "./claims.ts";
import { psqlEnv } from "./psql.ts";

/**
 * What upstream's postgres-init does for a database: a script with one psql for each statement. It looks for the database in
 * the list of all (there by `psql -l`, which fails where the server is newer than psql), makes it, makes the role or sets its
 * password again, and grants.
 */
export async function psqlStatement(server: ServerAddress, claims: readonly PeerClaim[]): Promise<number> {
  const script = ["set -e", ...claims.map(scriptOf)].join("\n");
  return (await run("sh", ["-s"], { env: psqlEnv(server), stdin: script })).ms;
}

function scriptOf({ database, login, password }: PeerClaim): string {
  const sql = (statement: string, where = "postgres") =>
    `psql -X -q -v ON_ERROR_STOP=1 -d ${where} -c "${statement}" >/dev/null 2>&1`;
  return `psql -X -d postgres -tAc 'SELECT datname FROM pg_database' | grep -qw ${database} || ${sql(`CREATE DATABASE ${database}`)}
if [ "$(psql -X -d postgres -tAc "SELECT 1 FROM pg_roles WHERE rolname = '${login}'")" = 1 ]; then
  ${sql(`ALTER USER ${login} WITH PASSWORD '${password}'`)}
else
  ${sql(`CREATE USER ${login} WITH PASSWORD '${password}'`)}
fi
${sql(`ALTER USER ${login} CREATEDB CREATEROLE REPLICATION`)}
${sql(`GRANT ALL PRIVILEGES ON DATABASE ${database} TO ${login}`)}
${sql(`GRANT ALL ON SCHEMA public TO ${login}`, database)}
${sql(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${login}`, database)}
${sql(`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO ${login}`, database)}`;
}
