import type { WaitTarget } from "../engine/wait.ts";
import type { CheckResult } from "../model/check.ts";
import type { Credential } from "../model/credential.ts";
import { credentialKey } from "../model/credential.ts";
import type { Claim } from "../model/environment.ts";
import { CommonsError, ConfigError } from "../model/error.ts";
import type { DatabaseCheck } from "../providers/postgresql/check.ts";
import { providerOf } from "../providers/provider-of.ts";
import type { EnvironmentTargets } from "./commands/wait.ts";
import { credentialOf, placedOf } from "./instance-bindings.ts";
import { Servers } from "./servers.ts";
import { type DatabaseServer, findInstance, loadSession, serverOf } from "./session.ts";

/** What `g2p wait` waits for when instances of an environment file are named: each of their claims and accesses, by their own logins. */
export const environmentTargets: EnvironmentTargets = async (instances, options, io) => {
  const session = await loadSession(options, io, false);
  const chosen =
    instances.length === 0
      ? session.environment.instances
      : instances.map((name) => findInstance(session.environment, name));
  let servers = new Servers(session, io.env);
  return chosen.flatMap((instance) =>
    instance.claims.flatMap((claim): WaitTarget[] => {
      const server = session.servers.get(serverOf(session.environment, claim));
      if (server === undefined) return [];
      const look = async (timeoutMs: number): Promise<CheckResult> => {
        const credential = await credentialOf(session, claim);
        const waiting = {
          state: "waiting",
          reason: "its credentials were not made yet; g2p apply makes them",
        } as const;
        if (server.service === "postgresql") {
          const { checkDatabase } = await import("../providers/postgresql/check.ts");
          const address = await servers.database(server.id);
          if (credential === undefined) return waiting;
          return checkDatabase(databaseCheck(server, claim, address, credential, options.initialisation), timeoutMs);
        }
        const [endpoint, provider] = await Promise.all([servers.endpoint(server.id), providerOf(server.service)]);
        if (credential === undefined) return waiting;
        const placed = placedOf(server, claim);
        return provider.check(endpoint, server.placement, placed, credential, timeoutMs);
      };
      return [
        {
          name: `${instance.sandbox}/${instance.instance} ${claim.claim}`,
          check: async (timeoutMs) => {
            const used = servers;
            try {
              const result = await look(timeoutMs);
              // The server may have been started anew on another port.
              if (result.state !== "ready" && servers === used) servers = new Servers(session, io.env);
              return result;
            } catch (error) {
              // A running `up` may just be starting the server; a wrong file will not heal.
              if (error instanceof ConfigError || !(error instanceof CommonsError)) throw error;
              if (servers === used) servers = new Servers(session, io.env);
              return { state: "waiting", reason: error.message.replace(/\. Nothing was changed\.$/, "") };
            }
          },
        },
      ];
    }),
  );
};

function databaseCheck(
  server: DatabaseServer,
  claim: Claim,
  address: DatabaseCheck["server"],
  credential: Credential,
  initialisation: number | undefined,
): DatabaseCheck {
  const { databases, accesses } = server.desired;
  const wanted = [...databases, ...accesses].find((one) => credentialKey(one) === credentialKey(claim));
  if (wanted === undefined) throw new Error(`${credentialKey(claim)} is not placed on ${server.id}`);
  return {
    server: address,
    database: wanted.kind === "database" ? wanted.database : wanted.target.database,
    user: wanted.login,
    password: credential.password,
    ...(wanted.kind === "database" ? { owner: wanted.owner } : {}),
    ...(initialisation === undefined || wanted.kind === "access" ? {} : { initialisation }),
  };
}
