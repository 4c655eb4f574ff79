import type { Secret } from "./secret.ts";

/** A binding's fields by name; secret ones hide themselves. */
export type Fields = Readonly<Record<string, string | Secret>>;
