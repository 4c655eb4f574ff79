import type { AnyServiceClaim, OtherService, ServiceAccess } from "./claim.ts";
import type { Position } from "./error.ts";
import type { Secret } from "./secret.ts";
import type { Service, Sharing } from "./service.ts";

/** An instance's coordinates inside an environment. */
export interface InstanceRef {
  readonly sandbox: string;
  readonly instance: string;
}

/** A claim's or access's coordinates: instance plus the name of the claim or access (their names share one space). */
export interface ClaimRef extends InstanceRef {
  readonly claim: string;
}

/** What a module asks of PostgreSQL when it claims a database. */
export interface DatabaseSpec {
  /** Extensions that must be there, by their PostgreSQL names. */
  readonly extensions: readonly string[];
  /** Connection limit of each login (`ALTER ROLE … CONNECTION LIMIT`); the only limit that holds against the module itself. */
  readonly connectionLimit: number;
  /** Defaults for the login's sessions in this database, e.g. `statement_timeout: 30s`. */
  readonly settings: Readonly<Record<string, string>>;
  /** Owner role is LOGIN without password and connection limit 0, as Odoo needs to list its database. */
  readonly ownerVisible: boolean;
  /** The login may connect to the maintenance database `postgres`; verify prints it as an accepted exception. */
  readonly connectsToPostgres: boolean;
  /** Fixed names instead of generated ones, for adopted legacy databases. */
  readonly fixedName: { readonly database?: string; readonly login?: string };
}

/** A module instance's claim on a database. */
export interface DatabaseClaim extends ClaimRef {
  readonly kind: "database";
  readonly service: "postgresql";
  readonly spec: DatabaseSpec;
  /** Drift findings that are accepted, as printed by plan (`aspect`), `*` matches any run of characters. */
  readonly accept: readonly string[];
  readonly position: Position;
}

/** An instance's access to another instance's (or, for a reporting user, its own) database: a reader login on the owner's server. */
export interface DatabaseAccess extends ClaimRef {
  readonly kind: "access";
  readonly service: "postgresql";
  /** The claim whose database is read. */
  readonly target: ClaimRef;
  readonly mode: "read";
  readonly connectionLimit: number;
  readonly accept: readonly string[];
  readonly position: Position;
}

/** Anything an instance asks of PostgreSQL. */
export type PostgresqlClaim = DatabaseClaim | DatabaseAccess;

/** Anything an instance asks of a service. */
export type Claim = PostgresqlClaim | AnyServiceClaim | ServiceAccess;

/** Is it asked of PostgreSQL? */
export function isPostgresql(claim: Claim): claim is PostgresqlClaim {
  return claim.service === "postgresql";
}

/** One environment variable of an instance: a template whose `${binding.field}` parts are replaced by binding fields. */
export interface Variable {
  readonly name: string;
  /** E.g. `${main.host}` or `postgresql://${main.username}@…`. */
  readonly template: string;
  /** Component (image) that reads it, e.g. `partner-api`; empty when set in the environment file. */
  readonly component: string;
}

/** One installation of a module in a sandbox, with everything resolved. */
export interface Instance extends InstanceRef {
  readonly module: string;
  /** `uses:` resolved: role word of the module descriptor -> instance used. */
  readonly uses: Readonly<Record<string, InstanceRef>>;
  readonly claims: readonly Claim[];
  readonly variables: readonly Variable[];
  readonly position: Position;
}

/** Where a secret comes from; never the clear text in a file. */
export type SecretSource =
  | { readonly env: string }
  | { readonly file: string }
  /** A key of a Kubernetes Secret; without `namespace` the one of the current context. */
  | { readonly secret: { readonly namespace?: string; readonly name: string; readonly key: string } };

/** Certificates of the authority that signed a server's, where it is not one that the system knows. */
export interface Authority {
  /** Absolute path. */
  readonly caFile?: string;
  readonly caFrom?: SecretSource;
}

/** Address and admin of an external server. */
export interface ExternalServer extends Authority {
  readonly host: string;
  readonly port: number;
  readonly admin: {
    readonly user: string;
    readonly passwordFrom: SecretSource;
    /** Database the admin connects to first; default `postgres`. */
    readonly database: string;
  };
  /** libpq's words; `verify-full` and `verify-ca` use the {@link Authority} or the system's roots. */
  readonly sslmode: "disable" | "require" | "verify-ca" | "verify-full";
}

/** How the environment file provides PostgreSQL. */
export type PostgresqlService = {
  readonly sharing: Sharing;
  /** Names' prefix on these servers; empty where the environment has its servers for itself. */
  readonly prefix: string;
  /** May PUBLIC's CONNECT on `postgres` and `template1` be revoked? True where the environment owns the server. */
  readonly closeMaintenance: boolean;
} & (
  | { readonly mode: "embedded"; readonly version: 15 | 16 | 17 | 18; readonly port?: number }
  | {
      readonly mode: "external";
      /** By scope: `""` for sharing environment, `dev` for a sandbox, `dev/registry` for an instance. */
      readonly servers: Readonly<Record<string, ExternalServer>>;
    }
);

/** Address and administrator of an external server of a service beside PostgreSQL. */
export interface ExternalEndpoint extends Authority {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly path: string;
  /** `user` is empty where the service knows only a token. */
  readonly admin?: { readonly user: string; readonly passwordFrom: SecretSource };
  /** What only some services need: s3 `server`, `region`, `adminUrl`; keycloak `realm`; keymanager `tokenUrl`. */
  readonly options: Readonly<Record<string, string>>;
  /** Keymanager's own database. */
  readonly database?: ExternalServer;
}

/** How the environment file provides a service beside PostgreSQL. */
export type OtherServiceConfig = {
  readonly sharing: Sharing;
  /** Names' prefix on these servers; empty where the environment has its servers for itself. */
  readonly prefix: string;
} & (
  | {
      readonly mode: "embedded";
      readonly port?: number;
      /** s3 only: which server. */
      readonly server?: "minio" | "garage";
    }
  | {
      readonly mode: "external";
      /** By scope: `""` for sharing environment, `dev` for a sandbox, `dev/registry` for an instance. */
      readonly servers: Readonly<Record<string, ExternalEndpoint>>;
    }
);

/** The environment file, loaded, checked and resolved. */
export interface Environment {
  readonly name: string;
  /** From `id:` in the file; otherwise the state directory holds one. */
  readonly id: string | undefined;
  /** Absolute path of the environment file. */
  readonly file: string;
  /** Absolute paths of all files it was read from: the environment file and the descriptors it names. */
  readonly files: readonly string[];
  readonly commons: { readonly postgresql?: PostgresqlService } & {
    readonly [S in OtherService]?: OtherServiceConfig;
  };
  readonly instances: readonly Instance[];
}

/** A server that claims are placed on: the service and the scope that shares it. */
export interface ServerRef {
  readonly service: Service;
  /** `""`, `dev` or `dev/registry`. */
  readonly scope: string;
}

/** Address of a running server with the credentials of its admin. */
export interface ServerAddress extends ServerRef {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  readonly database: string;
  readonly sslmode: ExternalServer["sslmode"];
  readonly caFile?: string;
}
