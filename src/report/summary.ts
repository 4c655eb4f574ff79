import stringWidth from "fast-string-width";
import type { StatusResult } from "../model/status.ts";
import { renderServers } from "./status-tree.ts";
import { painter } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count } from "./text.ts";

/** What {@link renderSummary} needs beside the status. */
export interface SummaryView {
  /** Options to repeat in the commands shown, e.g. `-f examples/two-sandboxes/g2p.yaml`; empty for the default file. */
  readonly options?: string;
  /** Whether the servers end with this command (`up` in the foreground). */
  readonly foreground: boolean;
}

/**
 * What `g2p up` ends with: where the servers are, which databases each instance has, and which commands come next.
 * Shows no credentials. Ends with a line feed.
 */
export function renderSummary(status: StatusResult, look: Look, view: SummaryView): string {
  const paint = painter(look);
  const databases = status.items.filter((item) => item.kind === "database");
  const instances = [...Map.groupBy(databases, (item) => `${item.sandbox}/${item.instance}`)];
  const rows = alignColumns(
    instances.map(([instance, items]) => [
      `    ${instance.slice(instance.indexOf("/") + 1)}`,
      items.map((item) => item.name).join("  "),
    ]),
  );
  const sandboxes = Map.groupBy(
    instances.map(([, items], index) => ({ sandbox: items[0]?.sandbox ?? "", row: rows[index] ?? "" })),
    ({ sandbox }) => sandbox,
  );
  const tree = [...sandboxes].flatMap(([sandbox, lines]) => [
    `  ${paint("heading", sandbox)}`,
    ...lines.map(({ row }) => row),
  ]);
  const instance = instances[0]?.[0];
  const options = view.options ? `${view.options} ` : "";
  const commands: readonly (readonly [string, string])[] = [
    ...(instance === undefined
      ? []
      : ([
          [`g2p bindings ${options}${instance}`, "address and credentials of an instance"],
          [`g2p exec ${options}${instance} -- CMD`, "run a program with them"],
        ] as const)),
    [`g2p status ${options}`.trimEnd(), "how it stands"],
  ];
  const sideBySide = alignColumns(
    commands.map(([command, does]) => [`  ${paint("command", command)}`, paint("faint", does)]),
  );
  const next = sideBySide.every((line) => stringWidth(line) <= look.columns)
    ? sideBySide
    : commands.flatMap(([command, does]) => [`  ${paint("command", command)}`, `    ${paint("faint", does)}`]);
  return [
    paint(
      "good",
      `${status.environment} is up: ${count(databases.length, "database")} for ${count(instances.length, "instance")}.`,
    ),
    "",
    ...renderServers(status, look).map((line) => `  ${line}`),
    "",
    ...tree,
    ...(tree.length > 0 ? [""] : []),
    paint("heading", "Next"),
    ...next,
    ...(view.foreground ? ["", paint("faint", "Ctrl-C stops the servers; the data stays.")] : []),
    "",
  ].join("\n");
}
