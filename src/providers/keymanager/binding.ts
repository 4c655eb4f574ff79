import type { Fields } from "../../model/binding.ts";
import type { Credential } from "../../model/credential.ts";
import { baseUrl, type KeymanagerEndpoint } from "../../model/endpoint.ts";
import { ServiceError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import { Api, failed } from "./api.ts";
import type { DesiredApplication } from "./desired.ts";

/**
 * What an instance is handed: where Keymanager is, which keys are its own, and how it signs in.
 *
 * @throws ServiceError `KEYMANAGER_…` when the certificate cannot be read, e.g. before the first apply
 */
export async function binding(
  endpoint: KeymanagerEndpoint,
  wanted: DesiredApplication,
  credential: Credential,
): Promise<Fields> {
  const [first] = endpoint.hosts;
  const guarded = endpoint.auth !== undefined && wanted.client !== undefined;
  return {
    host: first?.host ?? "",
    port: String(first?.port ?? ""),
    url: baseUrl(endpoint),
    applicationId: wanted.applicationId,
    referenceId: wanted.baseKeys[0] ?? "",
    certificate: await certificateOf(endpoint, wanted),
    authEnabled: String(guarded),
    tokenUrl: endpoint.auth?.tokenUrl ?? "",
    clientId: guarded ? (wanted.client?.clientId ?? "") : "",
    clientSecret: guarded ? credential.password : new Secret(""),
  };
}

async function certificateOf(endpoint: KeymanagerEndpoint, wanted: DesiredApplication): Promise<string> {
  const api = new Api(endpoint, "keymanager", 1);
  try {
    const query = new URLSearchParams({ applicationId: wanted.applicationId }).toString();
    const answer = await api.admin("GET", `/getCertificate?${query}`);
    const { certificate } = answer.response;
    if (typeof certificate === "string") return certificate;
    if (answer.error !== undefined) throw failed("keymanager", "reading a certificate", answer, wanted.id);
    throw new ServiceError("Keymanager answered without a certificate.", {
      code: "KEYMANAGER_FAILED",
      resource: wanted.id,
    });
  } finally {
    await api.close();
  }
}
