import { CLAIM_KINDS, type OtherService } from "../../../src/model/claim.ts";
import type { Cell, Finding, PlanItem, PlanResult } from "../../../src/model/plan.ts";
import type { StatusItem, StatusResult } from "../../../src/model/status.ts";
import type { Look, Terminal } from "../../../src/report/terminal.ts";

/** A terminal of 80 columns without colours. */
export const PLAIN: Look = { columns: 80, color: false };

/** A terminal that keeps what is written to it. */
export function recordingTerminal(look: Partial<Terminal> = {}): Terminal & { text(): string } {
  let written = "";
  return {
    isTTY: false,
    columns: 80,
    rows: 24,
    color: false,
    ...look,
    write: (text) => void (written += text),
    text: () => written,
  };
}

export function item(place: string, claim: string, action: PlanItem["action"], more: Partial<PlanItem> = {}): PlanItem {
  const [sandbox = "", instance = ""] = place.split("/");
  return {
    id: `postgresql/${place}/${claim}`,
    service: "postgresql",
    kind: "database",
    sandbox,
    instance,
    claim,
    server: "postgresql",
    name: `${sandbox}__${instance}`,
    action,
    findings: [],
    ...more,
  };
}

/** An item of a service beside PostgreSQL, on the server that the whole environment shares. */
export function serviceItem(
  service: OtherService,
  place: string,
  claim: string,
  action: PlanItem["action"],
  more: Partial<PlanItem> = {},
): PlanItem {
  const joint = service === "s3" || service === "keycloak" ? "--" : "__";
  return item(place, claim, action, {
    id: `${service}/${place}/${claim}`,
    service,
    kind: CLAIM_KINDS[service],
    server: service,
    name: [...place.split("/"), claim].join(joint),
    ...more,
  });
}

/** A plan with something of every service, one of which cannot be reached. */
export const ALL_SERVICES: readonly PlanItem[] = [
  item("dev/farmers", "main", "create"),
  serviceItem("kafka", "dev/farmers", "events", "update", {
    findings: [finding("topic:dev__farmers__changes:partitions", "3", "6")],
  }),
  serviceItem("s3", "dev/farmers", "documents", "create"),
  serviceItem("s3", "dev/farmers", "documents-read", "create", { kind: "access" }),
  serviceItem("opensearch", "dev/farmers", "search", "unchanged"),
  serviceItem("keymanager", "dev/farmers", "keys", "create"),
  serviceItem("keycloak", "dev/farmers", "staff-portal", "create"),
  serviceItem("keycloak", "dev/farmers", "agent-portal", "create"),
  ...["farmers", "students"].map((instance) =>
    serviceItem("redis", `dev/${instance}`, "sessions", "unknown", {
      reason: "redis at 127.0.0.1:6379 did not answer: connect ECONNREFUSED 127.0.0.1:6379. Nothing was changed.",
      hint: "Start it, or correct its address.",
      outcome: "not started",
    }),
  ),
];

export function finding(aspect: string, actual: string, expected: string, more: Partial<Finding> = {}): Finding {
  return { aspect, actual, expected, repair: "apply", ...more };
}

/** A plan with an item of each action. */
export const PLAN: PlanResult = {
  summary: { created: 2, updated: 1, unchanged: 1, removed: 1, failed: 0 },
  items: [
    item("dev/farmers", "main", "create"),
    item("dev/farmers", "pbms", "create", { kind: "access", name: "dev__farmers___pbms" }),
    item("dev/pbms", "main", "update", {
      findings: [
        finding("connection limit", "10", "30"),
        finding("membership:dev__pbms___owner:mallory", "member, granted by dba", "no member but dev__pbms___login_a", {
          repair: "needs superuser",
          note: "PostgreSQL 16 lets only the grantor or a superuser revoke it.",
        }),
      ],
    }),
    item("dev/bridge", "example-bank", "refuse", {
      name: "dev__bridge__example_bank_with_a_long_name_that_goes_on___abcdefghijkl",
      reason: 'The database is there and owned by "dba"; it carries no mark of ours. Nothing was changed.',
      hint: "Re-run with --adopt dev__bridge__example_bank to take it over.",
    }),
    item("dev/old", "main", "retain", {
      reason: "The environment file no longer names it; it stays until g2p remove.",
    }),
    item("staging/registry", "main", "unchanged"),
    item("staging/registry", "spar", "remove", { kind: "access" }),
  ],
};

export function cell(
  from: string,
  to: string,
  attempt: string,
  actual: Cell["actual"],
  more: Partial<Cell> = {},
): Cell {
  return { service: "postgresql", from, to, attempt, expected: "refused", actual, ok: true, how: "tried", ...more };
}

/** An environment with something of every state. */
export const STATUS: StatusResult = {
  environment: "staging",
  servers: [
    {
      id: "postgresql",
      service: "postgresql",
      address: "127.0.0.1:5432",
      version: "18.4",
      state: "ready",
      connections: { used: 31, max: 100 },
    },
    {
      id: "postgresql/dev",
      service: "postgresql",
      address: "127.0.0.1:5433",
      state: "unhealthy",
      reason: "It does not answer: connect ECONNREFUSED 127.0.0.1:5433.",
    },
  ],
  items: [
    status("dev/farmers", "main", "ready"),
    { ...status("dev/pbms", "main", "outdated"), findings: [finding("connection limit", "10", "30")] },
    { ...status("dev/spar", "main", "missing"), server: "postgresql/dev", reason: "There is no such database." },
  ],
};

function status(place: string, claim: string, state: StatusItem["state"]): StatusItem {
  return statusItem(item(place, claim, "unchanged"), state);
}

/** How a status shows what a plan shows. */
export function statusItem(from: PlanItem, state: StatusItem["state"]): StatusItem {
  const { id, service, kind, sandbox, instance, claim, server, name } = from;
  if (kind === "server") throw new Error("a server is no resource");
  return { id, service, kind, sandbox, instance, claim, server, name, state, findings: [] };
}

/** {@link ALL_SERVICES} as they stand, with a server for each service. */
export const ALL_STATUS: StatusResult = {
  environment: "staging",
  servers: [...new Set(ALL_SERVICES.map((one) => one.service))].map((service, index) => ({
    id: service,
    service,
    address: `127.0.0.1:${5000 + index}`,
    version: `${index + 1}.0.${index}`,
    state: "ready",
  })),
  items: ALL_SERVICES.map((one) => statusItem(one, "ready")),
};
