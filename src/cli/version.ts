import { readFileSync } from "node:fs";

/** Put in by the bundler; absent when running from source. */
declare const G2P_VERSION: string | undefined;

/** Version of this package. */
export function version(): string {
  if (typeof G2P_VERSION === "string") return G2P_VERSION;
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
