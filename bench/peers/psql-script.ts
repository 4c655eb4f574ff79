import type { ServerAddress } from "../../src/model/environment.ts";
import { run } from "../command.ts";
import type { PeerClaim } from "./claims.ts";
import { psqlEnv } from "./psql.ts";

/** The usual script that can be run again: one psql, which connects once into each database. */
export async function psqlScript(server: ServerAddress, claims: readonly PeerClaim[]): Promise<number> {
  const script = ["\\set ON_ERROR_STOP on", "SET client_min_messages = warning;", ...claims.map(scriptOf)].join("\n");
  return (await run("psql", ["-X", "-q", "-d", "postgres"], { env: psqlEnv(server), stdin: script })).ms;
}

function scriptOf({ database, owner, login, password }: PeerClaim): string {
  return `\\connect postgres
SELECT 'CREATE ROLE ${owner} NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${owner}') \\gexec
SELECT 'CREATE ROLE ${login} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${login}') \\gexec
ALTER ROLE ${login} PASSWORD '${password}' CONNECTION LIMIT 20;
GRANT ${owner} TO ${login};
SELECT 'CREATE DATABASE ${database} OWNER ${owner}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${database}') \\gexec
REVOKE ALL ON DATABASE ${database} FROM PUBLIC;
ALTER ROLE ${login} IN DATABASE ${database} SET role = '${owner}';
\\connect ${database}
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} REVOKE ALL ON TABLES FROM PUBLIC;`;
}
