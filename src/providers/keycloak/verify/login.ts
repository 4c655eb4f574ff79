import type { Credential } from "../../../model/credential.ts";
import type { Cell } from "../../../model/plan.ts";
import { CommonsError } from "../../../model/error.ts";
import type { Secret } from "../../../model/secret.ts";
import type { Http, HttpAnswer } from "../../http.ts";
import type { DesiredClient } from "../desired.ts";
import { refText } from "../mark.ts";
import { oidcPath, refusalOf, requestToken, type Token, tokenOf } from "../token.ts";

/** What an attempt showed. */
export interface Outcome {
  readonly actual: Cell["actual"];
  readonly detail: string;
}

/** One client that tries, with nothing but its own credentials. */
export class Login {
  readonly wanted: DesiredClient;
  /** `sandbox/instance/claim`. */
  readonly key: string;
  readonly secret: Secret | undefined;
  readonly #http: Http;
  readonly #realm: string;
  #token: Promise<Token | Outcome> | undefined;

  constructor(http: Http, realm: string, wanted: DesiredClient, credential: Credential | undefined) {
    this.#http = http;
    this.#realm = realm;
    this.wanted = wanted;
    this.key = refText(wanted);
    this.secret = wanted.spec.public ? undefined : credential?.password;
  }

  /** May it get tokens for itself? */
  get hasToken(): boolean {
    return this.wanted.spec.serviceAccount && !this.wanted.spec.public;
  }

  /** Its own token, a new one when the last has ended; or why there is none. */
  async token(): Promise<Token | Outcome> {
    const held = await this.#token;
    if (held !== undefined && ("actual" in held || held.until > performance.now())) return held;
    this.#token = this.#signIn();
    return this.#token;
  }

  /** Makes a request with its own token. */
  async withToken(path: string, method: "GET" | "PUT", json?: unknown): Promise<HttpAnswer | Outcome> {
    const token = await this.token();
    if ("actual" in token) return { actual: "error", detail: `not tried: no token (${token.detail})` };
    return this.#http.request(path, {
      method,
      ...(json === undefined ? {} : { json }),
      headers: { authorization: `Bearer ${token.token.reveal()}` },
    });
  }

  async #signIn(): Promise<Token | Outcome> {
    if (this.secret === undefined) return { actual: "error", detail: "no secret is stored" };
    try {
      const path = oidcPath(this.#realm, "token");
      const answer = await requestToken(this.#http, path, this.wanted.clientId, this.secret);
      return tokenOf(answer) ?? outcomeOf(answer);
    } catch (error) {
      return outcomeOfError(error);
    }
  }
}

/** Refused is what the server says about rights (400 of a token endpoint, 401, 403); anything else but success is an error. */
export function outcomeOf(answer: HttpAnswer): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 400) return { actual: "allowed", detail: "" };
  const refused = status === 400 || status === 401 || status === 403;
  return { actual: refused ? "refused" : "error", detail: refused ? refusalOf(answer) : `HTTP ${status}` };
}

/** An attempt that could not be made proves nothing. */
export function outcomeOfError(error: unknown): Outcome {
  if (!(error instanceof CommonsError)) throw error;
  return { actual: "error", detail: error.message };
}
