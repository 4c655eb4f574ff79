import { escapeIdentifier, escapeLiteral } from "pg";

/** Quotes an identifier for use in a statement (`dev"x` becomes `"dev""x"`). */
export function ident(name: string): string {
  return escapeIdentifier(name);
}

/** Quotes a text literal for use in a statement. */
export function literal(text: string): string {
  return escapeLiteral(text);
}

/** A `text[]` literal; look-ups compare as text because an untyped name parameter is cut to 63 bytes silently. */
export function textArray(values: readonly string[]): string {
  return values.length === 0 ? "ARRAY[]::text[]" : `ARRAY[${values.map(literal).join(",")}]::text[]`;
}
