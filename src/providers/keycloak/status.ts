import type { Found, ProviderContext } from "../contract.ts";
import type { ServerStatus } from "../../model/status.ts";
import type { Admin } from "./admin.ts";
import type { Desired } from "./desired.ts";
import { holder } from "./mark.ts";
import type { Observed } from "./observe.ts";

/** The server's version and address, and whose the realm is. A realm of somebody else's is used, but its settings are not changed. */
export async function status(
  admin: Admin,
  desired: Desired,
  context: ProviderContext,
  observed: Observed,
): Promise<ServerStatus> {
  const { endpoint } = admin;
  const info = await admin.request("/admin/serverinfo", { doing: "reading the version", answers: [403] });
  const version = (info.json as { systemInfo?: { version?: unknown } } | undefined)?.systemInfo?.version;
  const [first] = endpoint.hosts;
  const reason = reasonOf(desired, observed, endpoint.realm);
  return {
    id: context.server,
    service: "keycloak",
    address: `${first?.host}:${first?.port}`,
    ...(typeof version === "string" ? { version } : {}),
    state: observed.realm?.enabled === false ? "unhealthy" : "ready",
    ...(reason === undefined ? {} : { reason }),
  };
}

function reasonOf(desired: Desired, { realm }: Observed, name: string): string | undefined {
  if (realm === undefined) return `realm "${name}" does not exist yet; apply makes it`;
  if (!realm.enabled) return `realm "${name}" is disabled`;
  if (realm.mark === undefined) return `realm "${name}" is not ours: it is used, its settings are left as they are`;
  if (realm.mark.environment !== desired.environment.id)
    return `realm "${name}" is that of ${holder(realm.mark)}: it is used, its settings are left as they are`;
  return undefined;
}

/** Every client of the realm that carries this environment's mark. */
export function found(desired: Desired, { realm }: Observed): Found[] {
  return [...(realm?.clients ?? [])].flatMap(([name, { mark }]) =>
    mark?.claim === undefined || mark.environment !== desired.environment.id
      ? []
      : [{ ...mark.claim, kind: "client" as const, name, inLedger: false, onServer: true }],
  );
}
