import { inspect } from "node:util";
import { CommonsError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";

/** JSON of a value whose secrets are written in clear, to be handed to a process of ours by its standard input. */
export function encode(value: unknown): string {
  return JSON.stringify(reveal(value));
}

/** The value that {@link encode} was given. */
export function decode(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) =>
    isRecord(value) && typeof value["$secret"] === "string" ? new Secret(value["$secret"]) : value,
  );
}

/** The clear text of every secret inside a value. */
export function secretsIn(value: unknown): string[] {
  if (value instanceof Secret) return [value.reveal()];
  return isRecord(value) || Array.isArray(value) ? Object.values(value).flatMap(secretsIn) : [];
}

/** All texts that something returned or thrown can turn into on its way to a terminal or a file. */
export function textsOf(value: unknown): string[] {
  if (value instanceof CommonsError) return [value.stack ?? "", value.message, JSON.stringify(value)];
  if (value instanceof Error) return [value.stack ?? "", value.message];
  return [JSON.stringify(value) ?? "", inspect(value, { depth: 20, maxArrayLength: null, maxStringLength: null })];
}

function reveal(value: unknown): unknown {
  if (value instanceof Secret) return { $secret: value.reveal() };
  if (Array.isArray(value)) return value.map(reveal);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, reveal(one)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
