/**
 * The five database variables that upstream's Python images read (openg2p-fastapi-common's settings), to be put behind an
 * image's prefix.
 *
 * @param binding - claim or access they are filled from.
 * @param suffix - for a second database of the same image, e.g. `_PBMS`.
 */
export function databaseVariables(binding: string, suffix = ""): Record<string, string> {
  return {
    [`DB_HOSTNAME${suffix}`]: `\${${binding}.host}`,
    [`DB_PORT${suffix}`]: `\${${binding}.port}`,
    [`DB_DBNAME${suffix}`]: `\${${binding}.database}`,
    [`DB_USERNAME${suffix}`]: `\${${binding}.username}`,
    [`DB_PASSWORD${suffix}`]: `\${${binding}.password}`,
  };
}
