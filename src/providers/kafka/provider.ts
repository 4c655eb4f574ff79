import type { Provider } from "../contract.ts";
import { bindingOf } from "./binding.ts";
import { checkUser } from "./check.ts";
import { desiredUser } from "./desired.ts";
import { KafkaSession } from "./session.ts";

/** Kafka 3.3 or newer (without ZooKeeper), with SASL/SCRAM-SHA-512 and an authorizer. */
export const kafka: Provider<"kafka"> = {
  open: (endpoint, placement, context) => KafkaSession.open(endpoint, placement, context),
  binding: async (endpoint, placement, claim, credential) =>
    bindingOf(endpoint, desiredUser(placement, claim), credential),
  check: (endpoint, placement, claim, credential, timeoutMs) =>
    checkUser(endpoint, desiredUser(placement, claim), credential, timeoutMs),
};
