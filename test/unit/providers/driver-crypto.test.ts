import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import * as ours from "../../../src/providers/postgresql/driver-crypto.ts";

/** The driver's functions that ours stand in for. */
const drivers = createRequire(import.meta.url)("pg/lib/crypto/utils") as typeof ours;

const hex = (data: Uint8Array | ArrayBuffer) => Buffer.from(data as Uint8Array).toString("hex");

test("each function that the driver has is there", () => {
  expect(Object.keys(ours).sort()).toEqual(Object.keys(drivers).sort());
});

test("what they compute is the same", async () => {
  for (let round = 0; round < 20; round += 1) {
    const text = `${randomBytes(round).toString("base64url")}ü€`;
    const bytes = randomBytes(16 + round);
    expect(hex(await ours.deriveKey(text, bytes, 64 + round))).toBe(
      hex(await drivers.deriveKey(text, bytes, 64 + round)),
    );
    expect(hex(await ours.hmacSha256(bytes, text))).toBe(hex(await drivers.hmacSha256(bytes, text)));
    expect(hex(await ours.sha256(bytes))).toBe(hex(await drivers.sha256(bytes)));
    for (const name of ["SHA-256", "SHA-384", "SHA-512"])
      expect(hex(await ours.hashByName(name, bytes))).toBe(hex(await drivers.hashByName(name, bytes)));
    expect(await ours.postgresMd5PasswordHash("user", text, bytes)).toBe(
      await drivers.postgresMd5PasswordHash("user", text, bytes),
    );
  }
  expect(ours.randomBytes(18)).toHaveLength(18);
});
