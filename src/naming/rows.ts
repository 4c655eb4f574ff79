import type { Claim, Environment, Instance } from "../model/environment.ts";
import type { NameRow } from "../model/plan.ts";
import { type Service, SERVICES } from "../model/service.ts";
import { claimName } from "./claim-name.ts";
import { MAIN, type Name, name } from "./name.ts";
import { kindsOf, type NameKind } from "./rules.ts";

const CLAIM_KINDS = {
  database: ["database", "owner", "reader", "login-a", "login-b"],
  access: ["access-a", "access-b"],
} as const satisfies Record<Claim["kind"], readonly NameKind<"postgresql">[]>;

/**
 * Every name that the instances of an environment have or would have, for `g2p names`: PostgreSQL's per claim and access,
 * fixed names included; those of the other services once per instance, under claim `main`. Topics are missing, since
 * their claims are topic words; the topic prefix is there.
 *
 * On servers of other services the prefix is the environment's name, and none where PostgreSQL's is empty.
 */
export function nameRows(environment: Pick<Environment, "name" | "commons" | "instances">): NameRow[] {
  const postgresqlPrefix = environment.commons.postgresql?.prefix ?? "";
  const prefix = postgresqlPrefix === "" ? "" : environment.name;
  return environment.instances.flatMap((instance) => [
    ...instance.claims.flatMap((claim) => claimRows(postgresqlPrefix, claim)),
    ...SERVICES.filter((service) => service !== "postgresql").flatMap((service) =>
      serviceRows(prefix, instance, service),
    ),
  ]);
}

function claimRows(prefix: string, claim: Claim): NameRow[] {
  return CLAIM_KINDS[claim.kind].map((kind) =>
    row(claim, claim.claim, "postgresql", kind, claimName(prefix, claim, kind)),
  );
}

function serviceRows(prefix: string, instance: Instance, service: Service): NameRow[] {
  const { sandbox, instance: label } = instance;
  return kindsOf(service)
    .filter((kind) => kind !== "topic")
    .map((kind) =>
      row(instance, MAIN, service, kind, name({ prefix, service, kind, sandbox, instance: label, claim: MAIN })),
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
