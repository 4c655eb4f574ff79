import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Secret } from "../../model/secret.ts";

const derive = promisify(pbkdf2);

/** PostgreSQL's own default; drivers refuse fewer, more makes every login slower (PostgreSQL docs, `scram_iterations`). */
export const SCRAM_ITERATIONS = 4096;

/**
 * The SCRAM-SHA-256 verifier that PostgreSQL stores for a password, computed here so that the clear text never reaches
 * the server or its log. Format: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (PostgreSQL docs,
 * catalog pg_authid; RFC 5802 section 3). The password must be printable ASCII, where SASLprep changes nothing.
 */
export async function scramVerifier(password: Secret, salt: Buffer = randomBytes(16)): Promise<string> {
  const salted = await derive(password.reveal(), salt, SCRAM_ITERATIONS, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
