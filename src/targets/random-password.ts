import { randomInt } from "node:crypto";
import { Secret } from "../model/secret.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LENGTH = 32;

/** A new password: 32 letters and digits (190 bits), so it needs no quoting in URLs, shells or YAML. */
export function randomPassword(): Secret {
  return new Secret(Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join(""));
}
