/** Where in a file something stands; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What every error of ours carries beside its message. */
export interface ErrorDetails {
  /** Stable upper-case identifier of the kind of failure, such as `PG_OWNER_MISMATCH`. */
  readonly code: string;
  /** What it is about: a resource id such as `postgresql/dev/registry/main`, or a server. */
  readonly resource?: string;
  /** What to do about it, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * Base of all errors that a user is meant to read. The message says what failed, what was found and expected, and what
 * was left unchanged; {@link ErrorDetails.hint} says what to do. Subclasses are divided by who must act.
 */
export abstract class CommonsError extends Error {
  abstract readonly kind: string;
  /** Exit code of the command that ends with this error. */
  abstract readonly exitCode: number;
  readonly code: string;
  readonly resource: string | undefined;
  readonly hint: string | undefined;

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.resource = details.resource;
    this.hint = details.hint;
  }

  /** Plain data for `--json`; never holds a cause, which may quote statements. */
  toJSON(): Record<string, unknown> {
    return {
      error: this.kind,
      code: this.code,
      message: this.message,
      ...(this.resource === undefined ? {} : { resource: this.resource }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    };
  }
}

/** One mistake in a file, with its place. */
export interface Problem {
  readonly position: Position;
  /** What is wrong, what was expected, and the nearest valid word where there is one. */
  readonly message: string;
}

/** The user's files or flags are wrong. Holds every problem found, not only the first. */
export class ConfigError extends CommonsError {
  readonly kind = "config";
  readonly exitCode = 1;
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[], details: Partial<ErrorDetails> = {}) {
    super(message, { code: "CONFIG_INVALID", ...details });
    this.problems = problems;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), problems: this.problems };
  }
}

/** We will not do it: the object is not ours, data would be lost, consent is missing. Nothing was changed. */
export class RefusedError extends CommonsError {
  readonly kind = "refused";
  readonly exitCode = 3;
}

/** A server or the machine failed or denied us: network, rights, disk, missing extension. */
export class ServiceError extends CommonsError {
  readonly kind = "service";
  readonly exitCode = 1;
}

/** A wait ended before what it waited for was there. */
export class TimeoutError extends CommonsError {
  readonly kind = "timeout";
  readonly exitCode = 4;
}

/** The user stopped the command. */
export class InterruptedError extends CommonsError {
  readonly kind = "interrupted";
  readonly exitCode = 130;
}

/** A fault of ours. Network trouble is never internal. */
export class InternalError extends CommonsError {
  readonly kind = "internal";
  readonly exitCode = 1;
}
