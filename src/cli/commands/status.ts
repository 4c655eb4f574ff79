import type { Place } from "../../engine/place.ts";
import { status } from "../../engine/status.ts";
import type { ServerAddress } from "../../model/environment.ts";
import { ServiceError } from "../../model/error.ts";
import type { StatusItem, StatusResult } from "../../model/status.ts";
import { renderStatus } from "../../report/status-tree.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { CommonOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { loadSession, places, serverAddresses, serverId, type Session } from "../session.ts";

/** `g2p status`: how servers and resources stand; a server that is stopped is shown as such, with what should be on it. */
export async function run(_args: readonly string[], options: CommonOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const addresses = new Map<string, ServerAddress>();
  const unreachable: Place[] = [];
  for (const [scope, desired] of session.desired)
    try {
      for (const entry of await serverAddresses({ ...session, desired: new Map([[scope, desired]]) }, io.env))
        addresses.set(...entry);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      unreachable.push({ id: serverId(scope), open: () => Promise.reject(error) });
    }
  const progress = await output.progress();
  try {
    const reachable = places(session, addresses, { emit: progress.emit, signal: io.signal });
    // What cannot be reached is part of the result, so that its warning would only repeat it.
    const found = await status(
      session.environment.name,
      [...unreachable, ...reachable],
      (event) => void (event.type === "note" || progress.emit(event)),
    );
    io.signal.throwIfAborted();
    progress.stop();
    const result = withUnknown(found, session);
    output.result(result, (look) => renderStatus(result, look));
    const ready = [...result.servers, ...result.items].every((one) => one.state === "ready");
    return ready ? EXIT.done : EXIT.changes;
  } finally {
    progress.stop();
  }
}

/** Adds what should be on servers that could not be looked at. */
function withUnknown(found: StatusResult, session: Session): StatusResult {
  const looked = new Set(found.items.map((item) => item.server));
  const unknown = [...session.desired].flatMap(([scope, { databases, accesses }]): StatusItem[] => {
    const server = serverId(scope);
    if (looked.has(server)) return [];
    return [...databases, ...accesses].map(({ id, kind, sandbox, instance, claim, ...one }) => ({
      id,
      service: "postgresql",
      kind,
      sandbox,
      instance,
      claim,
      server,
      name: "database" in one ? one.database : one.login,
      state: "unknown",
      findings: [],
    }));
  });
  const servers = found.servers.map((server) => ({
    ...server,
    ...(server.reason === undefined ? {} : { reason: server.reason.replace(/ Nothing was changed\.$/, "") }),
  }));
  return { ...found, servers, items: [...found.items, ...unknown] };
}
