import type { Credential } from "../../model/credential.ts";
import { withoutAccepted } from "../accept.ts";
import type { Admin } from "./admin.ts";
import type { Desired, DesiredClient } from "./desired.ts";
import { SETTINGS } from "./diff-client.ts";
import { REALM_SETTINGS } from "./diff.ts";
import type { Fix } from "./drift.ts";
import { markAttributes } from "./mark.ts";
import type { ObservedRealm, RoleRef } from "./observe.ts";
import type { ClientRepresentation } from "./representation.ts";
import { attributesOf, defaultScopesOf, mappersOf, optionalScopesOf, type Settings, settingsOf } from "./wanted.ts";

/** What every request about one client needs. */
export interface Work {
  readonly admin: Admin;
  readonly desired: Desired;
  readonly realm: ObservedRealm;
  readonly wanted: DesiredClient;
  readonly credential: Credential | undefined;
}

/** Makes the realm with its mark; one that is there already stays as it is. */
export async function makeRealm(admin: Admin, desired: Desired): Promise<void> {
  const { realm } = admin.endpoint;
  const { id, name } = desired.environment;
  await admin.request("/admin/realms", {
    method: "POST",
    json: { realm, ...REALM_SETTINGS, attributes: markAttributes({ environment: id, environmentName: name }) },
    doing: `making realm "${realm}"`,
    answers: [409],
    slow: true,
  });
}

/** Writes the protective settings of a realm of ours; nothing else of it is changed. */
export async function writeRealm(admin: Admin): Promise<void> {
  const { realm } = admin.endpoint;
  await admin.request(admin.realmPath, {
    method: "PUT",
    json: { realm, ...REALM_SETTINGS },
    doing: `changing realm "${realm}"`,
    slow: true,
  });
}

/** Makes a client scope with the environment's mark, unless there is one of that name. */
export async function makeScope(admin: Admin, desired: Desired, name: string): Promise<void> {
  const { environment } = desired;
  await admin.request(`${admin.realmPath}/client-scopes`, {
    method: "POST",
    json: {
      name,
      protocol: "openid-connect",
      attributes: {
        ...markAttributes({ environment: environment.id, environmentName: environment.name }),
        "include.in.token.scope": "true",
        "display.on.consent.screen": "false",
      },
    },
    doing: `making client scope "${name}"`,
    answers: [409],
  });
}

/**
 * Makes a client with its mark, secret and scopes in one request, so that there is never one without; then its roles.
 *
 * @returns false when one of that name appeared in the meantime: look again whose it is
 */
export async function makeClient(work: Work): Promise<boolean> {
  const { admin, desired, realm, wanted } = work;
  const { clientId } = wanted;
  const answer = await admin.request(`${admin.realmPath}/clients`, {
    method: "POST",
    json: {
      clientId,
      ...settingsOf(wanted),
      ...secretOf(work),
      attributes: attributesOf(wanted, desired),
      defaultClientScopes: defaultScopesOf(wanted, realm),
      optionalClientScopes: optionalScopesOf(wanted, realm),
      protocolMappers: mappersOf(wanted),
    },
    doing: `making client "${clientId}"`,
    resource: wanted.id,
    answers: [409],
  });
  if (answer.status === 409) return false;
  const uuid = /\/([^/]+)$/.exec(answer.headers.location ?? "")?.[1] ?? (await findClient(admin, wanted))?.id;
  if (uuid === undefined) return false;
  for (const role of wanted.spec.roles) await repair(work, uuid, { do: "make-role", role });
  return true;
}

