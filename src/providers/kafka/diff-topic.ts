import type { DesiredTopic, DesiredUser } from "./desired.ts";
import { type Drift, type Fix, manual, repairable } from "./drift.ts";
import { isSameOwner, topicMark } from "./mark.ts";
import type { Observed, ObservedTopic } from "./observe.ts";

/** What differs of a claim's topics: those that are missing, those that differ, those no longer wanted. Pure. */
export function diffTopics(wanted: DesiredUser, observed: Observed): Drift[] {
  return [...wanted.topics.flatMap((topic) => diffTopic(wanted, topic, observed)), ...leftovers(wanted, observed)];
}

function diffTopic(wanted: DesiredUser, topic: DesiredTopic, observed: Observed): Drift[] {
  const found = observed.topics.get(topic.name);
  const marks = diffMarks(wanted, topic.name, observed);
  const aspect = `topic:${topic.name}`;
  if (found === undefined) return [...marks, repairable(aspect, "there is one", "none", { do: "create-topic", topic })];
  return [
    ...marks,
    ...diffPartitions(topic, found),
    ...diffReplication(topic, found),
    ...diffSettings(topic, observed),
  ];
}

/** A topic is first marked as about to be made, then as made; only the second stays. */
function diffMarks(wanted: DesiredUser, topic: string, observed: Observed): Drift[] {
  const begun = topicMark(topic, wanted.mark, false);
  const made = topicMark(topic, wanted.mark, true);
  const found = observed.marks.filter((one) => one.on === "topic" && one.name === topic).map((one) => one.acl);
  const isThere = (mark: typeof made) =>
    found.some((acl) => acl.principal === mark.principal && acl.operation === mark.operation);
  const rest = found.filter((acl) => acl.principal !== made.principal || acl.operation !== made.operation);
  if (isThere(made) && rest.length === 0) return [];
  const fixes: Fix[] = [
    ...(isThere(made) || isThere(begun) ? [] : [{ do: "add-acl", acl: begun } as const]),
    ...(isThere(made) ? [] : [{ do: "add-acl", acl: made } as const]),
    ...[begun, ...rest.filter((acl) => acl.principal !== begun.principal || acl.operation !== begun.operation)].map(
      (acl) => ({ do: "drop-acl", acl }) as const,
    ),
  ];
  const actual = found.length === 0 ? "none" : isThere(begun) ? "about to be made" : "an older mark";
  return [repairable(`topic:${topic}:mark`, "made", actual, ...fixes)];
}

function diffPartitions(topic: DesiredTopic, found: ObservedTopic): Drift[] {
  const { partitions } = topic.spec;
  if (found.partitions === partitions) return [];
  const aspect = `topic:${topic.name}:partitions`;
  if (found.partitions < partitions)
    return [repairable(aspect, String(partitions), String(found.partitions), { do: "add-partitions", topic })];
  const note = "Kafka cannot take partitions away: raise `partitions` in g2p.yaml, or make the topic anew by hand";
  return [manual(aspect, String(partitions), String(found.partitions), note)];
}

function diffReplication(topic: DesiredTopic, found: ObservedTopic): Drift[] {
  const { replication } = topic.spec;
  if (replication === undefined || found.replication === replication) return [];
  const note = "copies are moved by kafka-reassign-partitions, which loads the cluster";
  return [manual(`topic:${topic.name}:replication`, String(replication), String(found.replication), note)];
}

/** Settings of the topic's own are exactly those wanted; a wanted value that the broker gives anyway is as good. */
function diffSettings(topic: DesiredTopic, observed: Observed): Drift[] {
  const found = observed.settings.get(topic.name);
  if (found === undefined) return [];
  const wanted = topicSettings(topic);
  const keys = [...found].filter(([, setting]) => setting.own).map(([key]) => key);
  return [...new Set([...Object.keys(wanted), ...keys])].sort().flatMap((key) => {
    const value = wanted[key];
    const setting = found.get(key);
    if (value === undefined ? setting?.own !== true : setting?.value === value) return [];
    return repairable(`topic:${topic.name}:${key}`, value ?? "the broker's", setting?.value ?? "none", {
      do: "set-topic",
      topic: topic.name,
      key,
      value,
    });
  });
}

/** The settings that a topic is given. */
export function topicSettings({ spec }: DesiredTopic): Readonly<Record<string, string>> {
  return {
    "cleanup.policy": spec.compact ? "compact" : "delete",
    ...(spec.retentionMs === undefined ? {} : { "retention.ms": String(spec.retentionMs) }),
  };
}

/** Topics of this claim that the file no longer names: their data is kept; the mark alone of one that is gone is not. */
function leftovers(wanted: DesiredUser, observed: Observed): Drift[] {
  const names = new Set(wanted.topics.map((topic) => topic.name));
  const marks = observed.marks.filter(
    (one) => one.on === "topic" && !names.has(one.name) && isSameOwner(one.mark, wanted.mark),
  );
  return [...Map.groupBy(marks, (one) => one.name)].map(([name, found]) =>
    observed.topics.has(name)
      ? manual(
          `topic:${name}`,
          "none",
          "there is one",
          "the file no longer names it, and its data is kept: name it again, delete it by hand, or accept it",
        )
      : repairable(
          `topic:${name}:mark`,
          "none",
          "of a topic that is gone",
          ...found.map(({ acl }) => ({ do: "drop-acl", acl }) as const),
        ),
  );
}
