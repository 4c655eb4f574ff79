import { readFile } from "node:fs/promises";
import type { Fields } from "../model/binding.ts";
import { type Credential, credentialKey } from "../model/credential.ts";
import type { Claim, ClaimRef, Instance } from "../model/environment.ts";
import type { Endpoint } from "../model/endpoint.ts";
import { ConfigError, ServiceError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import { databaseBinding } from "../providers/postgresql/binding.ts";
import { providerOf } from "../providers/provider-of.ts";
import type { Servers } from "./servers.ts";
import type { OtherServer, Server, Session } from "./session.ts";
import { serverOf } from "./session.ts";

/**
 * Everything an instance is handed, by claim or access name.
 *
 * @throws ServiceError when a credential was not made yet, saying to apply first
 */
export async function instanceBindings(
  session: Session,
  servers: Servers,
  instance: Instance,
): Promise<Map<string, Fields>> {
  const entries = instance.claims.map(async (claim): Promise<[string, Fields] | undefined> => {
    const server = session.servers.get(serverOf(session.environment, claim));
    if (server === undefined) return undefined;
    const credential = await credentialOf(session, claim);
    if (credential === undefined)
      throw new ServiceError(`${credentialKey(claim)} has no credentials yet.`, {
        code: "NOT_APPLIED",
        resource: `${claim.service}/${credentialKey(claim)}`,
        hint: "Run g2p apply (or g2p up) first.",
      });
    return [claim.claim, await bindingOf(servers, server, claim, credential)];
  });
  return new Map((await Promise.all(entries)).filter((entry) => entry !== undefined));
}

async function bindingOf(servers: Servers, server: Server, claim: Claim, credential: Credential): Promise<Fields> {
  if (server.service !== "postgresql") {
    const [endpoint, provider] = await Promise.all([servers.endpoint(server.id), providerOf(server.service)]);
    const placed = placedOf(server, claim);
    const fields = await provider.binding(endpoint, server.placement, placed, credential);
    return { ...fields, ...(await authorityOf(endpoint)) };
  }
  const { databases, accesses } = server.desired;
  const wanted = [...databases, ...accesses].find((one) => credentialKey(one) === credentialKey(claim));
  if (wanted === undefined) throw new Error(`${credentialKey(claim)} is not placed on ${server.id}`);
  return { ...databaseBinding(wanted, await servers.database(server.id), credential) };
}

/** `ca`, the certificates of the authority that signed the server's, and `caFile`, where they are on this machine; empty without. */
async function authorityOf({ tls, caFile, service }: Endpoint): Promise<Fields> {
  if (!tls || caFile === undefined) return { ca: "", caFile: "" };
  try {
    return { ca: await readFile(caFile, "utf8"), caFile };
  } catch (error) {
    throw new ConfigError(`The certificates ${caFile} of ${service}'s authority cannot be read.`, [], {
      code: "CA_UNREADABLE",
      hint: "Correct `ca` in the environment file, or the file's rights.",
      cause: error,
    });
  }
}

/** A claim or access as the provider of its service knows it. */
export function placedOf({ placement }: OtherServer, ref: ClaimRef) {
  const all = [...placement.claims, ...placement.accesses];
  const found = all.find((one) => credentialKey(one) === credentialKey(ref));
  if (found === undefined) throw new Error(`${credentialKey(ref)} is not placed`);
  return found;
}

/**
 * What a claim signs in with: its own credential; of a key application, its client's. What has none (a public client, a key application that
 * nobody guards) gets an empty one.
 *
 * @returns `undefined` where it was not made yet
 */
export async function credentialOf(session: Session, claim: Claim): Promise<Credential | undefined> {
  const none: Credential = { username: "", password: new Secret("") };
  if (claim.kind === "client" && claim.spec.public) return none;
  let ref: ClaimRef = claim;
  if (claim.kind === "key-application") {
    if (claim.spec.client === undefined) return none;
    ref = { sandbox: claim.sandbox, instance: claim.instance, claim: claim.spec.client.claim };
  }
  return (await session.state.credentials.read([ref])).get(credentialKey(ref));
}
