import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Compiled code is kept for the next start: in the user's own cache, since others could plant code in a shared temporary
// directory. Where that cannot be written Node.js goes on without.
enableCompileCache(join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "g2p"));
await import("./main.ts");
