import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** What each layer (folder of src) may import beside itself; see "Layers" in the contributor's guide. */
const LAYERS = {
  model: [],
  naming: ["model"],
  modules: ["naming", "model"],
  config: ["modules", "naming", "model"],
  providers: ["modules", "config", "naming", "model"],
  engine: ["providers", "modules", "config", "naming", "model"],
  targets: ["engine", "providers", "modules", "config", "naming", "model"],
  report: ["model"],
  cli: ["report", "targets", "engine", "providers", "modules", "config", "naming", "model"],
};

const PROCESS_EXIT = {
  selector: "CallExpression[callee.object.name='process'][callee.property.name='exit']",
  message: "Only src/cli and src/report may end the process; return or throw.",
};

/** Forbids imports, static and dynamic, of paths that climb out of a folder into one of the folders named. */
function forbid(files, folders, message, syntax) {
  if (folders.length === 0) return { files, rules: { "no-restricted-syntax": ["error", ...syntax] } };
  const regex = `^(\\.\\./)+(${folders.join("|")})/`;
  const dynamic = { selector: `ImportExpression[source.value=/${regex.replaceAll("/", "\\/")}/]`, message };
  return {
    files,
    rules: {
      "no-restricted-imports": ["error", { patterns: [{ regex, message }] }],
      "no-restricted-syntax": ["error", dynamic, ...syntax],
    },
  };
}

function restrict(layer, allowed) {
  const others = Object.keys(LAYERS).filter((other) => other !== layer && !allowed.includes(other));
  // The engine knows no service: of the providers it sees the contract only.
  const services = layer === "engine" ? ["providers/[^/]+"] : [];
  const message = `src/${layer} may import only ${["itself", ...allowed].join(", ")}: imports point downwards.`;
  return forbid(
    [`src/${layer}/**/*.ts`],
    [...others, ...services],
    message,
    layer === "cli" || layer === "report" ? [] : [PROCESS_EXIT],
  );
}

/** A service's folder may import the contract beside it, and no other service's folder. */
function restrictProvider(folder, all) {
  const upper = Object.keys(LAYERS).filter((layer) => layer !== "providers" && !LAYERS.providers.includes(layer));
  const others = all.filter((other) => other !== folder);
  const message = "A provider may import only its own folder, the contract, modules, config, naming and model.";
  return forbid([`src/providers/${folder}/**/*.ts`], [...upper, ...others], message, [PROCESS_EXIT]);
}

const providersFolder = fileURLToPath(new URL("src/providers", import.meta.url));
const providers = existsSync(providersFolder)
  ? readdirSync(providersFolder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  : [];

export default defineConfig(
  { ignores: ["dist/", "coverage/", ".g2p/", "charts/", "node_modules/", "examples/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // What was caught, or is the reason of an abort, is thrown on as it is.
      "@typescript-eslint/only-throw-error": "off",
      // Implementations of asynchronous contracts may have nothing to wait for.
      "@typescript-eslint/require-await": "off",
    },
  },
  ...Object.entries(LAYERS).map(([layer, allowed]) => restrict(layer, allowed)),
  ...providers.map((folder) => restrictProvider(folder, providers)),
  { files: ["src/cli/**/*.ts", "src/report/**/*.ts"], rules: { "no-console": "off" } },
  {
    // node:test and vitest style helpers, and scripts, talk to the terminal and handle untyped JSON.
    files: ["test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts"],
    rules: {
      "no-console": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-unsafe-call": "off",
    },
  },
);
