import { inspect } from "node:util";

const REDACTED = "[redacted]";

/**
 * A password, token or key. It prints as `[redacted]` wherever a value is turned into text (template strings, JSON,
 * `console.log`, error causes); only {@link Secret.reveal} gives the clear text.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The clear text. Call it only where the value leaves for its one rightful reader. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
