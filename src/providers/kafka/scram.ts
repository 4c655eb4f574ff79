import { pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Secret } from "../../model/secret.ts";

const derive = promisify(pbkdf2);

/** Kafka's own least and default number (Kafka documentation, "Security Considerations for SASL/SCRAM"). */
export const SCRAM_ITERATIONS = 4096;

/** What Kafka is sent of a password. */
export interface SaltedPassword {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly saltedPassword: Buffer;
}

/**
 * Salts a password for SCRAM-SHA-512 (RFC 5802, section 3), so that the clear text never leaves this process. The password must
 * be printable ASCII, where SASLprep changes nothing.
 */
export async function saltPassword(password: Secret, salt: Buffer = randomBytes(24)): Promise<SaltedPassword> {
  const saltedPassword = await derive(password.reveal(), salt, SCRAM_ITERATIONS, 64, "sha512");
  return { iterations: SCRAM_ITERATIONS, salt, saltedPassword };
}
