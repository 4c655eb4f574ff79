import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";

/** A certificate with its private key, both PEM; the key as PKCS #8. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

const YEARS_VALID = 20;
const DAY_MS = 86_400_000;

/** Object identifiers, DER-encoded without tag and length. */
const COMMON_NAME = "550403";
const ECDSA_WITH_SHA256 = "2a8648ce3d040302";
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const EXTENDED_KEY_USAGE = "551d25";
const ALTERNATIVE_NAME = "551d11";
const SUBJECT_KEY = "551d0e";
const AUTHORITY_KEY = "551d23";
const SERVER_AUTH = "2b06010505070301";
const CLIENT_AUTH = "2b06010505070302";

/**
 * Makes a certificate authority of our own (ECDSA P-256, valid for twenty years), for servers that only this machine reaches. Node has no
 * function for it, and neither openssl nor a key tool has to be installed: this writes the DER of RFC 5280, section 4.
 */
export function makeAuthority(commonName: string): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    extension(BASIC_CONSTRAINTS, sequence(boolean(true)), true),
    // keyCertSign and cRLSign
    extension(KEY_USAGE, tlv(0x03, hex("0106")), true),
  ];
  const name = distinguishedName(commonName);
  return pair(certificate(name, name, publicKey, privateKey, extensions), privateKey);
}

/**
 * Makes a certificate for a server on this machine, good for client and server authentication under the names `localhost`,
 * 127.0.0.1 and ::1, signed by an authority that {@link makeAuthority} made.
 */
export function makeServerCertificate(authority: CertificatePair, commonName: string): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = new X509Certificate(authority.certificate).subject.replace(/^CN=/, "");
  const extensions = [
    extension(BASIC_CONSTRAINTS, sequence(), true),
    // digitalSignature
    extension(KEY_USAGE, tlv(0x03, hex("0780")), true),
    extension(EXTENDED_KEY_USAGE, sequence(tlv(0x06, hex(SERVER_AUTH)), tlv(0x06, hex(CLIENT_AUTH)))),
    extension(
      ALTERNATIVE_NAME,
      sequence(
        tlv(0x82, Buffer.from("localhost")),
        tlv(0x87, hex("7f000001")),
        tlv(0x87, hex("00000000000000000000000000000001")),
      ),
    ),
  ];
  const signer = createPrivateKey(authority.key);
  const der = certificate(distinguishedName(commonName), distinguishedName(issuer), publicKey, signer, extensions);
  return pair(der, privateKey);
}

function certificate(
  subject: Buffer,
  issuer: Buffer,
  publicKey: KeyObject,
  signer: KeyObject,
  extensions: readonly Buffer[],
): Buffer {
  const keys = [
    extension(SUBJECT_KEY, tlv(0x04, keyId(publicKey))),
    extension(AUTHORITY_KEY, sequence(tlv(0x80, keyId(createPublicKey(signer))))),
  ];
  const algorithm = sequence(tlv(0x06, hex(ECDSA_WITH_SHA256)));
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0); // positive, and never shorter
  const begin = new Date(Date.now() - DAY_MS);
  const end = new Date(begin);
  end.setUTCFullYear(end.getUTCFullYear() + YEARS_VALID);
  const signed = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    algorithm,
    issuer,
    sequence(time(begin), time(end)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions, ...keys)),
  );
  return sequence(signed, algorithm, bits(sign("sha256", signed, signer)));
}

/** Strict verifiers, such as Python's from 3.13 on, want certificates to name their keys. */
function keyId(key: KeyObject): Buffer {
  return createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
}

function pair(der: Buffer, key: KeyObject): CertificatePair {
  const lines = der.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(tlv(0x06, hex(COMMON_NAME)), tlv(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(tlv(0x06, hex(id)), ...(critical ? [boolean(true)] : []), tlv(0x04, value));
}

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280, section 4.1.2.5). */
function time(date: Date): Buffer {
  const text = `${date.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
}

function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.from([value ? 0xff : 0]));
}

function bits(value: Buffer): Buffer {
  return tlv(0x03, Buffer.concat([Buffer.from([0]), value]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

/** Tag, length and value (X.690, section 8.1). */
function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
