import type { Fields } from "../../model/binding.ts";
import type { Credential } from "../../model/credential.ts";
import type { KafkaEndpoint } from "../../model/endpoint.ts";
import type { DesiredUser } from "./desired.ts";

/**
 * What an instance is handed: `host` and `port` of the first broker, `bootstrapServers` with all of them, `username`, `password`,
 * `securityProtocol`, `saslMechanism`, the prefixes of the names it may choose (empty where it may choose none), and `topic-<word>` for each
 * topic.
 */
export function bindingOf(endpoint: KafkaEndpoint, user: DesiredUser, credential: Credential): Fields {
  const addresses = endpoint.hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  const [first] = endpoint.hosts;
  const { topics, groups, transactionalIds } = user.prefixes;
  return {
    host: first?.host ?? "",
    port: String(first?.port ?? ""),
    bootstrapServers: addresses.join(","),
    username: credential.username,
    password: credential.password,
    securityProtocol: endpoint.tls ? "SASL_SSL" : "SASL_PLAINTEXT",
    saslMechanism: "SCRAM-SHA-512",
    topicPrefix: topics,
    groupPrefix: groups,
    transactionalIdPrefix: transactionalIds,
    ...Object.fromEntries(Object.entries(user.uses).map(([word, topic]) => [`topic-${word}`, topic])),
  };
}
