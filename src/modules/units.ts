import * as z from "zod";

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
} as const;

/** A stretch of time such as `7d` or `12h`; {@link milliseconds} reads it. */
export function duration() {
  return z.string().regex(/^\d{1,9}(ms|s|m|h|d)$/, "a duration with unit, e.g. `7d`, `12h` or `30s`");
}

/** An amount of data such as `10GiB`; {@link bytes} reads it. */
export function size() {
  return z.string().regex(/^\d{1,9}(B|[KMGT]iB|kB|[MGT]B)$/, "an amount of data with unit, e.g. `10GiB` or `500MB`");
}

/** Milliseconds of a {@link duration}. */
export function milliseconds(text: string): number {
  const [, number = "0", unit = "ms"] = /^(\d+)(\w+)$/.exec(text) ?? [];
  return Number(number) * MS[unit as keyof typeof MS];
}

/** Bytes of a {@link size}. */
export function bytes(text: string): number {
  const [, number = "0", unit = "B"] = /^(\d+)(\w+)$/.exec(text) ?? [];
  return Number(number) * BYTES[unit as keyof typeof BYTES];
}
