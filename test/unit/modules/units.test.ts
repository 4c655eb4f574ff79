import { expect, it } from "vitest";
import { bytes, duration, milliseconds, size } from "../../../src/modules/units.ts";

it.each([
  ["250ms", 250],
  ["30s", 30_000],
  ["5m", 300_000],
  ["12h", 43_200_000],
  ["7d", 604_800_000],
  ["0s", 0],
  ["36500d", 3_153_600_000_000],
])("the duration %s has %d milliseconds", (text, expected) => {
  expect(duration().safeParse(text).success).toBe(true);
  expect(milliseconds(text)).toBe(expected);
  expect(Number.isSafeInteger(milliseconds(text))).toBe(true);
});

it.each(["7", "7 d", "d", "-1s", "1.5h", "1w", "7D", "1e3s", "9999999999s", ""])("%j is no duration", (text) => {
  expect(duration().safeParse(text).success).toBe(false);
});

it.each([
  ["512B", 512],
  ["1KiB", 1024],
  ["10MiB", 10_485_760],
  ["10GiB", 10_737_418_240],
  ["1TiB", 1_099_511_627_776],
  ["5kB", 5_000],
  ["500MB", 500_000_000],
  ["2GB", 2_000_000_000],
  ["3TB", 3_000_000_000_000],
])("the amount %s has %d bytes", (text, expected) => {
  expect(size().safeParse(text).success).toBe(true);
  expect(bytes(text)).toBe(expected);
});

it.each(["10", "10 GiB", "10GB/s", "10KB", "10gib", "1.5GiB", "-1B", "GiB", ""])("%j is no amount of data", (text) => {
  expect(size().safeParse(text).success).toBe(false);
});
