import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { openProgress, PLAIN_INTERVAL_MS } from "../../../src/report/progress.ts";
import { recordingTerminal } from "./samples.ts";

describe("without a terminal", () => {
  it("writes one line at start and end of a step, and progress only now and then", async () => {
    const terminal = recordingTerminal();
    let clock = 0;
    using progress = await openProgress(terminal, { now: () => clock });
    progress.emit({ type: "step-start", step: "observe", title: "Looking at 3 databases", total: 3 });
    for (let done = 1; done <= 3; done++) {
      clock += PLAIN_INTERVAL_MS / 2;
      progress.emit({ type: "step-progress", step: "observe", done, total: 3, doing: `postgresql/dev/m${done}/main` });
    }
    progress.emit({ type: "note", level: "warning", text: "The server is nearly full." });
    progress.emit({ type: "step-end", step: "observe", outcome: "done", detail: "3 found", ms: clock });
    expect(terminal.text()).toMatchInlineSnapshot(`
      "… Looking at 3 databases
      … Looking at 3 databases: 2/3 postgresql/dev/m2/main
      ! The server is nearly full.
      ✓ Looking at 3 databases: 3 found (7.5 s)
      "
    `);
  });

  it("writes only warnings when quiet", async () => {
    const terminal = recordingTerminal();
    using progress = await openProgress(terminal, { quiet: true });
    progress.emit({ type: "step-start", step: "a", title: "A" });
    progress.emit({ type: "note", level: "info", text: "for your information" });
    progress.emit({ type: "note", level: "warning", text: "careful" });
    progress.emit({ type: "step-end", step: "a", outcome: "failed", ms: 1 });
    expect(terminal.text()).toBe("! careful\n");
  });

  it("ignores progress of steps that it does not know", async () => {
    const terminal = recordingTerminal();
    using progress = await openProgress(terminal);
    progress.emit({ type: "step-progress", step: "a", done: 1, total: 2 });
    progress.emit({ type: "step-end", step: "a", outcome: "done", ms: 1 });
    expect(terminal.text()).toBe("");
  });
});

describe("on a terminal", () => {
  it("redraws a line for each running step and keeps one for each that ended", async () => {
    const terminal = recordingTerminal({ isTTY: true });
    let clock = 0;
    using progress = await openProgress(terminal, { now: () => clock });
    progress.emit({ type: "step-start", step: "apply", title: "Creating 4 databases", total: 4 });
    progress.emit({ type: "step-start", step: "serve", title: "Starting PostgreSQL" });
    clock = 12_000;
    progress.emit({ type: "step-progress", step: "apply", done: 1, total: 4, doing: "postgresql/dev/farmers/main" });
    progress.emit({ type: "step-end", step: "serve", outcome: "failed", detail: "port 5432 is taken", ms: 2_345 });
    expect(progress.waitingFor()).toBe("Creating 4 databases: 1/4 postgresql/dev/farmers/main");
    progress.emit({ type: "step-end", step: "apply", outcome: "done", ms: 12_400 });
    expect(progress.waitingFor()).toBeUndefined();
    const lines = stripVTControlCharacters(terminal.text()).split("\n");
    expect(lines.filter((line) => /^[✓✗]/.test(line))).toEqual([
      "✗ Starting PostgreSQL: port 5432 is taken (2.3 s)",
      "✓ Creating 4 databases (12 s)",
    ]);
    expect(lines).toContain("⠋ Creating 4 databases  ━━━━────────────  1/4  12 s  postgresql/dev/farmers/ma…");
  });

  it("never draws a line wider than the terminal", async () => {
    for (const columns of [40, 60, 80]) {
      const terminal = recordingTerminal({ isTTY: true, columns });
      let clock = 0;
      using progress = await openProgress(terminal, { now: () => clock });
      progress.emit({
        type: "step-start",
        step: "a",
        title: "A title that is long enough to fill a line by itself",
        total: 1200,
      });
      clock = 100_000;
      progress.emit({
        type: "step-progress",
        step: "a",
        done: 1000,
        total: 1200,
        doing: "postgresql/dev/farmers/main".repeat(3),
      });
      progress.emit({ type: "note", level: "info", text: "this draws anew" });
      const lines = stripVTControlCharacters(terminal.text()).split("\n");
      expect(lines.filter((line) => line.length >= columns)).toEqual([]);
      expect(terminal.text()).toContain("1000/1200");
    }
  });
});
