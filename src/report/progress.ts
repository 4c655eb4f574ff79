import type { Emit, EngineEvent } from "../model/event.ts";
import { painter, type Paint } from "./style.ts";
import type { Terminal } from "./terminal.ts";
import { clip, duration } from "./text.ts";

/** A view of running work; open it by `using`, so that its live lines are gone before an error is printed. */
export interface Progress extends Disposable {
  readonly emit: Emit;
  /** What is running now, as one phrase for "waiting for …"; undefined when nothing is. */
  waitingFor(): string | undefined;
  /** Removes the live lines; call it before anything else is written to the same terminal and at the end. */
  stop(): void;
}

/** How {@link openProgress} shows work. */
export interface ProgressView {
  /** Show nothing but warnings, for `--json`. */
  readonly quiet?: boolean;
  /** Plain lines even on a terminal. */
  readonly plain?: boolean;
  /** Clock in milliseconds. */
  readonly now?: () => number;
}

/** Plain lines tell progress at most this often for each step. */
export const PLAIN_INTERVAL_MS = 5_000;

const FRAME_MS = 80;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const BAR_WIDTH = 16;

interface Step {
  readonly title: string;
  readonly startedAt: number;
  done: number;
  total: number | undefined;
  doing: string | undefined;
  toldAt: number;
}

/**
 * Opens a view of engine events: on a terminal one live line for each running step, which becomes a ✓ or ✗ line with
 * its duration; elsewhere one line at start and end of a step and progress every {@link PLAIN_INTERVAL_MS} at most.
 */
export async function openProgress(terminal: Terminal, view: ProgressView = {}): Promise<Progress> {
  const now = view.now ?? (() => performance.now());
  const paint = painter(terminal);
  const steps = new Map<string, Step>();
  const live = terminal.isTTY && !view.plain && !view.quiet ? await openLive(terminal) : undefined;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const draw = () => live?.draw([...steps.values()].map((step) => liveLine(step, terminal, paint, now(), frame)));
  const tick = () => {
    frame += 1;
    draw();
  };
  const tell = (line: string) => {
    if (live) live.keep(line);
    else terminal.write(`${line}\n`);
    draw();
  };

  const emit = (event: EngineEvent): void => {
    if (event.type === "note") {
      const warning = event.level === "warning";
      if (warning || !view.quiet)
        tell(warning ? `${paint("warning", "!")} ${event.text}` : `${paint("faint", "·")} ${event.text}`);
      return;
    }
    const step = track(steps, event, now());
    if (view.quiet || step === undefined) return;
    switch (event.type) {
      case "step-start":
        if (live) timer ??= setInterval(tick, FRAME_MS).unref();
        else terminal.write(`${paint("faint", "…")} ${event.title}\n`);
        draw();
        break;
      case "step-progress":
        if (live || now() - step.toldAt < PLAIN_INTERVAL_MS) break;
        step.toldAt = now();
        terminal.write(`${paint("faint", "…")} ${step.title}: ${position(step)}\n`);
        break;
      case "step-end":
        tell(endLine(step, event, paint));
        if (steps.size === 0) timer = void clearInterval(timer);
        break;
    }
  };

  const stop = () => {
    timer = void clearInterval(timer);
    steps.clear();
    live?.close();
  };
  return {
    emit,
    waitingFor: () =>
      [...steps.values()].map((step) => [step.title, position(step)].filter(Boolean).join(": ")).join("; ") ||
      undefined,
    stop,
    [Symbol.dispose]: stop,
  };
}

/** Keeps the running steps up to date; returns the step the event is about. */
function track(steps: Map<string, Step>, event: Exclude<EngineEvent, { type: "note" }>, now: number): Step | undefined {
  const known = steps.get(event.step);
  switch (event.type) {
    case "step-start": {
      const step = { title: event.title, startedAt: now, done: 0, total: event.total, doing: undefined, toldAt: now };
      steps.set(event.step, step);
      return step;
    }
    case "step-progress":
      if (known) Object.assign(known, { done: event.done, total: event.total, doing: event.doing });
      return known;
    case "step-end":
      steps.delete(event.step);
      return known;
  }
}

/** `12/23 postgresql/dev/farmers/main`, as far as known. */
function position(step: Step): string {
  const counted = step.total === undefined ? "" : `${step.done}/${step.total}`;
  return [counted, step.doing ?? ""].filter(Boolean).join(" ");
}

/** Spinner, title, bar, numbers, elapsed time and what it is at, as much of it as one line holds. */
function liveLine(step: Step, terminal: Terminal, paint: Paint, now: number, frame: number): string {
  const spinner = FRAMES[frame % FRAMES.length] ?? "";
  const elapsed = now - step.startedAt;
  const time = elapsed < 1000 ? "" : `  ${Math.floor(elapsed / 1000)} s`;
  const counted = step.total === undefined ? "" : `  ${step.done}/${step.total}`;
  const room = terminal.columns - 1 - 2;
  const title = clip(step.title, room - counted.length - time.length);
  const withoutBar = room - title.length - counted.length - time.length;
  const filled =
    step.total === undefined ? 0 : Math.round((Math.min(step.done, step.total) / Math.max(1, step.total)) * BAR_WIDTH);
  const bar =
    step.total !== undefined && withoutBar >= BAR_WIDTH + 2
      ? `  ${paint("good", "━".repeat(filled))}${paint("faint", "─".repeat(BAR_WIDTH - filled))}`
      : "";
  const left = withoutBar - (bar === "" ? 0 : BAR_WIDTH + 2) - 2;
  const doing = step.doing !== undefined && left >= 8 ? `  ${paint("faint", clip(step.doing, left))}` : "";
  return `${paint("command", spinner)} ${title}${bar}${counted}${paint("faint", time)}${doing}`;
}

function endLine(step: Step, event: Extract<EngineEvent, { type: "step-end" }>, paint: Paint): string {
  const glyph = event.outcome === "done" ? paint("good", "✓") : paint("alarm", "✗");
  const detail = event.detail === undefined ? "" : `: ${event.detail}`;
  return `${glyph} ${step.title}${detail} ${paint("faint", `(${duration(event.ms)})`)}`;
}

/** Redrawn lines at the foot of the terminal. */
interface Live {
  draw(lines: readonly string[]): void;
  /** Writes a line that stays, above the redrawn ones. */
  keep(line: string): void;
  close(): void;
}

async function openLive(terminal: Terminal): Promise<Live> {
  const { createLogUpdate } = await import("log-update");
  const update = createLogUpdate(terminal as unknown as NodeJS.WritableStream);
  let drawn = false;
  return {
    draw(lines) {
      if (lines.length > 0) update(lines.join("\n"));
      else if (drawn) update.clear();
      drawn = lines.length > 0;
    },
    keep(line) {
      update.persist(line);
      drawn = false;
    },
    close() {
      if (drawn) update.clear();
      update.done();
      drawn = false;
    },
  };
}
