import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Binding fields of a key application, by their names. */
type Keys = object;

/**
 * Gives Keymanager the certificate of who will sign, as an administrator does who lets a partner in: under a name among the keys of who
 * is to check the signatures.
 *
 * @param dir - folder of the environment, whose state has the administrator's credential.
 */
export async function registerPartner(
  dir: string,
  partner: { readonly of: Keys; readonly name: string; readonly signs: Keys },
): Promise<void> {
  const file = join(dir, ".g2p/credentials/commons/keymanager/admin.json");
  const admin = JSON.parse(readFileSync(file, "utf8")) as { username: string; password: string };
  const { url, tokenUrl, applicationId } = partner.of as Readonly<Record<string, string>>;
  const { certificate } = partner.signs as Readonly<Record<string, string>>;
  const form = { grant_type: "client_credentials", client_id: admin.username, client_secret: admin.password };
  const login = await fetch(tokenUrl ?? "", { method: "POST", body: new URLSearchParams(form) });
  const { access_token: token } = (await login.json()) as { access_token?: string };
  const answer = await fetch(`${url}/uploadOtherDomainCertificate`, {
    method: "POST",
    // Keymanager takes the token from this cookie and from nowhere else.
    headers: { cookie: `Authorization=${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      id: "partner",
      version: "1.0",
      requesttime: new Date().toISOString(),
      metadata: {},
      request: { applicationId, referenceId: partner.name, certificateData: certificate },
    }),
  });
  const { errors } = (await answer.json()) as { errors?: unknown };
  if (!answer.ok || (errors ?? undefined) !== undefined)
    throw new Error(`HTTP ${answer.status}: ${JSON.stringify(errors)}`);
}
