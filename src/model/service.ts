/** The services of a commons, plus `kubernetes`, which only takes part in naming (namespaces, Secrets, Helm releases). */
export const SERVICES = [
  "postgresql",
  "kafka",
  "s3",
  "opensearch",
  "keymanager",
  "keycloak",
  "redis",
  "kubernetes",
] as const;

/** One service of the commons. */
export type Service = (typeof SERVICES)[number];

/** How far one server of a service is shared: the whole environment (V4.5), a sandbox, or one instance (V4's form). */
export type Sharing = "environment" | "sandbox" | "instance";

/** All values of {@link Sharing}, widest first. */
export const SHARINGS = ["environment", "sandbox", "instance"] as const satisfies readonly Sharing[];
