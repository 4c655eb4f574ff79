import { readFile } from "node:fs/promises";
import type { SecretSource } from "../model/environment.ts";
import { ConfigError, ServiceError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";

/**
 * Reads a secret from where the environment file says: a variable, a file, or a key of a Kubernetes Secret.
 *
 * @param whose for messages, e.g. `the PostgreSQL admin's password`
 * @throws ConfigError `SECRET_MISSING` when it is not there; ServiceError `KUBERNETES_UNREACHABLE` when the cluster does not answer.
 */
export async function readSecret(
  source: SecretSource,
  whose: string,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<Secret> {
  if ("env" in source) {
    const value = env[source.env];
    if (value !== undefined && value !== "") return new Secret(value);
    const message = `The environment variable ${source.env} is not set; ${file} takes ${whose} from it. Nothing was changed.`;
    throw new ConfigError(message, [], { code: "SECRET_MISSING", hint: `Set ${source.env} to it.` });
  }
  if ("file" in source) {
    try {
      return new Secret((await readFile(source.file, "utf8")).replace(/\r?\n$/, ""));
    } catch (error) {
      throw new ConfigError(`The file ${source.file} with ${whose} cannot be read. Nothing was changed.`, [], {
        code: "SECRET_MISSING",
        hint: "Create it, readable by you alone, with the secret as its only line.",
        cause: error,
      });
    }
  }
  return fromKubernetes(source.secret, whose, env);
}

async function fromKubernetes(
  { namespace, name, key }: Extract<SecretSource, { readonly secret: unknown }>["secret"],
  whose: string,
  env: NodeJS.ProcessEnv,
): Promise<Secret> {
  const { ApiException, CoreV1Api, KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const paths = env["KUBECONFIG"];
  if (paths === undefined || paths === "") config.loadFromDefault();
  else config.loadFromFile(paths.split(":")[0] ?? paths);
  const context = config.getContextObject(config.getCurrentContext());
  const inside = namespace ?? context?.namespace ?? "default";
  let data: Record<string, string> | undefined;
  try {
    ({ data } = await config.makeApiClient(CoreV1Api).readNamespacedSecret({ name, namespace: inside }));
  } catch (error) {
    if (error instanceof ApiException && (error.code === 404 || error.code === 403)) {
      const why = error.code === 404 ? "is not there" : "may not be read by you";
      throw new ConfigError(`The Secret ${inside}/${name} with ${whose} ${why}. Nothing was changed.`, [], {
        code: "SECRET_MISSING",
        hint: "Check name and namespace, and the rights of the account in use (kubectl auth can-i get secrets).",
        cause: error,
      });
    }
    throw new ServiceError(
      `Kubernetes (context ${config.getCurrentContext() || "none"}) does not answer; the Secret ${inside}/${name} holds ${whose}. Nothing was changed.`,
      { code: "KUBERNETES_UNREACHABLE", hint: "Check KUBECONFIG and the current context.", cause: error },
    );
  }
  const value = data?.[key];
  if (value === undefined) {
    const keys = Object.keys(data ?? {}).join(", ") || "none";
    throw new ConfigError(
      `The Secret ${inside}/${name} has no key ${key} with ${whose}; it has: ${keys}. Nothing was changed.`,
      [],
      {
        code: "SECRET_MISSING",
        hint: "Correct `key` in the environment file.",
      },
    );
  }
  return new Secret(Buffer.from(value, "base64").toString("utf8"));
}
