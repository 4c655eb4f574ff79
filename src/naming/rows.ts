import type { Claim, Environment, Instance } from "../model/environment.ts";
import { isPostgresql } from "../model/environment.ts";
import type { NameRow } from "../model/plan.ts";
import type { Service } from "../model/service.ts";
import { claimName } from "./claim-name.ts";
import { MAIN, type Name, name } from "./name.ts";
import { kindsOf, type NameKind } from "./rules.ts";

const DATABASE_KINDS = {
  database: ["database", "owner", "reader", "login-a", "login-b"],
  access: ["access-a", "access-b"],
} as const;

/** Prefixes that an instance is granted; its claim's own name is not in them. */
const PREFIX_KINDS = {
  kafka: ["topic-prefix", "group-prefix", "transactional-id-prefix"],
  s3: [],
  opensearch: ["index-prefix"],
  keymanager: [],
  keycloak: [],
  redis: ["key-prefix", "channel-prefix"],
} as const satisfies { [S in OtherClaim["service"]]: readonly NameKind<S>[] };

type OtherClaim = Exclude<Claim, { readonly service: "postgresql" }>;

/**
 * Every name that the instances of an environment have on servers, for `g2p names`: per claim and access, fixed names included; and
 * on Kubernetes.
 */
export function nameRows(environment: Pick<Environment, "commons" | "instances">): NameRow[] {
  const prefix = (service: Exclude<Service, "kubernetes">) => environment.commons[service]?.prefix ?? "";
  return environment.instances.flatMap((instance) => [
    ...instance.claims.flatMap((claim) => {
      if (!isPostgresql(claim)) return otherRows(prefix(claim.service), claim);
      return DATABASE_KINDS[claim.kind].map((kind) =>
        row(claim, claim.claim, "postgresql", kind, claimName(prefix("postgresql"), claim, kind)),
      );
    }),
    ...kubernetesRows(prefix("postgresql"), instance),
  ]);
}

function otherRows(prefix: string, claim: OtherClaim): NameRow[] {
  const { sandbox, instance, service } = claim;
  const named = (kind: NameKind, word: string) =>
    row(claim, claim.claim, service, kind, name({ prefix, service, kind, sandbox, instance, claim: word }));
  switch (claim.kind) {
    case "client":
      return [named("client-id", claim.claim)];
    case "key-application":
      return [named("application-id", claim.claim)];
    case "access":
      return [
        named("user", claim.claim),
        ...(service === "kafka" && claim.mode === "read" ? [named("group-prefix", claim.claim)] : []),
      ];
    case "topics":
    case "buckets":
    case "indices":
    case "keyspace":
      return [
        named("user", claim.claim),
        ...(claim.kind === "indices" ? [named("role", claim.claim)] : []),
        ...(claim.kind === "indices" && claim.spec.tenant ? [named("tenant", claim.claim)] : []),
        ...PREFIX_KINDS[service].map((kind) => named(kind, MAIN)),
        ...(claim.kind === "topics" ? Object.keys(claim.spec.topics).map((word) => named("topic", word)) : []),
        ...(claim.kind === "buckets" ? Object.keys(claim.spec.buckets).map((word) => named("bucket", word)) : []),
      ];
  }
}

function kubernetesRows(prefix: string, instance: Instance): NameRow[] {
  const { sandbox, instance: label } = instance;
  return kindsOf("kubernetes").map((kind) =>
    row(
      instance,
      MAIN,
      "kubernetes",
      kind,
      name({ prefix, service: "kubernetes", kind, sandbox, instance: label, claim: MAIN }),
    ),
  );
}

function row(
  { sandbox, instance }: Pick<Instance, "sandbox" | "instance">,
  claim: string,
  service: Service,
  kind: NameKind,
  named: Name,
): NameRow {
  return { sandbox, instance, claim, service, kind: kind.replaceAll("-", " "), ...named };
}
