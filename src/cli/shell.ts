/** A text as one word of a POSIX shell, in single quotes where it needs them. */
export function shellQuoted(text: string): string {
  return /^[\w.:/@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
