import type { Figure } from "./figure.ts";
import type { Version } from "./server.ts";

/** What a benchmark is to measure. */
export interface Context {
  readonly version: Version;
  /** Number of databases; undefined means the benchmark's own. */
  readonly n: number | undefined;
  /** Tells what is going on, on stderr. */
  readonly tell: (text: string) => void;
}

/** Measures something; its figures come from this one run. */
export interface Bench {
  /** One line: what is measured. */
  readonly title: string;
  readonly run: (context: Context) => Promise<Figure[]>;
}

/** A ratio of two times from one run. */
export function ratio(to: string, value: number, of: number): NonNullable<Figure["ratio"]> {
  return { to, value: value / of };
}
