import type { Credential } from "../../model/credential.ts";
import type { ServerAddress } from "../../model/environment.ts";
import type { Secret } from "../../model/secret.ts";
import { Secret as Hidden } from "../../model/secret.ts";
import type { DesiredAccess, DesiredDatabase } from "./desired.ts";

/** What an instance is handed for one claim or access; keys as servicebinding.io names them for PostgreSQL. */
export interface DatabaseBinding {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly username: string;
  readonly password: Secret;
  readonly uri: Secret;
  readonly sslmode: string;
}

/** The binding of a claim or access on the server at `address`. */
export function databaseBinding(
  wanted: DesiredDatabase | DesiredAccess,
  address: ServerAddress,
  credential: Credential,
): DatabaseBinding {
  const database = wanted.kind === "database" ? wanted.database : wanted.target.database;
  const { host, port, sslmode } = address;
  const part = encodeURIComponent;
  const authority = `${part(wanted.login)}:${part(credential.password.reveal())}@${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    host,
    port: String(port),
    database,
    username: wanted.login,
    password: credential.password,
    uri: new Hidden(`postgresql://${authority}/${part(database)}${sslmode === "disable" ? "" : `?sslmode=${sslmode}`}`),
    sslmode,
  };
}
