import type { OtherService } from "../model/claim.ts";
import { builtinModules } from "../modules/builtin.ts";
import { OTHER_SERVICES } from "./service-schemas.ts";

/** What `g2p init` asks for. */
export interface TemplateAnswers {
  readonly environment: string;
  readonly sandboxes: readonly string[];
  /** Built-in modules that each sandbox gets. */
  readonly modules: readonly string[];
  readonly postgresql: "embedded" | "external";
  /** All services embedded, instead of `elsewhere` for those beside PostgreSQL that the modules claim. */
  readonly withServices?: boolean;
  /** Path or URL of the JSON Schema for editors. Default: where npm puts ours. */
  readonly schema?: string;
}

const EMBEDDED = `  postgresql:
    mode: embedded          # g2p runs PostgreSQL itself, below .g2p/
    sharing: environment    # one server for all; \`sandbox\` or \`instance\` for one each
    version: 18
`;

const EXTERNAL = `  postgresql:
    mode: external          # a server that already runs
    sharing: environment    # one server for all; \`sandbox\` or \`instance\` for one each, listed under \`servers\`
    host: localhost
    port: 5432
    # sslmode: verify-full  # default; \`disable\` on localhost
    admin:
      user: postgres        # superuser, or a role with CREATEDB and CREATEROLE
      passwordFrom: {env: G2P_POSTGRESQL_PASSWORD}
`;

/** What each service beside PostgreSQL gives, for the comments. */
const SERVICES: Readonly<Record<OtherService, string>> = {
  kafka: "topics, for instances with the option `events`",
  s3: "buckets, on MinIO; `server: garage` for Garage",
  opensearch: "indices, for instances with the option `search`",
  keymanager: "signing and encryption keys",
  keycloak: "OIDC clients, in a realm of the environment's",
  redis: "keys and channels",
};

function otherServices(modules: readonly string[], all: boolean): string {
  if (all) {
    const lines = OTHER_SERVICES.map((service) => [`  ${service}: {mode: embedded}`, SERVICES[service]] as const);
    const width = Math.max(...lines.map(([line]) => line.length));
    return lines.map(([line, gives]) => `${line.padEnd(width)}  # ${gives}\n`).join("");
  }
  const claims = modules.flatMap((module) => Object.values(builtinModules().get(module)?.claims ?? {}));
  const claimed = OTHER_SERVICES.filter((service) =>
    claims.some((claim) => claim.service === service && claim.with === undefined),
  );
  if (claimed.length === 0) return "";
  return `  # The modules claim these, too, and get them by other means so far. To have them from here, take one out and write,
  # for example, \`${claimed[0]}: {mode: embedded}\`.
  elsewhere: [${claimed.join(", ")}]
`;
}

/** The commented environment file that `g2p init` writes. With valid names it loads without problems. */
export function environmentTemplate(answers: TemplateAnswers): string {
  const { environment, sandboxes, modules, postgresql } = answers;
  const schema = answers.schema ?? "./node_modules/g2p-commons/schemas/environment.schema.json";
  return `# yaml-language-server: $schema=${schema}
# An environment: shared services (the commons) and the module instances that share them.
# \`g2p plan\` shows what would be done, \`g2p apply\` does it, \`g2p verify\` tries the walls between the instances.
apiVersion: g2p.dev/v1
environment: ${environment}

commons:
${postgresql === "embedded" ? EMBEDDED : EXTERNAL}${otherServices(modules, answers.withServices === true)}
# Built-in modules: ${[...builtinModules().keys()].join(", ")}. Your own: the path of its descriptor.
# Long form of an entry: {module: registry, name: farmers, shares: {main: [pbms]}}
sandboxes:${sandboxes.length === 0 ? " []" : ""}
${sandboxes.map((name) => sandbox(name, modules)).join("")}`;
}

function sandbox(name: string, modules: readonly string[]): string {
  const entries = modules.map((module) => `      - ${module}\n`).join("");
  return `  - name: ${JSON.stringify(name)}\n    modules:${modules.length === 0 ? " []" : ""}\n${entries}`;
}
