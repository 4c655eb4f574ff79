import { credentialKey } from "../../model/credential.ts";
import { type Acl, aclText, principalOf } from "./acl.ts";
import type { DesiredUser } from "./desired.ts";
import { type Drift, manual, repairable } from "./drift.ts";
import { isMarkPrincipal, userMark } from "./mark.ts";
import type { Observed } from "./observe.ts";
import { SCRAM_ITERATIONS } from "./scram.ts";

const MECHANISM = "SCRAM-SHA-512";

/** What differs of a login: its mark, rights, quotas, and its password last, since a login that works proves all of it. Pure. */
export function diffUser(wanted: DesiredUser, observed: Observed, taken: boolean): Drift[] {
  return [
    ...diffMark(wanted, observed),
    ...diffRights(wanted, observed),
    ...diffQuotas(wanted, observed),
    ...diffPassword(wanted, observed, taken),
  ];
}

function diffMark(wanted: DesiredUser, observed: Observed): Drift[] {
  const expected = userMark(wanted.user, wanted.mark);
  const found = observed.marks.filter((one) => one.on === "user" && one.name === wanted.user);
  const drifts: Drift[] = [];
  if (!found.some((one) => one.acl.principal === expected.principal))
    drifts.push(
      repairable("mark", expected.principal, found[0]?.acl.principal ?? "none", { do: "add-acl", acl: expected }),
    );
  // The environment was renamed, or the access has another target.
  for (const { acl } of found)
    if (acl.principal !== expected.principal)
      drifts.push(repairable(`mark:${acl.principal}`, "none", "an older mark", { do: "drop-acl", acl }));
  return drifts;
}

function diffRights(wanted: DesiredUser, observed: Observed): Drift[] {
  const found = observed.acls.filter((acl) => acl.principal === principalOf(wanted.user));
  const texts = new Set(found.map(aclText));
  const expected = new Set(wanted.acls.map(aclText));
  return [
    ...found
      .filter((acl) => !expected.has(aclText(acl)))
      .map((acl) => repairable(`acl:${aclText(acl)}`, "none", "it stands", { do: "drop-acl", acl })),
    ...wanted.acls
      .filter((acl) => !texts.has(aclText(acl)))
      .map((acl) => repairable(`acl:${aclText(acl)}`, "it stands", "none", { do: "add-acl", acl })),
  ];
}

function diffQuotas(wanted: DesiredUser, observed: Observed): Drift[] {
  const found = observed.quotas.get(wanted.user) ?? {};
  const keys = [...new Set([...Object.keys(wanted.quota), ...Object.keys(found)])].sort();
  return keys
    .filter((key) => wanted.quota[key] !== found[key])
    .map((key) =>
      repairable(`quota:${key}`, text(wanted.quota[key]), text(found[key]), {
        do: "set-quota",
        key,
        value: wanted.quota[key],
      }),
    );
}

function text(value: number | undefined): string {
  return value === undefined ? "none" : String(value);
}

/** @param taken whether the user was taken over, so that its password is set in any case */
function diffPassword(wanted: DesiredUser, observed: Observed, taken: boolean): Drift[] {
  const found = observed.users.get(wanted.user);
  const others = [...(found?.keys() ?? [])]
    .filter((mechanism) => mechanism !== MECHANISM)
    .map((mechanism) =>
      repairable(`password:${mechanism}`, "none", "there is one", { do: "drop-password", mechanism }),
    );
  const iterations = found?.get(MECHANISM);
  const set = { do: "set-password" } as const;
  if (iterations === undefined) return [...others, repairable("user", "there is one", "none", set)];
  const login = observed.logins.get(credentialKey(wanted.ref));
  if (taken || (login !== undefined && login !== "works"))
    return [...others, repairable("password", "the stored one", login ?? "unknown", set)];
  if (iterations < SCRAM_ITERATIONS)
    return [...others, repairable("password:iterations", String(SCRAM_ITERATIONS), String(iterations), set)];
  return others;
}

/**
 * Rights of others on what is this claim's alone. What names its topics or its prefixes is ours to take away; a rule for far
 * more than them is somebody's decision and only told. Pure.
 *
 * @param known users of this environment, whose rights are compared one by one
 * @param admin the administrator, who may hold rights on everything
 */
export function diffStrangers(
  wanted: DesiredUser,
  observed: Observed,
  known: ReadonlySet<string>,
  admin: string,
): Drift[] {
  const prefixes = {
    topic: wanted.prefixes.topics,
    group: wanted.prefixes.groups,
    "transactional-id": wanted.prefixes.transactionalIds,
  };
  const owned = (acl: Acl): boolean => {
    const prefix = acl.type in prefixes ? prefixes[acl.type as keyof typeof prefixes] : "";
    if (prefix !== "" && acl.name.startsWith(prefix)) return true;
    return acl.type === "topic" && wanted.topics.some((topic) => topic.name === acl.name);
  };
  const covering = (acl: Acl): boolean => {
    const prefix = acl.type in prefixes ? prefixes[acl.type as keyof typeof prefixes] : "";
    if (prefix === "" || acl.permission === "deny" || WATCHING.has(acl.operation)) return false;
    return acl.pattern === "prefixed" ? prefix.startsWith(acl.name) : acl.name === "*";
  };
  return observed.acls
    .filter((acl) => !isMarkPrincipal(acl) && !known.has(acl.principal))
    .flatMap((acl) => {
      const aspect = `acl:${aclText(acl)}`;
      if (owned(acl)) return [repairable(aspect, "none", "it stands", { do: "drop-acl", acl })];
      if (!covering(acl) || acl.principal === principalOf(admin)) return [];
      return [
        manual(aspect, "none", "it stands", "it covers more than this claim: take it away by hand, or accept it"),
      ];
    });
}

/** Rights with which nothing is read or written. */
const WATCHING: ReadonlySet<string> = new Set(["describe", "describe-configs", "cluster-action"]);
