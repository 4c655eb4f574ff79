/**
 * The parts of Keycloak's representations that are read or written here (Keycloak Admin REST API, version 26). Its own npm client
 * cannot be given a certificate authority or a time limit for each request, so requests are made by `../http.ts`.
 */
export interface ClientRepresentation {
  readonly id: string;
  readonly clientId: string;
  readonly enabled?: boolean;
  readonly protocol?: string;
  readonly publicClient?: boolean;
  readonly bearerOnly?: boolean;
  readonly clientAuthenticatorType?: string;
  readonly standardFlowEnabled?: boolean;
  readonly implicitFlowEnabled?: boolean;
  readonly directAccessGrantsEnabled?: boolean;
  readonly serviceAccountsEnabled?: boolean;
  readonly authorizationServicesEnabled?: boolean;
  readonly fullScopeAllowed?: boolean;
  readonly redirectUris?: readonly string[];
  readonly webOrigins?: readonly string[];
  readonly secret?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly protocolMappers?: readonly MapperRepresentation[];
  readonly defaultClientScopes?: readonly string[];
  readonly optionalClientScopes?: readonly string[];
}

/** A protocol mapper of a client. */
export interface MapperRepresentation {
  readonly id: string;
  readonly name: string;
  readonly protocolMapper?: string;
  readonly config?: Readonly<Record<string, string>>;
}

/** A protocol mapper to be made. */
export type NewMapper = Required<Pick<MapperRepresentation, "name" | "protocolMapper" | "config">> & {
  readonly protocol: string;
};

/** A realm or client role. */
export interface RoleRepresentation {
  readonly id: string;
  readonly name: string;
  readonly composite?: boolean;
  readonly composites?: {
    readonly realm?: readonly string[];
    readonly client?: Readonly<Record<string, readonly string[]>>;
  };
}

/** A user, here always a service account. */
export interface UserRepresentation {
  readonly id: string;
  readonly username: string;
  readonly enabled?: boolean;
  readonly serviceAccountClientId?: string;
  readonly realmRoles?: readonly string[];
  readonly clientRoles?: Readonly<Record<string, readonly string[]>>;
  readonly groups?: readonly string[];
}

/** A client scope. */
export interface ScopeRepresentation {
  readonly id: string;
  readonly name: string;
  readonly protocol?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Roles that a client's or client scope's tokens may hold beside its own. */
export interface ScopeMappingRepresentation {
  readonly client?: string;
  readonly clientScope?: string;
  readonly roles?: readonly string[];
}

/** A realm as `partial-export` gives it, with its clients, roles and service accounts. */
export interface RealmRepresentation {
  readonly id?: string;
  readonly realm: string;
  readonly enabled?: boolean;
  readonly registrationAllowed?: boolean;
  readonly sslRequired?: string;
  readonly bruteForceProtected?: boolean;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly defaultRole?: { readonly name?: string };
  readonly defaultDefaultClientScopes?: readonly string[];
  readonly defaultOptionalClientScopes?: readonly string[];
  readonly clientScopes?: readonly ScopeRepresentation[];
  readonly roles?: {
    readonly realm?: readonly RoleRepresentation[];
    readonly client?: Readonly<Record<string, readonly RoleRepresentation[]>>;
  };
  readonly users?: readonly UserRepresentation[];
  readonly scopeMappings?: readonly ScopeMappingRepresentation[];
  readonly clientScopeMappings?: Readonly<Record<string, readonly ScopeMappingRepresentation[]>>;
}
