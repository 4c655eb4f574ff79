import type { Desired, Document } from "./desired.ts";
import type { Drift } from "./findings.ts";
import type { Observed } from "./observe.ts";

/**
 * Further role mappings that reach our user: whole state is compared, not only our own mapping. One that names the user is repaired by taking the
 * name out; one that reaches it by a pattern (`*`, `dev__*`) is another's to change and is reported.
 */
export function grantsOf(wanted: Desired, observed: Observed): Drift[] {
  return [...observed.mappings].flatMap(([role, mapping]): Drift[] => {
    if (role === wanted.user) return [];
    const users = listOf(mapping, "users");
    const aspect = `grant:${role}`;
    const reserved = mapping["reserved"] === true || mapping["hidden"] === true;
    if (users.includes(wanted.user))
      return [
        {
          aspect,
          expected: "not granted",
          actual: `granted to user "${wanted.user}"`,
          ...(reserved
            ? {
                repair: "manual",
                note: "the mapping is reserved: it can be changed only in the server's security files",
              }
            : { repair: "apply", part: { kind: "grant", name: role } as const }),
        },
      ];
    const pattern = users.find((one) => matches(one, wanted.user));
    if (pattern === undefined || isOwnIndexOnly(role, observed)) return [];
    return [
      {
        aspect,
        expected: "not granted",
        actual: `granted to every user that matches "${pattern}"`,
        repair: "manual",
        note: `narrow the mapping of role "${role}", or accept "${aspect}"`,
      },
    ];
  });
}

/** Strings in a list of a document. */
export function listOf(document: Document | undefined, key: string): readonly string[] {
  const value = document?.[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/**
 * Every installation maps all users to a role `own_index` for the index that is named exactly like the user. No index of ours is: what they
 * are called goes on behind the prefix.
 */
function isOwnIndexOnly(role: string, observed: Observed): boolean {
  const found = observed.roles.get(role);
  const permissions = (found?.["index_permissions"] ?? []) as Document[];
  return (
    role === "own_index" &&
    permissions.every((one) => listOf(one, "index_patterns").every((pattern) => pattern === "${user_name}"))
  );
}

/** Patterns of the security plugin: `*`, `?`, and regular expressions between slashes. */
function matches(pattern: string, text: string): boolean {
  if (!/[*?]|^\/.*\/$/.test(pattern)) return false;
  if (/^\/.+\/$/.test(pattern)) {
    try {
      return new RegExp(`^(?:${pattern.slice(1, -1)})$`).test(text);
    } catch {
      // Java's expressions know more than ours; what cannot be judged is reported rather than passed over.
      return true;
    }
  }
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(text);
}
