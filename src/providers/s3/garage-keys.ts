import type { Secret } from "../../model/secret.ts";
import { UsedUpError } from "./admin.ts";
import type { Desired, DesiredLogin } from "./desired.ts";
import { codeOf, unless } from "./failure.ts";
import type { GarageApi, KeyInfo } from "./garage-api.ts";
import { environmentKeyName, environmentKeys, userOf } from "./garage-view.ts";
import { loginFor } from "./login.ts";
import { formatMark, type Mark, parseMark, refKey } from "./mark.ts";

/**
 * Garage's access keys: those of logins, whose names carry the mark, and the environment's own, whose aliases mark buckets. Garage never
 * takes an id again that it once deleted.
 */
export class GarageKeys {
  readonly #api: Promise<GarageApi>;
  readonly #environment: Desired["environment"];
  #own: Promise<string> | undefined;

  constructor(api: Promise<GarageApi>, environment: Desired["environment"]) {
    this.#api = api;
    this.#environment = environment;
  }

  /** All keys of the server. */
  async list(): Promise<KeyInfo[]> {
    return (await this.#api).list<KeyInfo>("ListKeysInfo", (key) => key.accessKeyId);
  }

  /** Makes the key of a login, or renames it to carry the mark. */
  async put(login: DesiredLogin, mark: Mark, password: Secret): Promise<{ accessKey: string }> {
    const { accessKey, secretKey } = loginFor("garage", login.user, password);
    const name = `${login.user} ${formatMark(mark)}`;
    const api = await this.#api;
    try {
      await api.post("ImportKey", { accessKeyId: accessKey, secretAccessKey: secretKey.reveal(), name });
    } catch (error) {
      if (codeOf(error) !== "KeyAlreadyExists") throw error;
      await this.update(accessKey, { name, neverExpires: true }).catch((reason: unknown) => {
        throw codeOf(reason) === "NoSuchAccessKey" ? new UsedUpError(`the key of ${login.user} was deleted`) : reason;
      });
    }
    return { accessKey };
  }

  /** Id of the environment's own key, which is made where there is none. */
  own(): Promise<string> {
    this.#own ??= (async () => {
      const [first] = this.#ownKeys(await this.list());
      if (first !== undefined) return first;
      const name = environmentKeyName(this.#environment);
      const { accessKeyId } = await (await this.#api).post<KeyInfo>("CreateKey", { name });
      return accessKeyId;
    })();
    return this.#own;
  }

  #ownKeys(keys: readonly KeyInfo[]): string[] {
    const own = environmentKeys(keys).filter((key) => key.environment === this.#environment.id);
    return own.map((key) => key.accessKeyId);
  }

  /** Does a key carry the mark of this environment's login? */
  isOf(key: KeyInfo, login: DesiredLogin): boolean {
    const mark = parseMark(key.name);
    return mark?.environment === this.#environment.id && refKey(mark) === refKey(login);
  }

  /** Keys of a login that carry this environment's mark. */
  async ofUser(user: string): Promise<KeyInfo[]> {
    return (await this.list()).filter(
      (key) => userOf(key) === user && parseMark(key.name)?.environment === this.#environment.id,
    );
  }

  /** The environment's own key was taken away by another run: the next {@link own} looks again. */
  forgetOwn(): void {
    this.#own = undefined;
  }

  /** Changes a key. */
  async update(id: string, body: unknown): Promise<void> {
    await (await this.#api).post("UpdateKey", body, { id });
  }

  /** Deletes a key; one that is gone already is as good. */
  async delete(id: string): Promise<void> {
    await (await this.#api).post("DeleteKey", undefined, { id }).catch(unless("NoSuchAccessKey"));
  }

  /** Deletes the environment's own key once it marks no bucket any more. */
  async tidy(): Promise<void> {
    const own = new Set(this.#ownKeys(await this.list()));
    for (const key of await this.list())
      if (own.has(key.accessKeyId) && key.buckets.every((bucket) => bucket.localAliases.length === 0))
        await this.delete(key.accessKeyId);
    this.#own = undefined;
  }
}
