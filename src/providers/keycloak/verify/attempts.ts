import { Secret } from "../../../model/secret.ts";
import type { Http } from "../../http.ts";
import { introspect } from "../admin.ts";
import { openLoginPage } from "../login-page.ts";
import { claimsOf, oidcPath, requestToken } from "../token.ts";
import { type Login, type Outcome, outcomeOf, outcomeOfError } from "./login.ts";

/** What every attempt needs. */
export interface Field {
  readonly http: Http;
  readonly realm: string;
  /** Ids of clients by client id, since the Admin REST API names a client by it. */
  readonly uuids: ReadonlyMap<string, string>;
}

/** What a login is expected to be able to do with its own client. */
export interface Own {
  readonly attempt: string;
  readonly run: (field: Field, login: Login) => Promise<Outcome>;
}

/** The use that a client is for: a token of its own, a login at the server, or the login page. */
export function ownUse(login: Login): Own {
  if (login.hasToken) return { attempt: "get a token", run: getToken };
  if (login.wanted.spec.public) return { attempt: "open the login page", run: askLoginPage };
  return { attempt: "sign in with its secret", run: signIn };
}

/** Signs in with a secret that is nobody's: were it let in, all other attempts would prove nothing. */
export function signInWrongly({ http, realm }: Field, login: Login): Promise<Outcome> {
  return guarded(async () =>
    outcomeOf(await introspect(http, realm, login.wanted.clientId, new Secret("not-the-secret"))),
  );
}

/** Signs in as another client with the own secret, or with none where it has none. */
export function signInAsOther({ http, realm }: Field, login: Login, other: Login): Promise<Outcome> {
  const secret = login.secret ?? new Secret("");
  const { clientId, spec } = other.wanted;
  return guarded(async () =>
    outcomeOf(
      spec.public
        ? await requestToken(http, oidcPath(realm, "token"), clientId, secret)
        : await introspect(http, realm, clientId, secret),
    ),
  );
}

/** Reads the other's client over the Admin REST API. */
export function readClient(field: Field, login: Login, other: Login): Promise<Outcome> {
  return overAdmin(field, login, other, "GET");
}

/** Writes the other's client; what is written is what stands there, so nothing changes even where it is let. */
export function writeClient(field: Field, login: Login, other: Login): Promise<Outcome> {
  return overAdmin(field, login, other, "PUT");
}

/** Looks into the own token for the other's roles or audience, with which it would be let in at the other's API. */
export async function holdOther(_: Field, login: Login, other: Login): Promise<Outcome> {
  const token = await login.token();
  if ("actual" in token) return { actual: "error", detail: `not tried: no token (${token.detail})` };
  const { clientId } = other.wanted;
  const { aud, resource_access: access } = claimsOf(token.token);
  const isAudience = [aud].flat().includes(clientId);
  const hasRoles = typeof access === "object" && access !== null && Object.hasOwn(access, clientId);
  if (!isAudience && !hasRoles) return { actual: "refused", detail: "" };
  return {
    actual: "allowed",
    detail: `the token names "${clientId}" as ${isAudience ? "audience" : "holder of roles"}`,
  };
}

/** Exchanges the own token for one for the other (RFC 8693). */
export async function exchangeToken({ http, realm }: Field, login: Login, other: Login): Promise<Outcome> {
  const token = await login.token();
  if ("actual" in token || login.secret === undefined)
    return { actual: "error", detail: `not tried: no token (${"detail" in token ? token.detail : "no secret"})` };
  const form = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    client_id: login.wanted.clientId,
    client_secret: login.secret.reveal(),
    subject_token: token.token.reveal(),
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    audience: other.wanted.clientId,
  };
  return guarded(async () => outcomeOf(await http.request(oidcPath(realm, "token"), { form })));
}

async function getToken(_: Field, login: Login): Promise<Outcome> {
  const token = await login.token();
  return "actual" in token ? token : { actual: "allowed", detail: "" };
}

async function signIn({ http, realm }: Field, login: Login): Promise<Outcome> {
  const { secret } = login;
  if (secret === undefined) return { actual: "error", detail: "no secret is stored" };
  return guarded(async () => outcomeOf(await introspect(http, realm, login.wanted.clientId, secret)));
}

function askLoginPage({ http, realm }: Field, login: Login): Promise<Outcome> {
  return guarded(async () => outcomeOf(await openLoginPage(http, realm, login.wanted)));
}

async function overAdmin(field: Field, login: Login, other: Login, method: "GET" | "PUT"): Promise<Outcome> {
  const { clientId } = other.wanted;
  const uuid = field.uuids.get(clientId);
  if (uuid === undefined) return { actual: "error", detail: `client "${clientId}" does not exist` };
  const path = `/admin/realms/${encodeURIComponent(field.realm)}/clients/${uuid}`;
  return guarded(async () => {
    const answer = await login.withToken(path, method, method === "PUT" ? { clientId } : undefined);
    return "actual" in answer ? answer : outcomeOf(answer);
  });
}

async function guarded(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    return outcomeOfError(error);
  }
}
