import type { Emit } from "../model/event.ts";
import type { PlanItem } from "../model/plan.ts";
import type { ServerStatus, State, StatusItem, StatusResult } from "../model/status.ts";
import { type Place, settleAll, withSession } from "./place.ts";

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
export async function status(environment: string, places: readonly Place[], emit: Emit): Promise<StatusResult> {
  const found = await settleAll(
    places.map(async (place): Promise<{ server: ServerStatus; items: StatusItem[] }> => {
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
        emit({
          type: "note",
          level: "warning",
          text: `${place.id}: ${error instanceof Error ? error.message : String(error)}`,
        });
        const reason = error instanceof Error ? error.message : String(error);
        return { server: { id: place.id, service: "postgresql", address: "", state: "unhealthy", reason }, items: [] };
      }
    }),
  );
  return { environment, servers: found.map((one) => one.server), items: found.flatMap((one) => one.items) };
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
