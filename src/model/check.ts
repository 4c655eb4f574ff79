/**
 * What one look at something needed found. `waiting` may pass by itself; `unhealthy` will not unless somebody changes
 * something (a wrong password, a missing membership). The reason is one sentence without a full stop and without secrets.
 */
export type CheckResult =
  { readonly state: "ready" } | { readonly state: "waiting" | "unhealthy"; readonly reason: string };

/**
 * Looks once. Must settle within about `timeoutMs`, by returning `waiting` if nothing else is known by then, and throws
 * only when the look itself is impossible for good.
 */
export type Check = (timeoutMs: number) => Promise<CheckResult>;
