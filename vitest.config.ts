import { defineConfig } from "vitest/config";

/** Projects by what their tests need; run one with `vitest run --project unit`. */
export default defineConfig({
  test: {
    projects: [
      {
        // Nothing but this machine's files and processes.
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 15_000 },
      },
      {
        // Real servers, started by the tests: few at once, since each takes memory and both cores.
        test: {
          name: "servers",
          include: ["test/servers/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
