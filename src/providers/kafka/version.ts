/**
 * Kafka's release by the level of its feature `metadata.version` (MetadataVersion.java of Kafka 4.3): the first level of each. A
 * cluster that was upgraded and not finalised shows the older one.
 */
const FIRST_LEVELS: readonly (readonly [number, string])[] = [
  [30, "4.3"],
  [28, "4.2"],
  [26, "4.1"],
  [22, "4.0"],
  [21, "3.9"],
  [20, "3.8"],
  [15, "3.7"],
  [12, "3.6"],
  [9, "3.5"],
  [8, "3.4"],
  [4, "3.3"],
];

/** E.g. `4.3` for level 30; `4.3+` for levels that this program does not know. */
export function versionOf(level: number): string {
  const [newest] = FIRST_LEVELS;
  if (newest !== undefined && level > newest[0]) return `${newest[1]}+`;
  return FIRST_LEVELS.find(([first]) => level >= first)?.[1] ?? "3.x";
}
