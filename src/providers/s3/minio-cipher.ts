import { argon2, createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { ServiceError } from "../../model/error.ts";
import type { Secret } from "../../model/secret.ts";

/**
 * How MinIO's administration API encrypts bodies that hold secrets (madmin-go, encrypt.go): `salt 32 | id 1 | nonce 8 | stream`, with a
 * key derived from the administrator's secret key. The stream is sio-go's: fragments of 16 KiB, each sealed with the nonce and a
 * counter; fragment 0 seals nothing, and its tag is the associated data of all others.
 */
const SALT = 32;
const NONCE = 8;
const TAG = 16;
const FRAGMENT = 16_384;

/** Which cipher and key derivation a body uses. */
const ID = { argonAes: 0x00, argonChacha: 0x01, pbkdfAes: 0x02 } as const;
const PBKDF2_ROUNDS = 8192;
const ARGON2 = { passes: 1, memory: 64 * 1024, parallelism: 4, tagLength: 32 } as const;

type Algorithm = "aes-256-gcm" | "chacha20-poly1305";

/** Encrypts a body as MinIO expects it. PBKDF2 is the cheapest of the forms that every version takes. */
export async function encryptBody(secret: Secret, body: string): Promise<Buffer> {
  const salt = randomBytes(SALT);
  const nonce = randomBytes(NONCE);
  const key = await promisify(pbkdf2)(secret.reveal(), salt, PBKDF2_ROUNDS, 32, "sha256");
  return Buffer.concat([
    salt,
    Buffer.of(ID.pbkdfAes),
    nonce,
    ...sealAll("aes-256-gcm", key, nonce, Buffer.from(body, "utf8")),
  ]);
}

/**
 * Decrypts a body that MinIO sent.
 *
 * @throws ServiceError `S3_ADMIN_ANSWER` when it is no such body or was sealed with another secret
 */
export async function decryptBody(secret: Secret, body: Buffer): Promise<string> {
  const salt = body.subarray(0, SALT);
  const id = body.at(SALT);
  const nonce = body.subarray(SALT + 1, SALT + 1 + NONCE);
  const stream = body.subarray(SALT + 1 + NONCE);
  try {
    if (id === ID.pbkdfAes) {
      const key = await promisify(pbkdf2)(secret.reveal(), salt, PBKDF2_ROUNDS, 32, "sha256");
      return openAll("aes-256-gcm", key, nonce, stream).toString("utf8");
    }
    if (id !== ID.argonAes && id !== ID.argonChacha) throw new Error("unknown cipher");
    const key = await promisify(argon2)("argon2id", { message: secret.reveal(), nonce: salt, ...ARGON2 });
    return openAll(id === ID.argonAes ? "aes-256-gcm" : "chacha20-poly1305", key, nonce, stream).toString("utf8");
  } catch (error) {
    throw new ServiceError("MinIO's answer to its administrator could not be decrypted. Nothing was changed.", {
      code: "S3_ADMIN_ANSWER",
      hint: "The server may be no MinIO, or one of an unknown version.",
      cause: error,
    });
  }
}

function* sealAll(algorithm: Algorithm, key: Buffer, nonce: Buffer, plain: Buffer): Generator<Buffer> {
  const data = associatedData(algorithm, key, nonce);
  for (let at = 0, count = 1; ; at += FRAGMENT, count += 1) {
    const last = at + FRAGMENT >= plain.length;
    yield seal(algorithm, key, fragmentNonce(nonce, count), plain.subarray(at, at + FRAGMENT), marked(data, last));
    if (last) return;
  }
}

function openAll(algorithm: Algorithm, key: Buffer, nonce: Buffer, stream: Buffer): Buffer {
  const data = associatedData(algorithm, key, nonce);
  const parts: Buffer[] = [];
  for (let at = 0, count = 1; ; at += FRAGMENT + TAG, count += 1) {
    const last = at + FRAGMENT + TAG >= stream.length;
    const sealed = stream.subarray(at, at + FRAGMENT + TAG);
    const decipher = createDecipheriv(algorithm as "aes-256-gcm", key, fragmentNonce(nonce, count), {
      authTagLength: TAG,
    });
    decipher.setAAD(marked(data, last), { plaintextLength: sealed.length - TAG });
    decipher.setAuthTag(sealed.subarray(-TAG));
    parts.push(decipher.update(sealed.subarray(0, -TAG)), decipher.final());
    if (last) return Buffer.concat(parts);
  }
}

function seal(algorithm: Algorithm, key: Buffer, nonce: Buffer, plain: Buffer, data: Buffer | undefined): Buffer {
  const cipher = createCipheriv(algorithm as "aes-256-gcm", key, nonce, { authTagLength: TAG });
  if (data !== undefined) cipher.setAAD(data, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function associatedData(algorithm: Algorithm, key: Buffer, nonce: Buffer): Buffer {
  return seal(algorithm, key, fragmentNonce(nonce, 0), Buffer.alloc(0), undefined);
}

/** The last fragment is told apart by its associated data, so that nobody can cut a stream. */
function marked(data: Buffer, last: boolean): Buffer {
  return Buffer.concat([Buffer.of(last ? 0x80 : 0x00), data]);
}

function fragmentNonce(nonce: Buffer, count: number): Buffer {
  const whole = Buffer.alloc(NONCE + 4);
  nonce.copy(whole);
  whole.writeUInt32LE(count, NONCE);
  return whole;
}
