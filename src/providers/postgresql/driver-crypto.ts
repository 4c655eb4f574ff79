import { createHash, createHmac, pbkdf2, randomBytes as random } from "node:crypto";
import { promisify } from "node:util";

/**
 * What the driver's own `lib/crypto/utils.js` does by the Web Crypto API, done by node:crypto: at a login it costs a process 4 ms
 * less the first time and 1 ms each time, which counts where every login is tried. The bundler puts it in place of the driver's;
 * running from source the driver keeps its own.
 */
const derive = promisify(pbkdf2);

export function randomBytes(length: number): Buffer {
  return random(length);
}

/** PBKDF2 over HMAC-SHA-256, 32 bytes. */
export async function deriveKey(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return derive(password, salt, iterations, 32, "sha256");
}

export async function hmacSha256(key: Uint8Array, message: string): Promise<Buffer> {
  return createHmac("sha256", key).update(message, "utf8").digest();
}

export async function sha256(data: Uint8Array): Promise<Buffer> {
  return createHash("sha256").update(data).digest();
}

/** @param name as in certificates' signatures: `SHA-256`, `SHA-384` or `SHA-512` */
export async function hashByName(name: string, data: Uint8Array): Promise<Buffer> {
  return createHash(name.replace("-", "")).update(data).digest();
}

export async function md5(data: string | Uint8Array): Promise<string> {
  return createHash("md5").update(data).digest("hex");
}

/** The answer to AuthenticationMD5Password (PostgreSQL docs, protocol flow). */
export async function postgresMd5PasswordHash(user: string, password: string, salt: Uint8Array): Promise<string> {
  return `md5${await md5(Buffer.concat([Buffer.from(await md5(password + user)), salt]))}`;
}
