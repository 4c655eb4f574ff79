import type { Fields } from "../../model/binding.ts";
import type { Credential } from "../../model/credential.ts";
import type { RedisEndpoint } from "../../model/endpoint.ts";
import { Secret } from "../../model/secret.ts";
import type { DesiredKeyspace } from "./desired.ts";

/**
 * What an instance is handed. Every key and channel it uses begins with `keyPrefix` and `channelPrefix`: in Celery that is `keyPrefix` as
 * `global_keyprefix` in `broker_transport_options` and `result_backend_transport_options`, and nothing else.
 */
export function keyspaceBinding(endpoint: RedisEndpoint, wanted: DesiredKeyspace, { password }: Credential): Fields {
  const [{ host, port } = { host: "", port: 0 }] = endpoint.hosts;
  const authority = `${encodeURIComponent(wanted.user)}:${encodeURIComponent(password.reveal())}@${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    host,
    port: String(port),
    username: wanted.user,
    password,
    uri: new Secret(`${endpoint.tls ? "rediss" : "redis"}://${authority}/0`),
    keyPrefix: wanted.keyPrefix,
    channelPrefix: wanted.channelPrefix,
  };
}
