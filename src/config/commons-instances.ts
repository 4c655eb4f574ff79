import type { DatabaseClaim, Instance, OtherServiceConfig } from "../model/environment.ts";
import { KEYMANAGER_ADMIN, type ServiceClaim } from "../model/claim.ts";
import type { Position } from "../model/error.ts";
import type { Sharing } from "../model/service.ts";
import { quoted } from "../modules/wording.ts";
import type { Draft } from "./draft.ts";
import { scopeOf } from "./placement.ts";

/** Sandbox of the commons' own services, where the whole environment shares them. */
export const COMMONS = "commons";

/** Services that keep their data in PostgreSQL and therefore claim databases as modules do, with their pools' connections. */
const NEED_DATABASES = { keycloak: 20, keymanager: 20 } as const;

/** A service of the commons that claims a database. */
export type DatabaseService = keyof typeof NEED_DATABASES;

/**
 * The claims of one embedded server of a service that keeps its data in PostgreSQL, by the scope that shares the server: those of
 * an instance called after the service in sandbox `commons`, or in the sandbox that shares it; or, where every instance has
 * its own, claims of that instance, so that they go with it.
 */
export function commonsClaim(
  service: DatabaseService,
  scope: string,
): { sandbox: string; instance: string; claim: string } {
  const [sandbox = COMMONS, instance] = scope === "" ? [] : scope.split("/");
  if (instance === undefined) return { sandbox, instance: service, claim: "main" };
  return { sandbox, instance, claim: service };
}

/** The OIDC client by which Keymanager is administered, beside {@link commonsClaim}. */
export function adminClient(scope: string): { sandbox: string; instance: string; claim: string } {
  const database = commonsClaim("keymanager", scope);
  return { ...database, claim: database.claim === "main" ? "admin" : `${database.claim}-admin` };
}

/**
 * Adds what the commons' own embedded services claim. Reports names that are taken, and PostgreSQL where it is missing.
 *
 * @returns all instances, those of the commons first
 */
export function withCommons(
  draft: Draft,
  instances: readonly Instance[],
  services: { readonly [S in DatabaseService]?: OtherServiceConfig },
  postgresql: boolean,
): Instance[] {
  const added = new Map<string, Instance>();
  const result = [...instances];
  for (const service of ["keycloak", "keymanager"] as const) {
    const config = services[service];
    if (config?.mode !== "embedded") continue;
    const position = draft.source.atKey(["commons", service]);
    if (!postgresql && !draft.source.has(["commons", "postgresql"])) {
      const message = `an embedded ${service} keeps its data in PostgreSQL: add \`postgresql\` to \`commons\``;
      draft.reportKey(["commons", service], message);
    }
    // Keymanager's own client is one of Keycloak's, also where no module has any.
    const clients = service === "keycloak" ? administered(instances, services.keymanager) : [];
    for (const scope of new Set([
      ...scopesOf(config.sharing, instances, service),
      ...clients.map((client) => scopeOf(config.sharing, client)),
    ])) {
      const claims = claimsOf(service, scope, position, services.keycloak !== undefined);
      const { sandbox, instance } = commonsClaim(service, scope);
      const at = result.findIndex((one) => one.sandbox === sandbox && one.instance === instance);
      const holder = result[at];
      if (config.sharing === "instance" && holder !== undefined) {
        result[at] = { ...holder, claims: [...holder.claims, ...claims] };
      } else if (holder !== undefined) {
        const message = `instance ${quoted(`${sandbox}/${instance}`)} has the name of the commons' own ${service}; choose another one`;
        draft.problems.push({ position: holder.position, message });
      } else {
        added.set(`${sandbox}/${instance}`, {
          sandbox,
          instance,
          module: service,
          uses: {},
          claims,
          variables: [],
          position,
        });
      }
    }
  }
  return [...added.values(), ...result];
}

/** The clients of the embedded Keymanagers that there will be. */
function administered(instances: readonly Instance[], keymanager: OtherServiceConfig | undefined) {
  if (keymanager?.mode !== "embedded") return [];
  return scopesOf(keymanager.sharing, instances, "keymanager").map(adminClient);
}

function scopesOf(sharing: Sharing, instances: readonly Instance[], service: DatabaseService): string[] {
  const claiming = instances.filter((one) => one.claims.some((claim) => claim.service === service));
  return [...new Set(claiming.map((one) => scopeOf(sharing, one)))];
}

function claimsOf(service: DatabaseService, scope: string, position: Position, keycloak: boolean) {
  const database: DatabaseClaim = {
    ...commonsClaim(service, scope),
    kind: "database",
    service: "postgresql",
    spec: {
      extensions: [],
      connectionLimit: NEED_DATABASES[service],
      settings: {},
      ownerVisible: false,
      connectsToPostgres: false,
      fixedName: {},
    },
    accept: [],
    position,
  };
  if (service !== "keymanager" || !keycloak) return [database];
  const admin: ServiceClaim<"keycloak"> = {
    ...adminClient(scope),
    kind: "client",
    service: "keycloak",
    spec: {
      public: false,
      redirectUris: [],
      webOrigins: [],
      serviceAccount: true,
      roles: [],
      scopes: [],
      tokens: KEYMANAGER_ADMIN,
    },
    accept: [],
    position,
  };
  return [database, admin];
}
