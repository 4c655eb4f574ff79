import stringWidth from "fast-string-width";
import { SERVICES } from "../model/service.ts";
import type { StatusItem, StatusResult } from "../model/status.ts";
import { countKinds, kindWord } from "./kinds.ts";
import { renderServers } from "./status-tree.ts";
import { painter, type Paint } from "./style.ts";
import type { Look } from "./terminal.ts";
import { alignColumns, count, pad, wrap } from "./text.ts";

/** Sandbox of the commons' own services, which nobody runs programs for. */
const COMMONS = "commons";

/** What {@link renderSummary} needs beside the status. */
export interface SummaryView {
  /** Options to repeat in the commands shown, e.g. `-f examples/two-sandboxes/g2p.yaml`; empty for the default file. */
  readonly options?: string;
  /** Whether the servers end with this command (`up` in the foreground). */
  readonly foreground: boolean;
}

/**
 * What `g2p up` ends with: where the servers are, what each instance has, and which commands come next. Shows no
 * credentials. Ends with a line feed.
 */
export function renderSummary(status: StatusResult, look: Look, view: SummaryView): string {
  const paint = painter(look);
  const instances = [...Map.groupBy(status.items, (item) => `${item.sandbox}/${item.instance}`)];
  const sandboxes = Map.groupBy(instances, ([id]) => id.slice(0, id.indexOf("/")));
  const nameOf = (id: string) => id.slice(id.indexOf("/") + 1);
  const width = Math.max(0, ...instances.map(([id]) => stringWidth(nameOf(id))));
  const tree = [...sandboxes].flatMap(([sandbox, inSandbox]) => [
    `  ${paint("heading", sandbox)}`,
    ...inSandbox.flatMap(([id, items]) =>
      wrap(`${pad(nameOf(id), width)}  ${holdings(items, paint)}`, look.columns, 4, width + 2),
    ),
  ]);
  const instance = (instances.find(([id]) => !id.startsWith(`${COMMONS}/`)) ?? instances[0])?.[0];
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
    ...wrap(paint("good", title(status, instances.length)), look.columns),
    "",
    ...renderServers(status, { ...look, columns: look.columns - 2 }).map((line) => `  ${line}`),
    "",
    ...tree,
    ...(tree.length > 0 ? [""] : []),
    paint("heading", "Next"),
    ...next,
    ...(view.foreground ? ["", paint("faint", "Ctrl-C stops the servers; the data stays.")] : []),
    "",
  ].join("\n");
}

function title(status: StatusResult, instances: number): string {
  const databasesOnly = status.items.every((item) => item.service === "postgresql");
  const databases = status.items.filter((item) => item.kind === "database").length;
  const what = databasesOnly ? count(databases, "database") : count(status.items.length, "resource");
  const on = status.servers.length > 1 ? ` on ${count(status.servers.length, "server")}` : "";
  return `${status.environment} is up: ${what} for ${count(instances, "instance")}${on}.`;
}

/** What an instance has: names of databases, since these are asked for most, and what else there is. */
function holdings(items: readonly StatusItem[], paint: Paint): string {
  const databases = items.filter((item) => item.kind === "database").map((item) => item.name);
  const others = SERVICES.flatMap((service) => {
    const held = items.filter((item) => item.service === service && item.kind !== "database" && item.kind !== "access");
    const [first] = held;
    return first === undefined ? [] : held.length === 1 ? kindWord(first.kind) : countKinds(held);
  });
  return [databases.join("  "), paint("faint", others.join(", "))].filter((text) => text !== "").join("  ");
}
