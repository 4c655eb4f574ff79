import { styleText } from "node:util";
import type { Look } from "./terminal.ts";

/** Colours by meaning, so that all renderers use the same for the same. */
const STYLES = {
  good: "green",
  change: "yellow",
  bad: "red",
  alarm: ["bold", "red"],
  warning: "yellow",
  heading: "bold",
  faint: "dim",
  command: "cyan",
} as const satisfies Record<string, Parameters<typeof styleText>[0]>;

/** What a piece of text means. */
export type Meaning = keyof typeof STYLES | "plain";

/** Colours a text by its meaning; the text alone where colour is off. */
export type Paint = (meaning: Meaning, text: string) => string;

/** The {@link Paint} for a terminal. */
export function painter(look: Pick<Look, "color">): Paint {
  return (meaning, text) =>
    meaning === "plain" || !look.color || text === ""
      ? text
      : styleText(STYLES[meaning], text, { validateStream: false });
}
