import { principalOf } from "./acl.ts";
import type { DesiredUser } from "./desired.ts";
import { holderText, isMarkPrincipal, isSameOwner, type Mark } from "./mark.ts";
import type { ObservedServer } from "./observe.ts";

/**
 * Whose the user and the topics of a claim are, judged before anything is compared or changed.
 *
 * | user or topic on the server     | its mark         | verdict | then                                          |
 * | ------------------------------- | ---------------- | ------- | --------------------------------------------- |
 * | no, none of them                | no               | absent  | make it                                       |
 * | any                             | ours             | ours    | compare and repair                            |
 * | topic gone                      | ours, as made    | lost    | refuse; `--recreate` makes it anew, empty      |
 * | yes                             | no               | foreign | refuse; `--adopt` takes it over                |
 * | any                             | another claim's  | held    | refuse and name the holder                    |
 */
export type Verdict =
  | { readonly verdict: "absent" | "ours" }
  | { readonly verdict: "lost" | "foreign" | "held"; readonly reason: string; readonly hint: string };

/** Judges one claim or access. A lost user is no loss: it holds no data. Pure. */
export function judge(wanted: DesiredUser, server: ObservedServer): Verdict {
  const marks = [
    ...server.marks.filter((one) => one.on === "user" && one.name === wanted.user),
    ...server.marks.filter((one) => one.on === "topic" && wanted.topics.some((topic) => topic.name === one.name)),
  ];
  const other = marks.find((one) => !isSameOwner(one.mark, wanted.mark));
  if (other !== undefined) return held(other.on, other.name, other.mark, wanted.mark);

  const userIsMarked = marks.some((one) => one.on === "user");
  const sign = userIsMarked ? undefined : signOfUser(wanted.user, server);
  if (sign !== undefined) return foreign(`user "${wanted.user}"`, sign, wanted.id);
  const strange = wanted.topics.find(
    (topic) => server.topics.has(topic.name) && !marks.some((one) => one.on === "topic" && one.name === topic.name),
  );
  if (strange !== undefined) return foreign(`topic "${strange.name}"`, "it carries no mark of ours", wanted.id);

  const lost = lostTopics(wanted, server);
  if (lost.length > 0)
    return {
      verdict: "lost",
      reason: `${lost.map((name) => `topic "${name}"`).join(", ")} was in use, as its mark says, but is gone`,
      hint: `Restore it from a copy, or make it anew, empty, with --recreate ${wanted.id}.`,
    };
  return { verdict: marks.length === 0 ? "absent" : "ours" };
}

/** Wanted topics that were made once and are gone. */
export function lostTopics(wanted: DesiredUser, server: ObservedServer): string[] {
  return wanted.topics
    .map((topic) => topic.name)
    .filter(
      (name) =>
        !server.topics.has(name) && server.marks.some((one) => one.on === "topic" && one.name === name && one.ready),
    );
}

/** What shows that a user of this name is known to the server; undefined where nothing does. */
function signOfUser(user: string, server: ObservedServer): string | undefined {
  if (server.users.has(user)) return "it has a password and no mark of ours";
  const rule = server.acls.find((acl) => acl.principal === principalOf(user) && !isMarkPrincipal(acl));
  if (rule !== undefined) return `access rules for it stand already, on ${rule.type} "${rule.name}"`;
  return server.quotas.has(user) ? "a quota for it stands already" : undefined;
}

function held(on: "user" | "topic", name: string, mark: Mark, own: Mark): Verdict {
  const elsewhere = mark.environment.id !== own.environment.id;
  return {
    verdict: "held",
    reason: `${on} "${name}" carries the mark of ${holderText(mark)} (environment ${mark.environment.id})`,
    hint: elsewhere
      ? "Another environment uses this server with the same names: give one of them a prefix in g2p.yaml."
      : "Choose another name for one of the two in g2p.yaml.",
  };
}

function foreign(what: string, why: string, id: string): Verdict {
  return {
    verdict: "foreign",
    reason: `${what} exists already and is not ours: ${why}`,
    hint: `Take it over with --adopt ${id}, or choose another name.`,
  };
}
