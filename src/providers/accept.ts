import type { Finding } from "../model/plan.ts";

/** Leaves out the findings that the environment file accepts; `*` in a pattern matches any run of characters. */
export function withoutAccepted<T extends Finding>(findings: readonly T[], accept: readonly string[]): T[] {
  if (accept.length === 0) return [...findings];
  const patterns = accept.map((pattern) => new RegExp(`^${pattern.split("*").map(escapeRegExp).join(".*")}$`, "s"));
  return findings.filter((finding) => !patterns.some((pattern) => pattern.test(finding.aspect)));
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