/** Carries out one repair of the client with this id. What is gone already, or there already, is fine. */
export async function repair(work: Work, uuid: string, fix: Fix): Promise<void> {
  const { admin, realm, wanted } = work;
  const client = `${admin.realmPath}/clients/${uuid}`;
  const ask = async (path: string, method: "POST" | "PUT" | "DELETE", doing: string, json?: unknown) => {
    const answers = method === "POST" ? [409] : method === "DELETE" ? [404] : [];
    await admin.request(path, { method, doing, resource: wanted.id, answers, ...(json === undefined ? {} : { json }) });
  };
  const its = `of client "${wanted.clientId}"`;
  switch (fix.do) {
    case "write":
      return ask(client, "PUT", `changing client "${wanted.clientId}"`, bodyOf(work));
    case "make-mapper":
      return ask(`${client}/protocol-mappers/models`, "POST", `making mapper "${fix.mapper.name}" ${its}`, fix.mapper);
    case "remove-mapper":
      return ask(`${client}/protocol-mappers/models/${fix.mapper}`, "DELETE", `removing a mapper ${its}`);
    case "add-scope": {
      const id = realm.scopes.get(fix.scope)?.id;
      if (id === undefined) return;
      return ask(`${client}/default-client-scopes/${id}`, "PUT", `adding scope "${fix.scope}" ${its}`);
    }
    case "remove-scope": {
      const id = realm.scopes.get(fix.scope)?.id;
      if (id === undefined) return;
      return ask(`${client}/${fix.from}-client-scopes/${id}`, "DELETE", `removing scope "${fix.scope}" ${its}`);
    }
    case "make-role":
      return ask(`${client}/roles`, "POST", `making role "${fix.role}" ${its}`, { name: fix.role });
    case "remove-role":
      return ask(`${client}/roles/${encodeURIComponent(fix.role)}`, "DELETE", `removing role "${fix.role}" ${its}`);
    case "empty-role": {
      const role = `${client}/roles/${encodeURIComponent(fix.role)}`;
      const parts = await admin.request(`${role}/composites`, { doing: `reading role "${fix.role}" ${its}` });
      return ask(`${role}/composites`, "DELETE", `emptying role "${fix.role}" ${its}`, parts.json);
    }
    case "unmap-role":
      return ask(`${client}/scope-mappings/${owner(fix.role)}`, "DELETE", `removing a scope mapping ${its}`, [
        plain(fix.role),
      ]);
    case "take-role":
      return ask(
        `${admin.realmPath}/users/${fix.user}/role-mappings/${owner(fix.role)}`,
        "DELETE",
        `taking role "${fix.role.name}" from the service account ${its}`,
        [plain(fix.role)],
      );
    case "leave-group": {
      const path = fix.path.split("/").map(encodeURIComponent).join("/");
      const doing = `taking the service account ${its} out of group "${fix.path}"`;
      const group = await admin.request(`${admin.realmPath}/group-by-path${path}`, { doing, answers: [404] });
      const { id } = (group.json ?? {}) as { readonly id?: string };
      if (id === undefined) return;
      return ask(`${admin.realmPath}/users/${fix.user}/groups/${id}`, "DELETE", doing);
    }
    case "enable-account":
      return ask(`${admin.realmPath}/users/${fix.user}`, "PUT", `enabling the service account ${its}`, {
        enabled: true,
      });
    case "write-realm":
      return writeRealm(admin);
  }
}

/** The client of this claim's name as it is now. */
export async function findClient(admin: Admin, wanted: DesiredClient): Promise<ClientRepresentation | undefined> {
  const { clientId } = wanted;
  const answer = await admin.request(`${admin.realmPath}/clients?clientId=${encodeURIComponent(clientId)}`, {
    doing: `looking at client "${clientId}"`,
    resource: wanted.id,
    answers: [404],
  });
  if (!Array.isArray(answer.json)) return undefined;
  return (answer.json as readonly ClientRepresentation[]).find((one) => one.clientId === clientId);
}

/** The whole wanted client but what its claim accepts to be different. */
function bodyOf(work: Work): Record<string, unknown> {
  const { wanted, desired } = work;
  const settings = Object.entries(settingsOf(wanted)).filter(
    ([key]) => !isAccepted(SETTINGS[key as keyof Settings], wanted.accept),
  );
  const attributes = Object.entries(attributesOf(wanted, desired)).filter(
    ([key]) => !isAccepted(`attribute:${key}`, wanted.accept),
  );
  return {
    clientId: wanted.clientId,
    ...Object.fromEntries(settings),
    ...(isAccepted("password", wanted.accept) ? {} : secretOf(work)),
    attributes: Object.fromEntries(attributes),
  };
}

function isAccepted(aspect: string, accept: readonly string[]): boolean {
  return withoutAccepted([{ aspect, expected: "", actual: "", repair: "apply" }], accept).length === 0;
}

function secretOf({ wanted, credential }: Work): { secret?: string } {
  return wanted.spec.public || credential === undefined ? {} : { secret: credential.password.reveal() };
}

function owner(role: RoleRef): string {
  return role.client === undefined ? "realm" : `clients/${role.client.id}`;
}

function plain({ id, name }: RoleRef): { id: string; name: string } {
  return { id, name };
}
