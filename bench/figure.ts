/** One measured figure, as printed in a row of the table. */
export interface Figure {
  /** The benchmark it comes from. */
  readonly bench: string;
  readonly what: string;
  readonly value: number;
  readonly unit: "ms" | "s" | "MB" | "queries" | "connections" | "transactions";
  /** Value divided by what it is compared with; both from one run. */
  readonly ratio?: { readonly to: string; readonly value: number };
  /** Largest value that is good enough: of the ratio where there is one, else of the value. */
  readonly target?: number;
}

/** Was the figure's target reached? `undefined` where there is none. */
export function isMet(figure: Figure): boolean | undefined {
  if (figure.target === undefined) return undefined;
  return (figure.ratio?.value ?? figure.value) <= figure.target;
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** The figures as a table of plain text, which is also Markdown. */
export function table(figures: readonly Figure[]): string {
  const head = ["benchmark", "what", "value", "ratio", "target", "met"];
  const rows = figures.map((figure) => {
    const met = isMet(figure);
    return [
      figure.bench,
      figure.what,
      valueText(figure),
      figure.ratio === undefined ? "" : `${figure.ratio.value.toFixed(3)} x ${figure.ratio.to}`,
      figure.target === undefined ? "" : `<= ${figure.target}${figure.ratio === undefined ? ` ${figure.unit}` : ""}`,
      met === undefined ? "" : met ? "yes" : "NO",
    ];
  });
  const widths = head.map((word, column) => Math.max(word.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function valueText({ value, unit }: Figure): string {
  const whole = unit === "queries" || unit === "connections" || unit === "transactions" || value >= 100;
  return `${value.toFixed(whole ? 0 : unit === "s" ? 2 : 1)} ${unit}`;
}
