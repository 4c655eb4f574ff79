import { CommonsError, ConfigError, InterruptedError } from "../model/error.ts";
import type { PlanItem } from "../model/plan.ts";
import type { ServerStatus, State, StatusItem, StatusResult } from "../model/status.ts";
import { type Place, unknownItems, withSession } from "./place.ts";

/** State of a resource from what a plan says of it. */
export function stateOf(item: PlanItem): State {
  if (item.action === "create") return "missing";
  if (item.action === "refuse") return /is not ours|held by|carries/.test(item.reason ?? "") ? "foreign" : "unhealthy";
  if (item.action !== "update") return "ready";
  return item.findings.some((finding) => finding.aspect.startsWith("password:") || finding.repair !== "apply")
    ? "unhealthy"
    : "outdated";
}

/** How servers and resources stand; looks deep and writes nothing. A server that cannot be reached is shown as such. */
export async function status(environment: string, places: readonly Place[]): Promise<StatusResult> {
  const found = await Promise.all(places.map(lookAt));
  return { environment, servers: found.map((one) => one.server), items: found.flatMap((one) => one.items) };
}

async function lookAt(place: Place): Promise<{ server: ServerStatus; items: StatusItem[] }> {
  try {
    return await withSession(place, async (session) => {
      const changes = session.diff(await session.observe("deep"), { adopt: [], recreate: [] });
      const server = await session.status();
      const own = changes.find((change) => change.item.kind === "server")?.item;
      return {
        server:
          own === undefined
            ? server
            : { ...server, state: "outdated", reason: own.findings.map((finding) => finding.aspect).join(", ") },
        items: changes.flatMap(({ item }) =>
          item.kind === "server" || item.action === "remove" ? [] : [statusItem({ ...item, kind: item.kind })],
        ),
      };
    });
  } catch (error) {
    if (!(error instanceof CommonsError) || error instanceof ConfigError || error instanceof InterruptedError)
      throw error;
    const reason = error.message.replace(/ Nothing was changed\.$/, "");
    return {
      server: { id: place.id, service: place.service, address: "", state: "unhealthy", reason },
      items: unknownItems(place, error).flatMap(({ reason: _, hint: __, ...item }) =>
        item.kind === "server" ? [] : [{ ...statusItem({ ...item, kind: item.kind }), state: "unknown" }],
      ),
    };
  }
}

function statusItem(item: PlanItem & { kind: StatusItem["kind"] }): StatusItem {
  const { id, service, kind, sandbox, instance, claim, server, name, findings, reason } = item;
  return {
    id,
    service,
    kind,
    sandbox,
    instance,
    claim,
    server,
    name,
    state: stateOf(item),
    findings,
    ...(reason === undefined ? {} : { reason }),
  };
}
