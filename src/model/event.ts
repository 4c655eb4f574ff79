/**
 * What the engine tells while it works. Renderers in `src/report` turn these into a live view, plain lines or JSON; the
 * engine itself never prints.
 */
export type EngineEvent =
  | {
      /** A stretch of work begins, e.g. step `observe`, title "Looking at 23 databases". */
      readonly type: "step-start";
      readonly step: string;
      readonly title: string;
      /** Number of units of work, when known. */
      readonly total?: number;
    }
  | {
      readonly type: "step-progress";
      readonly step: string;
      readonly done: number;
      readonly total: number;
      /** What was just finished or is being worked on, e.g. a resource id. */
      readonly doing?: string;
    }
  | {
      readonly type: "step-end";
      readonly step: string;
      readonly outcome: "done" | "failed";
      /** Short result, e.g. "23 created". */
      readonly detail?: string;
      /** Milliseconds since its start. */
      readonly ms: number;
    }
  | { readonly type: "note"; readonly level: "info" | "warning"; readonly text: string };

/** Receives events; never throws. */
export type Emit = (event: EngineEvent) => void;
