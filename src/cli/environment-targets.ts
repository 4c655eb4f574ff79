import type { WaitTarget } from "../engine/wait.ts";
import type { ServerAddress } from "../model/environment.ts";
import { CommonsError, ConfigError } from "../model/error.ts";
import type { DatabaseCheck } from "../providers/postgresql/check.ts";
import { refKey } from "../providers/postgresql/desired.ts";
import type { EnvironmentTargets } from "./commands/wait.ts";
import { findInstance, loadSession, serverAddresses } from "./session.ts";

/** What `g2p wait` waits for when instances of an environment file are named: each of their claims and accesses, by their own logins. */
export const environmentTargets: EnvironmentTargets = async (instances, options, io) => {
  const session = await loadSession(options, io, false);
  const chosen =
    instances.length === 0
      ? session.environment.instances
      : instances.map((name) => findInstance(session.environment, name));
  let known: Map<string, ServerAddress> | undefined;
  const targets: WaitTarget[] = [];
  for (const instance of chosen)
    for (const claim of instance.claims)
      for (const [scope, desired] of session.desired) {
        const wanted = [...desired.databases, ...desired.accesses].find((one) => refKey(one) === refKey(claim));
        if (wanted === undefined) continue;
        targets.push({
          name: `${instance.sandbox}/${instance.instance} ${claim.claim}`,
          check: async (timeoutMs) => {
            const { checkDatabase } = await import("../providers/postgresql/check.ts");
            try {
              known ??= await serverAddresses(session, io.env);
            } catch (error) {
              // A running `up` may just be starting the server; a wrong file will not heal.
              if (error instanceof ConfigError || !(error instanceof CommonsError)) throw error;
              return { state: "waiting", reason: error.message.replace(/\. Nothing was changed\.$/, "") };
            }
            const address = known.get(scope);
            const credential = (await session.state.credentials.read([claim])).get(refKey(claim));
            if (address === undefined || credential === undefined)
              return { state: "waiting", reason: "its credentials were not made yet; g2p apply makes them" };
            const check: DatabaseCheck = {
              server: address,
              database: wanted.kind === "database" ? wanted.database : wanted.target.database,
              user: wanted.login,
              password: credential.password,
              ...(wanted.kind === "database" ? { owner: wanted.owner } : {}),
              ...(options.initialisation === undefined || wanted.kind === "access"
                ? {}
                : { initialisation: options.initialisation }),
            };
            const result = await checkDatabase(check, timeoutMs);
            // The server may have been started anew on another port.
            if (result.state !== "ready") known = undefined;
            return result;
          },
        });
      }
  return targets;
};
