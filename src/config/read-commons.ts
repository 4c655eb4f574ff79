import type { Environment, Instance } from "../model/environment.ts";
import type { Problem } from "../model/error.ts";
import { SERVICES, SHARINGS } from "../model/service.ts";
import { schemaProblems } from "../modules/schema-problems.ts";
import { nearest, quoted } from "../modules/wording.ts";
import { checkFixedNames } from "./check-fixed-names.ts";
import type { Draft } from "./draft.ts";
import { commonsSchema } from "./environment-schema.ts";
import { parseLeniently } from "./parse-leniently.ts";
import { resolvePostgresql } from "./resolve-postgresql.ts";
import { resolveService, type ServiceInput } from "./resolve-service.ts";
import { OTHER_SERVICES } from "./service-schemas.ts";

/** What a claim on each service asks for, in words. */
const CLAIMS = {
  postgresql: "a database",
  kafka: "topics",
  s3: "buckets",
  opensearch: "indices",
  keymanager: "a key application",
  keycloak: "an OIDC client",
  redis: "keys",
} as const;

/** `commons` as far as it could be read. */
export interface ReadCommons {
  readonly services: Environment["commons"];
  /** True where parts were refused; what seems to be missing may be among them. */
  readonly damaged: boolean;
}

/** `commons` with all defaults; tells the draft which services are elsewhere and which prefixes names have. */
export function readCommons(draft: Draft): ReadCommons {
  const { commons, environment } = (draft.source.value ?? {}) as { commons?: unknown; environment?: unknown };
  const { data, damaged } = parseLeniently(commonsSchema, commons);
  if (data === undefined) return { services: {}, damaged: true };
  for (const [index, service] of data.elsewhere.entries()) {
    draft.elsewhere.add(service);
    if (data[service] === undefined) continue;
    const message = `${quoted(service)} is among the services of \`commons\`, too; take it out of one of both`;
    draft.report(["commons", "elsewhere", index], message);
  }
  const name = String(environment);
  const services: { -readonly [S in keyof Environment["commons"]]: Environment["commons"][S] } = {};
  if (data.postgresql !== undefined) services.postgresql = resolvePostgresql(draft, data.postgresql, name);
  for (const service of OTHER_SERVICES) {
    const config = data[service];
    if (config !== undefined) services[service] = resolveService(draft, service, config as ServiceInput, name);
  }
  for (const service of SERVICES)
    if (service !== "kubernetes" && services[service] !== undefined) draft.prefixes[service] = services[service].prefix;
  checkKeymanager(draft, services);
  return { services, damaged };
}

/** Reports claims on services that `commons` does not have, and fixed names that clash. */
export function checkCommons(draft: Draft, { services, damaged }: ReadCommons, instances: readonly Instance[]): void {
  if (services.postgresql !== undefined) checkFixedNames(draft, services.postgresql, instances);
  if (damaged) return;
  for (const service of SERVICES) {
    if (service === "kubernetes" || services[service] !== undefined || draft.source.has(["commons", service])) continue;
    const claiming = instances.filter(
      ({ module, claims }) => module !== service && claims.some((claim) => claim.service === service),
    );
    const [first] = claiming;
    if (first === undefined) continue;
    const others = claiming.length === 1 ? "" : ` and ${claiming.length - 1} more`;
    const of = first.module === first.instance ? "" : ` (module ${quoted(first.module)})`;
    const who = `\`${first.sandbox}/${first.instance}\`${of}${others}`;
    const elsewhere =
      service === "postgresql" ? "" : `, or \`elsewhere: [${service}]\` where modules get it by other means`;
    const message = `missing key \`${service}\`: ${who} claim${claiming.length === 1 ? "s" : ""} ${CLAIMS[service]}; write \`${service}: {mode: embedded}\` or \`external\`${elsewhere}`;
    draft.reportKey(["commons"], message);
  }
}

/** Keymanager accepts the tokens of one Keycloak. */
function checkKeymanager(draft: Draft, { keycloak, keymanager }: Environment["commons"]): void {
  if (keycloak === undefined || keymanager === undefined) return;
  if (SHARINGS.indexOf(keycloak.sharing) <= SHARINGS.indexOf(keymanager.sharing)) return;
  const message = `a Keymanager for each ${keymanager.sharing} cannot accept tokens of a Keycloak for each ${keycloak.sharing}; share keycloak as widely, or keymanager less`;
  draft.reportKey(["commons", "keymanager"], message);
}

/** What else is wrong in a service of `commons` when its `mode` is: the schema alone stops there, not knowing which form is meant. */
export function behindWrongMode(draft: Draft): Problem[] {
  if (typeof draft.source.value !== "object" || draft.source.value === null) return [];
  const guess = structuredClone(draft.source.value) as { commons?: Record<string, Record<string, unknown>> };
  let guessed = false;
  for (const service of Object.values(guess.commons ?? {})) {
    const mode = (service as { mode?: unknown } | null)?.mode;
    if (typeof mode !== "string" || mode === "embedded" || mode === "external") continue;
    const external = ["host", "admin", "servers", "brokers", "endpoint"].some((key) => Object.hasOwn(service, key));
    service["mode"] = nearest(mode, ["embedded", "external"]) ?? (external ? "external" : "embedded");
    guessed = true;
  }
  if (!guessed) return [];
  const parsed = commonsSchema.safeParse(guess.commons);
  return parsed.success ? [] : schemaProblems(draft.source, ["commons"], parsed.error, guess.commons);
}
